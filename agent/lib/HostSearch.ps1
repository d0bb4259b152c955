# Searches among all virtual machines of the host. Each is one query or a few; where they fail or return nothing, the cmdlets read every
# virtual machine.

function Find-VMByName {
    # Returns the GUID and the name of a virtual machine with a name, except the one with the GUID ExceptId. The name is not passed to
    # Get-VM, which would treat it as a wildcard pattern.
    param([Parameter(Mandatory)] [string] $Name, [string] $ExceptId = '')

    $names = @{}
    try { $names = Get-HostVMName } catch { $null = $_ } # The cmdlet answers the same question more slowly.
    if ($names.Count -eq 0) { foreach ($vm in @(Get-HostVMList)) { $names[$vm.Id.ToString()] = [string]$vm.Name } }
    foreach ($id in $names.Keys) {
        if ($id -ne $ExceptId -and (Test-SameName -Left $names[$id] -Right $Name)) { return [pscustomobject]@{ Id = [guid]$id; Name = $names[$id] } }
    }
}

function Get-MacHolder {
    # Returns the network adapters that have a MAC address, by address, except those of the virtual machine with the GUID ExceptId: the
    # names of adapter and virtual machine.
    param([AllowEmptyString()] [string] $ExceptId)

    $holders = @{}
    $adapters = 0
    try {
        $names = Get-HostVMName
        foreach ($class in 'Msvm_SyntheticEthernetPortSettingData', 'Msvm_EmulatedEthernetPortSettingData') {
            foreach ($item in @(Get-HostInstance -Class $class -Property 'InstanceID', 'ElementName', 'Address')) {
                $owner = Get-InstanceOwner -InstanceId $item.InstanceID
                if (-not $owner -or -not $names.ContainsKey($owner)) { continue } # a checkpoint has copies of the settings
                $adapters++
                $digits = Get-MacDigit -Mac ([string]$item.Address)
                if ($owner -ne $ExceptId -and -not $holders.ContainsKey($digits)) { $holders[$digits] = @{ Adapter = [string]$item.ElementName; VM = $names[$owner] } }
            }
        }
    } catch {
        $adapters = 0 # The cmdlets answer the same question more slowly.
        $holders = @{}
    }
    if ($adapters -gt 0) { return $holders }
    foreach ($vm in @(Get-HostVMList)) {
        if ($vm.Id.ToString() -eq $ExceptId) { continue }
        foreach ($adapter in @(Get-VMProperty -VM $vm -Name 'NetworkAdapters')) {
            $digits = Get-MacDigit -Mac ([string]$adapter.MacAddress)
            if (-not $holders.ContainsKey($digits)) { $holders[$digits] = @{ Adapter = $adapter.Name; VM = $vm.Name } }
        }
    }
    return $holders
}

function Get-AttachedDisk {
    <#
    .SYNOPSIS
    Returns the paths of all virtual hard disks in the settings of virtual machines and their checkpoints. Call it within @( ).
    .DESCRIPTION
    VM is the result of Get-HostVMList. A virtual machine for which the query returns no disk is read with the cmdlets. One that they cannot
    read is added to Trouble as an error record, or ends the function. Each result has the GUID of its Owner, a virtual machine or a
    checkpoint, and VM when the owner is one of those.
    #>
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM, [AllowNull()] [System.Collections.ArrayList] $Trouble)

    $listed = @{}
    foreach ($item in $VM) { $listed[$item.Id.ToString()] = $item }
    $found = New-Object -TypeName System.Collections.ArrayList
    $read = @{}
    try {
        foreach ($item in @(Get-HostInstance -Class 'Msvm_StorageAllocationSettingData' -Property 'InstanceID', 'HostResource', 'ResourceType')) {
            $path = Get-InstanceFirst -Value $item.HostResource
            if ([int]$item.ResourceType -ne 31 -or -not $path) { continue }
            $owner = Get-InstanceOwner -InstanceId $item.InstanceID
            $read[$owner] = $true
            $null = $found.Add(@{ Path = $path; Owner = $owner; VM = $listed[$owner] })
        }
    } catch {
        $read = @{} # The cmdlets answer the same question more slowly.
        $found.Clear()
    }
    foreach ($id in @($listed.Keys)) {
        if ($read.ContainsKey($id)) { continue }
        try {
            foreach ($drive in @(Get-VMProperty -VM $listed[$id] -Name 'HardDrives')) { $null = $found.Add(@{ Path = [string]$drive.Path; Owner = $id; VM = $listed[$id] }) }
        } catch {
            if ($null -eq $Trouble) { throw }
            $null = $Trouble.Add($_)
        }
    }
    $found
}

function Find-DiskUser {
    # Returns a virtual machine that a file is attached to, except the one with the GUID ExceptId. The settings of a checkpoint do not
    # count: they name the disk that was attached when it was made.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [AllowEmptyString()] [string] $ExceptId)

    foreach ($disk in @(Get-AttachedDisk -VM @(Get-HostVMList))) {
        if ($null -ne $disk.VM -and $disk.Owner -ne $ExceptId -and (Test-SamePath -Left $disk.Path -Right $Path)) { return $disk.VM }
    }
}
