# Taking back what a job had made when it failed or was cancelled: in reverse, and nothing else.

function Undo-Job {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $made = $Job.Made
    if ($Job.Operation -eq 'update') {
        try { Undo-JobAdapter -Context $Context -Job $Job } catch { Add-JobLeft -Context $Context -Job $Job -Text (ConvertTo-AgentFailure -ErrorRecord $_)['message'] }
        try { Undo-JobDisk -Context $Context -Job $Job } catch { Add-JobLeft -Context $Context -Job $Job -Text (ConvertTo-AgentFailure -ErrorRecord $_)['message'] }
        $vm = $null
        if ($made.Stopped) { $vm = Find-HostVM -Id $Job.VMId }
        if ($null -ne $vm -and [string]$vm.State -eq 'Off') {
            $null = Undo-JobPart -Context $Context -Job $Job -Done 'started the virtual machine again' -What "virtual machine $($Job.VMId)" -Action {
                Start-VM -VM $vm
            }
        }
        return
    }
    $gone = $true
    if (-not $made.Folder) { return }
    if (-not $made.VM -and $made.Making) { $made.VM = Find-FolderVM -Folder $made.Folder }
    if ($made.VM) { $gone = Undo-JobVM -Context $Context -Job $Job }
    if (-not $gone) {
        $null = $Job.Left.Add((Protect-JobText -Job $Job -Text "folder $($made.Folder): the virtual machine's files are in it"))
        return
    }
    if (-not [System.IO.Directory]::Exists($made.Folder)) { return }
    foreach ($file in @($made.Files)) {
        if (-not [System.IO.File]::Exists($file)) { continue }
        $null = Undo-JobPart -Context $Context -Job $Job -Done "deleted $file" -What $file -Action { [System.IO.File]::Delete($file) }
    }
    foreach ($name in $script:AgentManifestName, ($script:AgentManifestName + '.new')) {
        [System.IO.File]::Delete([System.IO.Path]::Combine($made.Folder, $name))
    }
    $null = Undo-JobPart -Context $Context -Job $Job -Done "removed folder $($made.Folder)" -What "folder $($made.Folder)" -Action {
        if (-not (Remove-EmptyFolder -Path $made.Folder)) { throw 'it holds files that are not from this job' }
        Remove-JobsFolder -Path ([System.IO.Path]::GetDirectoryName($made.Folder))
    }
}

function Find-FolderVM {
    # Gives the GUID of the virtual machine that lives in a folder, or empty text.
    param([Parameter(Mandatory)] [string] $Folder)

    foreach ($vm in @(Get-VM)) {
        if ($vm.Path -and (Test-WithinFolder -Folder $Folder -Path $vm.Path)) { return $vm.Id.ToString() }
    }
    return ''
}

function Undo-JobVM {
    # Gives true when the virtual machine is gone.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $id = $Job.Made.VM
    $name = $Job.Fields['vm_name']
    return Undo-JobPart -Context $Context -Job $Job -Done "removed virtual machine '$name' ($id)" -What "virtual machine '$name' ($id)" -Action {
        $vm = Find-HostVM -Id $id
        if ($null -ne $vm) {
            if ([string]$vm.State -ne 'Off') { Stop-VM -VM $vm -TurnOff -Force }
            if ($Job.Made.Clustered -and $vm.IsClustered) { $null = Remove-ClusterGroup -VMId $vm.Id -RemoveResources -Force }
            Remove-VM -VM $vm -Force
        }
    }
}

function Undo-JobPart {
    # Takes one thing back and tells of it. Gives false when that failed: the thing is then left, and said to be.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Done,
        [Parameter(Mandatory)] [string] $What,
        [Parameter(Mandatory)] [scriptblock] $Action
    )

    try {
        $null = & $Action
    } catch {
        $text = "${What}: " + (ConvertTo-AgentFailure -ErrorRecord $_)['message']
        Add-JobLeft -Context $Context -Job $Job -Text $text
        return $false
    }
    $null = $Job.Undone.Add((Protect-JobText -Job $Job -Text $Done))
    Write-JobEvent -Context $Context -Job $Job -Kind 'undo' -Message $Done
    return $true
}

function Add-JobLeft {
    # Notes something that stays on the host, and why.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Text)

    $null = $Job.Left.Add((Protect-JobText -Job $Job -Text $Text))
    Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -Message "left $Text"
}
