# Removing a virtual machine: unregistered first, then only the files that its manifest lists.

function Invoke-DeleteJob {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $Job.Steps = @('preflight')
    $machine = $null
    $vm = $null
    $checkpoints = @()
    $manifest = $null
    $problem = $null
    try {
        $machine = Get-AgentHost
        $vm = Find-HostVM -Id $Job.VMId
        if ($null -ne $vm) {
            $manifest = Find-JobManifest -VM $vm
            if ([string]$vm.State -ne 'Off') { $Job.Steps += 'stop' }
            if ($vm.IsClustered) { $Job.Steps += 'cluster' }
            $checkpoints = @(Get-VMCheckpoint -VM $vm)
            if ($checkpoints.Count -gt 0) { $Job.Steps += 'checkpoints' }
            $Job.Steps += 'unregister', 'files'
        }
    } catch { $problem = $_ }
    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -Message "find virtual machine $($Job.VMId)"
    if ($null -ne $problem) { throw $problem }
    if ($null -eq $vm) {
        $Job.Message = "virtual machine $($Job.VMId) is not on host $($machine.Name): nothing to do"
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message $Job.Message
        return
    }
    $Job.Message = "virtual machine '$($vm.Name)' was removed"

    if ($Job.Steps -contains 'stop') {
        Enter-JobStep -Context $Context -Job $Job -Name 'stop' -Message 'turn off the virtual machine'
        Stop-VM -VM $vm -TurnOff -Force
    }
    if ($Job.Steps -contains 'cluster') {
        Enter-JobStep -Context $Context -Job $Job -Name 'cluster' -Message 'remove the role from the cluster'
        $null = Remove-ClusterGroup -VMId $vm.Id -RemoveResources -Force
    }
    if ($checkpoints.Count -gt 0) { Remove-VMCheckpoint -Context $Context -Job $Job -VM $vm -Checkpoint $checkpoints }
    $disks = @(Get-VMHardDiskDrive -VM $vm | ForEach-Object -Process { [string]$_.Path })
    Enter-JobStep -Context $Context -Job $Job -Name 'unregister' -Message "remove virtual machine '$($vm.Name)' from host $($machine.Name)"
    $removing = [ordered]@{ name = $vm.Name; folder = ''; job = ''; files = [object[]]@(); disks = [object[]]$disks }
    if ($null -ne $manifest) {
        $removing['folder'] = $manifest.Folder
        $removing['job'] = $manifest.JobId
        $removing['files'] = [object[]]@($manifest.Files)
    }
    $Job.Made.Removing = $removing
    Save-JobState -Context $Context -Job $Job
    Remove-VM -VM $vm -Force
    # Too late to cancel: the files would have no owner.
    $Job.Committed = $true
    Remove-JobFile -Context $Context -Job $Job -Manifest $manifest -Disks $disks
}

function Remove-JobFile {
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [AllowNull()] $Manifest,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Disks
    )

    $own = @()
    if ($null -eq $Manifest) {
        Enter-JobStep -Context $Context -Job $Job -Name 'files' -Message 'no job is recorded for this virtual machine: its files stay'
    } else {
        $own = @($Manifest.Files)
        Enter-JobStep -Context $Context -Job $Job -Name 'files' -Message "delete the files of job $($Manifest.JobId)"
    }
    $use = Get-DiskUse -Disk $Disks -Own $own
    foreach ($file in $own) {
        $why = ''
        if ($use.ContainsKey($file)) { $why = $use[$file] }
        elseif (-not (Test-WithinFolder -Folder $Manifest.Folder -Path $file)) { $why = "it is not in folder $($Manifest.Folder)" }
        else {
            try {
                if ([System.IO.File]::Exists($file)) { [System.IO.File]::Delete($file) }
                Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "deleted $file"
            } catch {
                $why = (ConvertTo-AgentFailure -ErrorRecord $_)['message']
            }
        }
        if ($why) { Add-JobLeft -Context $Context -Job $Job -Text "${file}: $why" }
    }
    foreach ($disk in $Disks) {
        if ($own -notcontains $disk) { Add-JobLeft -Context $Context -Job $Job -Text "${disk}: it is not recorded as made for this virtual machine" }
    }
    if ($null -ne $Manifest) { Remove-JobFolder -Context $Context -Job $Job -Folder $Manifest.Folder }
}

function Remove-JobFolder {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Folder)

    try {
        [System.IO.File]::Delete([System.IO.Path]::Combine($Folder, $script:AgentManifestName))
        if (-not (Remove-EmptyFolder -Path $Folder)) { throw 'it holds files that are not recorded' }
        $parent = [System.IO.Path]::GetDirectoryName($Folder)
        if ([System.IO.Path]::GetFileName($parent) -eq 'hypervvm') { Remove-JobsFolder -Path $parent }
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "removed folder $Folder"
    } catch {
        Add-JobLeft -Context $Context -Job $Job -Text "folder ${Folder}: $((ConvertTo-AgentFailure -ErrorRecord $_)['message'])"
    }
}

function Test-WithinFolder {
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Path)

    $start = [System.IO.Path]::GetFullPath($Folder).TrimEnd([System.IO.Path]::DirectorySeparatorChar) + [System.IO.Path]::DirectorySeparatorChar
    return [System.IO.Path]::GetFullPath($Path).StartsWith($start, [System.StringComparison]::OrdinalIgnoreCase)
}
