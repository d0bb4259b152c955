# Existing virtual hard disks that a definition attaches by their paths as data disks. They are recorded, but no job creates, expands or
# deletes their files.

function Get-ExistingDisk {
    # Returns the records of such disks in a manifest. Call it within @( ).
    param([AllowNull()] $Manifest)

    if ($null -eq $Manifest) { return }
    foreach ($disk in $Manifest.DataDisks) { if ($disk.Contains('existing')) { $disk } }
}

function Test-DiskWanted {
    # Reports whether a definition contains the disk of a record: by its path if it existed before, or else by its name.
    param([Parameter(Mandatory)] $Recorded, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    foreach ($disk in $Wanted) {
        $same = if ($Recorded.Contains('existing')) { $disk.Existing -and (Test-SamePath -Left $disk.Path -Right $Recorded.path) }
        else { Test-SameName -Left $disk.Name -Right $Recorded.name }
        if ($same) { return $true }
    }
    return $false
}

function Set-ExistingDiskRecord {
    # Records the existing disks of a definition in a manifest, and removes the others: a detached disk is nothing to the virtual machine.
    param([Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    foreach ($recorded in @(Get-ExistingDisk -Manifest $Manifest)) {
        if (-not (Test-DiskWanted -Recorded $recorded -Wanted $Wanted)) { $Manifest.DataDisks.Remove($recorded) }
    }
    foreach ($disk in $Wanted) { if ($disk.Existing) { Add-ManifestDisk -Manifest $Manifest -Disk $disk -Path $disk.Path } }
}

function Get-NewExistingDiskFinding {
    # Returns the findings about the existing disks of a new virtual machine.
    param([Parameter(Mandatory)] $Fields, [switch] $Warn)

    foreach ($disk in @(Get-DataDiskSpec -Value $Fields['data_disks'])) {
        if ($disk.Existing) { Get-ExistingDiskFinding -Field "data_disks[$($disk.Index)].path" -Path $disk.Path -Warn:$Warn }
    }
}

function Get-ExistingDiskFinding {
    # Returns a finding about an existing disk that cannot be attached. With Warn, one that does not exist is a warning: it may be created
    # before the job starts.
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] [string] $Path, [switch] $Warn)

    $refused = @(Get-PathFinding -Field $Field -Path $Path) + @(Get-ShareFinding -Field $Field -Folder ([System.IO.Path]::GetDirectoryName($Path)))
    if ($refused.Count -gt 0) { return $refused[0] }
    if (-not [System.IO.File]::Exists($Path)) {
        $severity = if ($Warn) { 'warning' } else { 'error' }
        return New-JobFinding -Field $Field -Severity $severity -MessageId 'disk_missing' -Values @{ path = $Path }
    }
    $user = Find-DiskUser -Path $Path -ExceptId ''
    if ($null -ne $user) {
        $reason = (Get-AgentMessage -Id 'leftover_vm_uses' -Values @{ vm = $user.Name }).Message
        return New-JobFinding -Field $Field -MessageId 'data_disk_attached' -Values @{ path = $Path; reason = $reason } -VMId $user.Id.ToString()
    }
    # A disk that another one is based on must not change. Where that is not certain, it is not refused.
    $doubt = New-Object -TypeName System.Collections.ArrayList
    $use = Get-DiskUsage -Disk @() -Own @($Path) -Doubt $doubt
    if ($doubt.Count -eq 0 -and $use.ContainsKey($Path)) {
        return New-JobFinding -Field $Field -MessageId 'data_disk_attached' -Values @{ path = $Path; reason = $use[$Path] }
    }
    $detail = Get-DiskDetail -Path $Path
    if ($detail.Busy) { return New-JobFinding -Field $Field -MessageId 'disk_in_use' -Values @{ path = $Path; reason = $detail.Busy } }
    if ($null -eq $detail.Disk) { New-JobFinding -Field $Field -MessageId 'disk_unreadable' -Values @{ path = $Path } }
}
