# The medium of a guest: an ISO file with its settings, which the guest reads at its first start. It may contain secrets. A record in the
# data folder exists as long as the file may, so that a later session removes a medium whose job did not.

# The file in the folder of the virtual machine, and how long it stays at most, in hours.
$script:AgentGuestMediaName = 'guest-setup.iso'
$script:AgentGuestMediaHours = 24

function Invoke-ProvisionGuestMedia {
    # Step guest_media: writes the medium and attaches it. The virtual machine still boots from its disk.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    $guest = Get-JobGuest -Fields $Job.Fields
    $path = Get-GuestMediaPath -Folder $Plan.Folder
    Enter-JobStep -Context $Context -Job $Job -Name 'guest_media' -MessageId 'step_guest_media' -Values @{ path = $path; setup = $guest.Setup }
    Set-GuestMac -Context $Context -Job $Job -Plan $Plan -VM $VM -Guest $guest
    if ([System.IO.File]::Exists($path)) { throw (New-AgentError -MessageId 'file_exists' -Values @{ path = $path }) }
    $null = $Job.Journal.Files.Add($path)
    Save-JobState -Context $Context -Job $Job
    $null = $Job.Journal.Manifest.Files.Add($path)
    Save-JobManifest -Manifest $Job.Journal.Manifest
    Add-GuestMediaRecord -Job $Job -Folder $Plan.Folder
    $files = Get-GuestFile -Guest $guest -InstanceId $Job.VMId
    try {
        $image = New-IsoImage -Label $script:AgentGuestSeedLabel -Files $files
    } finally {
        foreach ($bytes in $files.Values) { [System.Array]::Clear($bytes, 0, $bytes.Length) }
    }
    try {
        Write-GuestMedia -Path $path -Image $image -VMId $Job.VMId
    } finally {
        [System.Array]::Clear($image, 0, $image.Length)
    }
    Add-JobDvd -VM $VM -Path $path -Drive $Drive
    if (-not (Test-GuestMediaEjected -Fields $Job.Fields)) {
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'guest_media_kept' -Values @{ hours = $script:AgentGuestMediaHours }
    }
}

function Get-GuestMediaPath {
    # Returns the path of the medium in the folder of a virtual machine.
    param([Parameter(Mandatory)] [string] $Folder)

    return [System.IO.Path]::Combine($Folder, $script:AgentGuestMediaName)
}

