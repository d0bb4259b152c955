# What the host has, and what it has left.

function Get-HostCapacity {
    # The folders are those that the host's owner has set, or the host's own.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Settings)

    $vmPath = Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'vm_path'
    $imagePath = Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path'
    $images = @(Get-AgentImage -Folder $imagePath | ForEach-Object -Process { [ordered]@{ name = $_.BaseName; size_bytes = $_.Length } })
    $media = @(Get-AgentMedia -Folder $imagePath | ForEach-Object -Process { [ordered]@{ name = $_.BaseName; size_bytes = $_.Length } })
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
    # Gives how many bytes of memory virtual machines can still get, or null when the host cannot tell.
    param([Parameter(Mandatory)] $Machine)

    try {
        $free = [long]0
        $total = [long]0
        foreach ($node in @(Get-VMHostNumaNode)) {
            $free += [long]$node.MemoryAvailable
            $total += [long]$node.MemoryTotal
        }
        # The module's documentation names no unit, MiB or bytes: it is the one in which the nodes make up the host.
        if ($total -lt $Machine.MemoryCapacity / 1024) { return $free * 1MB }
        return $free
    } catch {
        return $null
    }
}

function Get-FreeSpace {
    # Gives the free bytes of the volume that a folder is on, or null when they are not known. The folder need not be there yet.
    param([Parameter(Mandatory)] [string] $Folder)

    try {
        for ($at = $Folder; $at; $at = [System.IO.Path]::GetDirectoryName($at)) {
            if (-not [System.IO.Directory]::Exists($at)) { continue }
            # Another volume is mounted there: one that the cluster shares, if it is known at all.
            if ([System.IO.File]::GetAttributes($at).HasFlag([System.IO.FileAttributes]::ReparsePoint)) { return Get-SharedSpace -Folder $Folder }
        }
        return (New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($Folder))).AvailableFreeSpace
    } catch {
        return $null # a share on the network, for one
    }
}

function Get-SharedSpace {
    # Gives the free bytes of the cluster's volume that a folder is on, or null.
    param([Parameter(Mandatory)] [string] $Folder)

    $separator = [string][System.IO.Path]::DirectorySeparatorChar
    foreach ($volume in @(Get-ClusterSharedVolume)) {
        foreach ($info in @($volume.SharedVolumeInfo)) {
            $root = $info.FriendlyVolumeName.TrimEnd('\', '/') + $separator
            if (($Folder + $separator).StartsWith($root, [System.StringComparison]::OrdinalIgnoreCase)) { return [long]$info.Partition.FreeSpace }
        }
    }
    return $null
}
