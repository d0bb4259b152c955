# Deleting a virtual machine: it is removed from Hyper-V first, and then only the files that its manifest lists are deleted.

function Invoke-DeleteJob {
    <#
    .SYNOPSIS
    Runs the steps of a delete job. A virtual machine that does not exist is a success; one that another cluster node has is not.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $Job.Steps = @('preflight')
    $machine = $null
    $vm = $null
    $checkpoints = @()
    $manifest = $null
    $problem = $null
    try {
        $machine = Get-AgentHost
        $vm = Find-OwnedVM -Machine $machine -Id $Job.VMId
        if ($null -ne $vm) {
            $manifest = Find-JobManifest -VM $vm
            if ((ConvertTo-PowerState -State $vm.State) -ne 'off') { $Job.Steps += 'stop' }
            if ($vm.IsClustered) { $Job.Steps += 'cluster' }
            $checkpoints = @(Get-JobCheckpoint -VM $vm)
            if ($checkpoints.Count -gt 0) { $Job.Steps += 'checkpoints' }
            $Job.Steps += 'unregister', 'files'
        }
    } catch { $problem = $_ }
    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -MessageId 'step_find_vm' -Values @{ id = $Job.VMId }
    if ($null -ne $problem) { throw $problem }
    if ($null -eq $vm) {
        $Job.Message = (Get-AgentMessage -Id 'result_vm_absent' -Values @{ id = $Job.VMId; host = $machine.Name }).Message
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message $Job.Message
        return
    }
    $Job.Message = (Get-AgentMessage -Id 'result_vm_removed' -Values @{ vm = $vm.Name }).Message

    if ($Job.Steps -contains 'stop') {
        Enter-JobStep -Context $Context -Job $Job -Name 'stop' -MessageId 'step_turn_off'
        Stop-RemovedVM -Context $Context -Job $Job -VM $vm
    }
    if ($Job.Steps -contains 'cluster') {
        Enter-JobStep -Context $Context -Job $Job -Name 'cluster' -MessageId 'step_cluster_remove'
        $null = Remove-ClusterGroup -VMId $vm.Id -RemoveResources -Force
    }
    Remove-JobCheckpoint -Context $Context -Job $Job -VM $vm -Checkpoint $checkpoints
    $disks = @(Get-VMHardDiskDrive -VM $vm | ForEach-Object -Process { [string]$_.Path })
    Enter-JobStep -Context $Context -Job $Job -Name 'unregister' -MessageId 'step_unregister' -Values @{ vm = $vm.Name; host = $machine.Name }
    $kept = @(Get-KeptFile -Manifest $manifest)
    $existing = @(Get-ExistingDisk -Manifest $manifest | ForEach-Object -Process { $_.path })
    $removing = [ordered]@{
        name = $vm.Name; folder = ''; job = ''; files = [object[]]@(); disks = [object[]]$disks; kept = [object[]]$kept; existing = [object[]]$existing
    }
    if ($null -ne $manifest) {
        $removing['folder'] = $manifest.Folder
        $removing['job'] = $manifest.JobId
        $removing['files'] = [object[]]@($manifest.Files)
    }
    $Job.Journal.Removing = $removing
    Save-JobState -Context $Context -Job $Job
    Remove-VM -VM $vm -Force
    # The job can no longer be cancelled: the files would remain without a virtual machine.
    $Job.Committed = $true
    Remove-JobFile -Context $Context -Job $Job -Manifest $manifest -Disks $disks -Kept $kept -Existing $existing
}

function Remove-JobFile {
    # Step files: deletes the files of a removed virtual machine that its manifest lists, except those to keep. All others are reported as
    # leftovers, except those of Existing disks.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [AllowNull()] $Manifest,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Disks,
        [AllowEmptyCollection()] [string[]] $Kept = @(),
        [AllowEmptyCollection()] [string[]] $Existing = @()
    )

    $own = @()
    if ($null -eq $Manifest) {
        Enter-JobStep -Context $Context -Job $Job -Name 'files' -MessageId 'step_files_kept'
    } else {
        $own = @($Manifest.Files | Where-Object -FilterScript { -not (Find-SamePath -Path $_ -Among $Kept) })
        Enter-JobStep -Context $Context -Job $Job -Name 'files' -MessageId 'step_files' -Values @{ job = $Manifest.JobId }
    }
    $use = Get-DiskUsage -Disk $Disks -Own $own
    # Hyper-V closes the disks of a removed virtual machine after some seconds, a virus scanner or a backup later. The wait is for all
    # files together: what has them open closes them at the same time.
    $limit = $script:AgentBusyMilliseconds
    foreach ($file in $own) {
        $reason = ''
        if ($use.ContainsKey($file)) {
            $reason = $use[$file]
        } elseif (-not (Test-WithinFolder -Folder $Manifest.Folder -Path $file)) {
            $reason = (Get-AgentMessage -Id 'leftover_outside_folder' -Values @{ folder = $Manifest.Folder }).Message
        } else {
            try {
                Remove-JobOwnFile -Context $Context -Job $Job -Folder $Manifest.Folder -Path $file -Limit $limit
                Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'file_deleted' -Values @{ path = $file }
            } catch {
                $reason = Get-FailureMessage -ErrorRecord $_
                $limit = 0
            }
        }
        if ($reason) { Add-JobLeftover -Context $Context -Job $Job -Item $file -Reason $reason }
    }
    if ($null -ne $Manifest) { Clear-GuestMediaRecord -JobId $Manifest.JobId }
    $Kept = @($Kept | Where-Object -FilterScript { [System.IO.File]::Exists($_) })
    foreach ($disk in $Kept) { Add-JobLeftover -Context $Context -Job $Job -Item $disk -Reason (Get-AgentMessage -Id 'leftover_disk_kept').Message }
    foreach ($disk in $Disks) {
        if (Find-SamePath -Path $disk -Among $Kept) { continue }
        if (Find-SamePath -Path $disk -Among $Existing) {
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'data_disk_stays' -Values @{ path = $disk }
            continue
        }
        if (-not (Find-SamePath -Path $disk -Among $own)) { Add-JobLeftover -Context $Context -Job $Job -Item $disk -Reason (Get-AgentMessage -Id 'leftover_not_recorded').Message }
    }
    if ($null -ne $Manifest -and -not (Test-FilePending -Job $Job)) { Remove-JobFolder -Context $Context -Job $Job -Folder $Manifest.Folder -Kept:($Kept.Count -gt 0) }
}

function Remove-JobFolder {
    # Removes the folder of a job with its manifest. With Kept, a folder that still has files is no leftover: they were reported.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Folder, [switch] $Kept)

    try {
        Remove-OwnFolder -Folder $Folder -MessageId 'leftover_folder_unrecorded'
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'folder_removed' -Values @{ folder = $Folder }
    } catch {
        if ($Kept) { return }
        $item = (Get-AgentMessage -Id 'item_folder' -Values @{ folder = $Folder }).Message
        Add-JobLeftover -Context $Context -Job $Job -Item $item -Reason (Get-FailureMessage -ErrorRecord $_)
    }
}
