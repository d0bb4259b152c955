# ISO files of the owner's: put into a new virtual machine as a DVD, and taken out again. None is ever the job's, so none is recorded
# or deleted.

function Get-AgentMedia {
    # Gives the ISO files in a folder, in the order of their names. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder)

    Get-FolderFile -Folder $Folder -Extension '.iso'
}

function Find-AgentMedia {
    # Gives the path of the ISO file of a name in a folder, or empty text.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Name)

    foreach ($file in @(Get-AgentMedia -Folder $Folder)) { if (Test-SameName -Left $file.BaseName -Right $Name) { return $file.FullName } }
    return ''
}

function Find-MediaFinding {
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Name)

    if (Find-AgentMedia -Folder $Folder -Name $Name) { return }
    $remedy = 'put an .iso file into that folder'
    $files = @(Get-AgentMedia -Folder $Folder)
    if ($files.Count -gt 0) { $remedy = 'use one of: ' + [string]::Join(', ', [string[]]@($files | ForEach-Object -Process { $_.BaseName })) }
    New-JobFinding -Field 'media_name' -Code 'media_missing' -Message "ISO file '$Name' was not found in $Folder" -Remedy $remedy
}

function Invoke-ProvisionMedia {
    # Puts the ISO file into the new machine, which starts from its disk all the same.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    Enter-JobStep -Context $Context -Job $Job -Name 'media' -Message "attach ISO file $($Plan.Media) as a DVD"
    $dvds = @(Get-VMDvdDrive -VM $VM)
    if ($VM.Generation -eq 1 -and $dvds.Count -gt 0) {
        Set-VMDvdDrive -VMDvdDrive $dvds[0] -Path $Plan.Media
    } else {
        Add-VMDvdDrive -VM $VM -Path $Plan.Media
    }
    if ($VM.Generation -eq 1) {
        Set-VMBios -VM $VM -StartupOrder @('IDE', 'CD', 'LegacyNetworkAdapter', 'Floppy')
    } else {
        Set-VMFirmware -VM $VM -FirstBootDevice $Drive
    }
    if ($Job.Steps -notcontains 'eject') {
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -Message 'the DVD stays in the virtual machine, since nothing is waited for: take it out once it has done its work'
    }
}

function Invoke-ProvisionEject {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    Enter-JobStep -Context $Context -Job $Job -Name 'eject' -Message "take out ISO file $($Plan.Media)"
    foreach ($dvd in @(Get-VMDvdDrive -VM $VM)) {
        if (-not (Test-SameName -Left $dvd.Path -Right $Plan.Media)) { continue }
        if ($VM.Generation -eq 1) {
            Set-VMDvdDrive -VMDvdDrive $dvd -Path $null
            continue
        }
        try { Remove-VMDvdDrive -VMDvdDrive $dvd } catch {
            # No reason to undo a machine that is up, as long as the file is out.
            $why = (ConvertTo-AgentFailure -ErrorRecord $_)['message']
            Set-VMDvdDrive -VMDvdDrive $dvd -Path $null
            Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -Message "the DVD drive stays in the virtual machine, with nothing in it: $why"
        }
    }
}
