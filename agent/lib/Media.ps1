# ISO files of the user: attached to a new virtual machine as a DVD, and ejected. They do not belong to the job, so they are neither
# recorded nor deleted.

function Get-MediaFile {
    # Returns the ISO files in a folder, sorted by name. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder)

    Get-FolderFile -Folder $Folder -Extension '.iso'
}

function Find-MediaFile {
    # Returns the path of the ISO file with a name in a folder, or an empty string.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Name)

    foreach ($file in @(Find-NamedFile -File @(Get-MediaFile -Folder $Folder) -Name $Name)) { return $file.FullName }
    return ''
}

function Get-MediaFinding {
    # Returns a finding when an ISO file does not exist.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Name)

    # Unlike the cmdlets for disks, those for DVD drives take the path as it is.
    $all = @(Get-MediaFile -Folder $Folder)
    $same = @(Find-NamedFile -File $all -Name $Name)
    if ($same.Count -gt 1) {
        $values = @{ count = $same.Count; folder = $Folder; name = $Name; files = (Join-BaseName -File $same) }
        return New-JobFinding -Field 'media_name' -MessageId 'media_ambiguous' -Values $values
    }
    if ($same.Count -eq 1) { return }
    $files = @($all | ForEach-Object -Process { $_.BaseName })
    if ($files.Count -eq 0) {
        New-JobFinding -Field 'media_name' -MessageId 'media_missing_folder_empty' -Values @{ media = $Name; folder = $Folder }
        return
    }
    New-JobFinding -Field 'media_name' -MessageId 'media_missing' -Values @{ media = $Name; folder = $Folder; files = (Join-AgentText -Text $files) }
}

function Invoke-ProvisionMedia {
    # Step media: attaches the ISO file. The virtual machine still boots from its disk.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    Enter-JobStep -Context $Context -Job $Job -Name 'media' -MessageId 'step_media' -Values @{ path = $Plan.Media }
    Add-JobDvd -VM $VM -Path $Plan.Media -Drive $Drive
    if ($Job.Steps -notcontains 'eject') {
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'media_not_ejected'
    }
}

function Add-JobDvd {
    # Attaches an ISO file as a DVD, to the empty drive of generation 1 if there is one. The virtual machine still boots from Drive.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] $Drive)

    $empty = @()
    if ($VM.Generation -eq 1) { $empty = @(Get-VMDvdDrive -VM $VM | Where-Object -FilterScript { -not $_.Path }) }
    if ($empty.Count -gt 0) { Set-VMDvdDrive -VMDvdDrive $empty[0] -Path $Path } else { Add-VMDvdDrive -VM $VM -Path $Path }
    if ($VM.Generation -eq 1) {
        Set-VMBios -VM $VM -StartupOrder @('IDE', 'CD', 'LegacyNetworkAdapter', 'Floppy')
    } else {
        Set-VMFirmware -VM $VM -FirstBootDevice $Drive
    }
}

function Invoke-ProvisionEject {
    # Step eject: ejects the ISO file of the user, and the medium of the guest, which is deleted.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $guest = $Job.Steps -contains 'guest_media' -and (Test-GuestMediaEjected -Fields $Job.Fields)
    $paths = @(
        if ($Plan.Media) { $Plan.Media }
        if ($guest) { Get-GuestMediaPath -Folder $Plan.Folder }
    )
    Enter-JobStep -Context $Context -Job $Job -Name 'eject' -MessageId 'step_eject' -Values @{ path = (Join-AgentText -Text $paths) }
    if ($Plan.Media) { Remove-JobDvd -Context $Context -Job $Job -VM $VM -Path $Plan.Media }
    if ($guest) { Remove-JobGuestMedia -Context $Context -Job $Job -Plan $Plan -VM $VM }
}

function Remove-JobDvd {
    # Removes the DVD drive with an ISO file, or ejects the file where the drive cannot be removed.
    param([AllowNull()] $Context = $null, [AllowNull()] $Job = $null, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Path)

    foreach ($dvd in @(Get-VMDvdDrive -VM $VM)) {
        if (-not (Test-SamePath -Left $dvd.Path -Right $Path)) { continue }
        if ($VM.Generation -eq 1) {
            Set-VMDvdDrive -VMDvdDrive $dvd -Path $null
            continue
        }
        try { Remove-VMDvdDrive -VMDvdDrive $dvd } catch {
            # The virtual machine is up, so the job need not fail as long as the file is ejected.
            $reason = Get-FailureMessage -ErrorRecord $_
            Set-VMDvdDrive -VMDvdDrive $dvd -Path $null
            if ($null -ne $Job) { Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'media_drive_kept' -Values @{ reason = $reason } }
        }
    }
}
