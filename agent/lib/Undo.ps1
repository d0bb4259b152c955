# Undoing a job that failed or was cancelled: in reverse order, and only what the job itself created.

function Undo-Job {
    <#
    .SYNOPSIS
    Undoes a job from its journal.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $journal = $Job.Journal
    if ($Job.Operation -eq 'image') {
        Undo-ImageJob -Context $Context -Job $Job
        return
    }
    if ($Job.Operation -eq 'disk') {
        Undo-DiskJob -Context $Context -Job $Job
        return
    }
    if ($Job.Operation -eq 'switch') {
        Undo-SwitchJob -Context $Context -Job $Job
        return
    }
    if ('update', 'power', 'checkpoint', 'export' -contains $Job.Operation) {
        try { Undo-JobExport -Context $Context -Job $Job } catch { Add-JobLeftover -Context $Context -Job $Job -Reason (Get-FailureMessage -ErrorRecord $_) }
        try { Undo-JobCheckpoint -Context $Context -Job $Job } catch { Add-JobLeftover -Context $Context -Job $Job -Reason (Get-FailureMessage -ErrorRecord $_) }
        try { Undo-JobAdapter -Context $Context -Job $Job } catch { Add-JobLeftover -Context $Context -Job $Job -Reason (Get-FailureMessage -ErrorRecord $_) }
        try { Undo-JobDisk -Context $Context -Job $Job } catch { Add-JobLeftover -Context $Context -Job $Job -Reason (Get-FailureMessage -ErrorRecord $_) }
        $vm = $null
        try {
            if ($journal.Stopped) { $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $Job.VMId }
            if ($null -ne $vm -and $Job.ShuttingDown -and (ConvertTo-PowerState -State $vm.State) -ne 'off') {
                # The guest was asked to shut down, and will: it can be started only then.
                Wait-VMOff -Context $Context -Job $Job -VM $vm -Seconds $script:AgentShutdownReadySeconds
                $vm = Find-HostVM -Id $Job.VMId
            }
        } catch { Add-JobLeftover -Context $Context -Job $Job -Reason (Get-FailureMessage -ErrorRecord $_) }
        if ($null -ne $vm -and (ConvertTo-PowerState -State $vm.State) -eq 'off') {
            $item = (Get-AgentMessage -Id 'item_vm_id' -Values @{ id = $Job.VMId }).Message
            $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_vm_started' -Item $item -Action { Start-VM -VM $vm }
        }
        return
    }
    if (-not $journal.Folder) { return }
    $gone = $true
    $folderText = (Get-AgentMessage -Id 'item_folder' -Values @{ folder = $journal.Folder }).Message
    if (-not $journal.VM -and $journal.Making) { $journal.VM = Find-VMInFolder -Folder $journal.Folder }
    if ($journal.VM) { $gone = Undo-JobVM -Context $Context -Job $Job }
    if (-not $gone) {
        $text = (Get-AgentMessage -Id 'leftover' -Values @{ item = $folderText; reason = (Get-AgentMessage -Id 'leftover_vm_files').Message }).Message
        $null = $Job.Leftovers.Add((Protect-JobText -Job $Job -Text $text))
        return
    }
    if (-not [System.IO.Directory]::Exists($journal.Folder)) { return }
    $limit = $script:AgentBusyMilliseconds
    foreach ($file in @($journal.Files)) {
        if (-not [System.IO.File]::Exists($file)) { continue }
        $removed = Undo-JobItem -Context $Context -Job $Job -MessageId 'file_deleted' -Values @{ path = $file } -Item $file -Action {
            Remove-JobOwnFile -Context $Context -Job $Job -Folder $journal.Folder -Path $file -Limit $limit
        }
        if (-not $removed) { $limit = 0 }
    }
    Clear-GuestMediaRecord -JobId $Job.Id
    if (Test-FilePending -Job $Job) { return }
    $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'folder_removed' -Values @{ folder = $journal.Folder } -Item $folderText -Action {
        Remove-OwnFolder -Folder $journal.Folder -MessageId 'leftover_folder_not_empty'
    }
}

function Find-VMInFolder {
    # Returns the GUID of the virtual machine whose configuration is in a folder, or an empty string. Throws when that is not certain.
    param([Parameter(Mandatory)] [string] $Folder)

    $trouble = New-Object -TypeName System.Collections.ArrayList
    foreach ($vm in @(Get-HostVMList -Trouble $trouble)) {
        if ($vm.Path -and (Test-WithinFolder -Folder $Folder -Path $vm.Path)) { return $vm.Id.ToString() }
    }
    # It may be the one that cannot be read.
    if ($trouble.Count -gt 0) { throw $trouble[0] }
    return ''
}

function Undo-JobVM {
    # Removes the virtual machine that a job created. Reports whether it is gone.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $id = $Job.Journal.VM
    $name = $Job.Fields['vm_name']
    $item = (Get-AgentMessage -Id 'item_vm' -Values @{ vm = $name; id = $id }).Message
    return Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_vm_removed' -Values @{ vm = $name; id = $id } -Item $item -Action {
        $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $id # throws when another node has it: its files stay
        if ($null -ne $vm) {
            if ((ConvertTo-PowerState -State $vm.State) -ne 'off') { Stop-RemovedVM -Context $Context -Job $Job -VM $vm }
            if ($Job.Journal.Clustered -and $vm.IsClustered) { $null = Remove-ClusterGroup -VMId $vm.Id -RemoveResources -Force }
            Remove-VM -VM $vm -Force
        }
    }
}

function Undo-JobItem {
    <#
    .SYNOPSIS
    Runs Action to undo one item, and writes an undo event with the text of MessageId.
    .DESCRIPTION
    Reports whether it succeeded. An item that cannot be undone is reported as a leftover.
    #>
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $MessageId,
        [System.Collections.IDictionary] $Values = @{},
        [Parameter(Mandatory)] [string] $Item,
        [Parameter(Mandatory)] [scriptblock] $Action
    )

    try {
        $null = & $Action
    } catch {
        Add-JobLeftover -Context $Context -Job $Job -Item $Item -Reason (Get-FailureMessage -ErrorRecord $_)
        return $false
    }
    $text = (Get-AgentMessage -Id $MessageId -Values $Values).Message
    $null = $Job.Undone.Add((Protect-JobText -Job $Job -Text $text))
    Write-JobEvent -Context $Context -Job $Job -Kind 'undo' -Message $text
    return $true
}

function Add-JobLeftover {
    # Records an item that stays on the host, and why, and writes a warning.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [string] $Item = '', [Parameter(Mandatory)] [string] $Reason)

    $text = $Reason
    if ($Item) { $text = (Get-AgentMessage -Id 'leftover' -Values @{ item = $Item; reason = $Reason }).Message }
    $null = $Job.Leftovers.Add((Protect-JobText -Job $Job -Text $text))
    Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'leftover_kept' -Values @{ leftover = $text }
}
