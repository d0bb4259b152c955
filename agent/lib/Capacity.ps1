# The capacity of the host: processors, memory, disk space, images and ISO files.

function Get-HostCapacity {
    # Returns the capacity of the host. Settings may name other folders than the host's default ones.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Settings)

    $vmPath = Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'vm_path'
    $imagePath = Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path'
    $images = @(Get-ImageFile -Folder $imagePath | ForEach-Object -Process { [ordered]@{ name = $_.BaseName; size_bytes = $_.Length } })
    $media = @(Get-MediaFile -Folder $imagePath | ForEach-Object -Process { [ordered]@{ name = $_.BaseName; size_bytes = $_.Length } })
    return [ordered]@{
        name                   = $Machine.Name
        logical_processors     = $Machine.LogicalProcessorCount
        memory_bytes           = $Machine.MemoryCapacity
        memory_available_bytes = Get-AvailableMemory -Machine $Machine
        virtual_hard_disk_path = $Machine.VirtualHardDiskPath
        vm_path                = $vmPath
        free_bytes             = Get-FreeSpace -Folder $vmPath
        image_path             = $imagePath
        images                 = [object[]]$images
        media                  = [object[]]$media
    }
}

function Get-AvailableMemory {
    # Returns the memory that is available to virtual machines in bytes, or null when it is unknown.
    param([Parameter(Mandatory)] $Machine)

    try {
        $free = [long]0
        $total = [long]0
        foreach ($node in @(Get-VMHostNumaNode)) {
            $free += [long]$node.MemoryAvailable
            $total += [long]$node.MemoryTotal
        }
        # The module's documentation does not state the unit, MiB or bytes: it is the one in which the nodes add up to the host.
        if ($total -lt $Machine.MemoryCapacity / 1024) { return $free * 1MB }
        return $free
    } catch {
        return $null
    }
}

function Get-FreeSpace {
    # Returns the free bytes of the volume of a folder, or null when they are unknown. The folder need not exist.
    param([Parameter(Mandatory)] [string] $Folder)

    try {
        for ($at = $Folder; $at; $at = [System.IO.Path]::GetDirectoryName($at)) {
            if (-not [System.IO.Directory]::Exists($at)) { continue }
            # A reparse point mounts another volume: only those of the cluster are known.
            if ([System.IO.File]::GetAttributes($at).HasFlag([System.IO.FileAttributes]::ReparsePoint)) { return Get-ClusterVolumeSpace -Folder $Folder }
        }
        return (New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($Folder))).AvailableFreeSpace
    } catch {
        return $null # for example a network share
    }
}

function Get-ClusterVolumeSpace {
    # Returns the free bytes of the cluster shared volume of a folder, or null.
    param([Parameter(Mandatory)] [string] $Folder)

    $info = Find-SharedVolume -Folder $Folder
    if ($null -eq $info) { return $null }
    return [long]$info.Partition.FreeSpace
}