function Get-GuestFile {
    # Returns the files of the medium, as byte arrays by name.
    param([Parameter(Mandatory)] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    if ($Guest.Setup -eq 'unattend') { return New-WindowsAnswer -Guest $Guest -InstanceId $InstanceId }
    if ($Guest.OSFamily -eq 'windows') { return New-CloudbaseSeed -Guest $Guest -InstanceId $InstanceId }
    return New-LinuxSeed -Guest $Guest -InstanceId $InstanceId
}

function Test-GuestMediaEjected {
    # Reports whether the job removes the medium itself. A heartbeat does not show that the guest has read it. An address of a Linux guest
    # does, because cloud-init reads it before it configures the network; Windows has one before cloudbase-init starts.
    param([Parameter(Mandatory)] $Fields)

    $condition = Get-WaitCondition -Fields $Fields
    return $condition -eq 'setup' -or ($condition -eq 'address' -and $Fields['os_family'] -ne 'windows')
}

function Write-GuestMedia {
    # Writes the medium to a new file.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [string] $VMId)

    $stream = New-GuestMediaStream -Path $Path -VMId $VMId
    try {
        $stream.Write($Image, 0, $Image.Length)
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
}

function New-GuestMediaStream {
    <#
    .SYNOPSIS
    Creates the file together with its access rights and returns its stream: no other account can read it at any time.
    .DESCRIPTION
    The worker process of a virtual machine opens its files as NT VIRTUAL MACHINE\<GUID>. Files on a share have the access rights of
    their folder: the hosts open them with their computer accounts.
    https://learn.microsoft.com/windows-server/virtualization/hyper-v/deploy/deploy-hyper-v-over-smb
    #>
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $VMId)

    if (-not (Test-AccessControl) -or (Get-ShareRoot -Path $Path)) {
        return [System.IO.FileStream]::new($Path, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
    }
    $security = [System.Security.AccessControl.FileSecurity]::new()
    $security.SetAccessRuleProtection($true, $false)
    foreach ($sid in @($script:AgentControlSids) + (Get-AgentSid)) {
        $security.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new([System.Security.Principal.SecurityIdentifier]::new($sid), 'FullControl', 'Allow'))
    }
    $security.AddAccessRule([System.Security.AccessControl.FileSystemAccessRule]::new([System.Security.Principal.SecurityIdentifier]::new((Get-VMSid -VMId $VMId)), 'Read', 'Allow'))
    $rights = [System.Security.AccessControl.FileSystemRights]::Write
    if ($PSVersionTable.PSEdition -eq 'Core') {
        $file = [System.IO.FileInfo]::new($Path)
        return [System.IO.FileSystemAclExtensions]::Create($file, [System.IO.FileMode]::CreateNew, $rights, [System.IO.FileShare]::None, 4096, [System.IO.FileOptions]::None, $security)
    }
    return [System.IO.FileStream]::new($Path, [System.IO.FileMode]::CreateNew, $rights, [System.IO.FileShare]::None, 4096, [System.IO.FileOptions]::None, $security)
}

function Get-VMSid {
    # Returns the SID of the account under which a virtual machine runs: S-1-5-83-1 and the four words of its GUID.
    # https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers (S-1-5-83-0 is the group of all)
    param([Parameter(Mandatory)] [string] $VMId)

    $bytes = [guid]::Parse($VMId).ToByteArray()
    return 'S-1-5-83-1-' + [string]::Join('-', [string[]]@(foreach ($offset in 0, 4, 8, 12) { [System.BitConverter]::ToUInt32($bytes, $offset) }))
}

function Remove-JobGuestMedia {
    # Detaches and deletes the medium at the end of its job. One that cannot be deleted now is a leftover, which a later session removes.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $path = Get-GuestMediaPath -Folder $Plan.Folder
    try {
        Remove-JobDvd -Context $Context -Job $Job -VM $VM -Path $path
    } catch {
        if ([System.IO.File]::Exists($path)) { throw } # otherwise a session removed the medium of this job, which is run by hand
    }
    try {
        Remove-OwnFile -Folder $Plan.Folder -Path $path -Context $Context -Job $Job
    } catch {
        Add-JobLeftover -Context $Context -Job $Job -Item $path -Reason (Get-AgentMessage -Id 'leftover_retried' -Values @{ reason = (Get-FailureMessage -ErrorRecord $_) }).Message
        return
    }
    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'file_deleted' -Values @{ path = $path }
    Remove-ManifestDisk -Manifest $Job.Journal.Manifest -Path $path
    Save-JobManifest -Manifest $Job.Journal.Manifest
    Clear-GuestMediaRecord -JobId $Job.Id
}

function Get-GuestMediaRecord {
    # Returns the path of the record of a job's medium.
    param([Parameter(Mandatory)] [string] $JobId)

    return [System.IO.Path]::Combine((Get-DataFolder -Name 'pending'), $JobId.ToLowerInvariant() + '.media')
}

function Add-GuestMediaRecord {
    # Records the medium of a job in the data folder.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Folder)

    Initialize-DataFolder
    Write-AtomicFile -Path (Get-GuestMediaRecord -JobId $Job.Id) -Text (ConvertTo-AgentJson -Value ([ordered]@{ format = 1; job = $Job.Id; vm_id = $Job.VMId; folder = $Folder }))
}

function Clear-GuestMediaRecord {
    # Removes the record of a job whose medium does not exist any more. Throws nothing: a record without a file does no harm.
    param([AllowEmptyString()] [string] $JobId)

    try {
        $path = Get-GuestMediaRecord -JobId $JobId
        if (-not $JobId -or -not [System.IO.File]::Exists($path)) { return }
        $folder = Get-AgentText -Value (ConvertFrom-AgentJson -Text (Read-SharedFile -Path $path)) -Name 'folder'
        if (-not [System.IO.File]::Exists((Get-GuestMediaPath -Folder $folder))) { Remove-HostFile -Path $path -Limit 0 }
    } catch {
        $null = $_
    }
}

function Clear-GuestMedia {
    <#
    .SYNOPSIS
    Removes the media that earlier jobs left attached: of guests that reported the end of their set-up, of virtual machines that do not
    exist any more, and those that are too old. Runs at the start of a session, and throws nothing.
    #>
    $root = Get-DataFolder -Name 'pending'
    if (-not [System.IO.Directory]::Exists($root)) { return }
    $lock = $null
    try {
        $records = [System.IO.Directory]::GetFiles($root, '*.media')
        if ($records.Length -eq 0) { return }
        $lock = Lock-File -Path ([System.IO.Path]::Combine($root, 'media-lock'))
        if ($null -eq $lock) { return } # another process does it
        foreach ($record in $records) {
            try { Clear-OldGuestMedia -Record $record } catch { [System.Console]::Error.WriteLine("${record}: $($_.Exception.Message)") }
        }
    } catch {
        [System.Console]::Error.WriteLine("${root}: $($_.Exception.Message)")
    } finally {
        if ($null -ne $lock) { $lock.Dispose() }
    }
}

function Clear-OldGuestMedia {
    # Removes the medium of a record, and the record, if the guest does not need it any more. A job that runs removes its own.
    param([Parameter(Mandatory)] [string] $Record)

    $key = [System.IO.Path]::GetFileNameWithoutExtension($Record)
    if ((Test-JobKnown -Key $key) -and -not (Test-JobOrphaned -Key $key)) { return }
    $value = ConvertFrom-AgentJson -Text (Read-SharedFile -Path $Record)
    $folder = Get-AgentText -Value $value -Name 'folder'
    $id = Get-AgentGuid -Text (Get-AgentText -Value $value -Name 'vm_id')
    $path = Get-GuestMediaPath -Folder $folder
    if ([System.IO.File]::Exists($path)) {
        $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $id # throws when another node has it
        if ($null -ne $vm) {
            $old = [System.IO.File]::GetCreationTimeUtc($Record) -lt [System.DateTime]::UtcNow.AddHours(-$script:AgentGuestMediaHours)
            if (-not $old -and -not (Read-GuestReport -VMId $id).Setup) { return }
            Remove-JobDvd -VM $vm -Path $path
        }
        Remove-OwnFile -Folder $folder -Path $path -Limit $script:AgentReadMilliseconds
        if ($null -ne $vm -and $null -ne ($manifest = Find-JobManifest -VM $vm)) {
            Remove-ManifestDisk -Manifest $manifest -Path $path
            Save-JobManifest -Manifest $manifest
        }
    }
    Remove-HostFile -Path $Record -Limit 0
}
