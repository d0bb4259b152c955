# A job, from its start to its result.

function New-AgentJob {
    # Returns the record of a job.
    param(
        [Parameter(Mandatory)] [string] $Id,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId = '',
        [AllowEmptyCollection()] [string[]] $Changed = @(),
        [AllowEmptyCollection()] [string[]] $SecretNames = @(),
        [bool] $AllowPowerCycle = $false,
        [AllowNull()] $Settings
    )

    $secrets = Get-JobSecret -Fields $Definition.Fields -Names $SecretNames
    return @{
        Id = $Id; Operation = $Definition.Operation; Fields = $Definition.Fields; VMId = $VMId; Changed = $Changed
        SecretNames = $SecretNames; Secrets = $secrets; AllowPowerCycle = $AllowPowerCycle; Settings = $Settings
        State = 'waiting'; Committed = $false; ShuttingDown = $false; Outcome = ''; Seq = 0
        Steps = @(); Step = ''; Message = ''; Journal = (New-JobJournal); Checkpoint = $null; Image = $null; Disk = $null; Switch = $null
        Undone = (New-Object -TypeName System.Collections.ArrayList); Leftovers = (New-Object -TypeName System.Collections.ArrayList)
    }
}

function Get-JobSecret {
    # Returns the texts to redact, longest first: a secret may contain another. Texts of fewer than four characters would redact ordinary
    # words. Secrets go through no pipeline, since module logging records the values in one.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Names)

    $list = [System.Collections.Generic.List[string]]::new()
    foreach ($name in $Names) {
        foreach ($text in @(Get-SecretText -Value $Fields[$name])) {
            if ($text.Length -lt 4) { continue }
            $index = 0
            while ($index -lt $list.Count -and $list[$index].Length -ge $text.Length) { $index++ }
            $list.Insert($index, $text)
        }
    }
    return , $list.ToArray()
}

function Get-SecretText {
    # Returns every string in the value of a secret field. Which part of an object is secret, only the client knows.
    param([AllowNull()] $Value)

    if ($Value -is [string]) { return $Value }
    if ($Value -is [array]) {
        foreach ($item in $Value) { Get-SecretText -Value $item }
    } elseif ($Value -is [System.Management.Automation.PSCustomObject]) {
        foreach ($name in @(Get-AgentPropertyName -Value $Value)) { Get-SecretText -Value (Get-AgentProperty -Value $Value -Name $name) }
    }
}

function Assert-JobNotCancelled {
    # Throws when the job was cancelled, unless it is past the point where it can be.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    if ($Job.Committed -or -not $Context.Key) { return }
    if ([System.IO.File]::Exists((Get-JobFile -Key $Context.Key -Name 'cancel'))) { throw (New-AgentError -MessageId 'job_cancelled') }
}

function Enter-JobStep {
    <#
    .SYNOPSIS
    Starts a step of a job: saves the state, and writes the step's event. Throws when the job was cancelled.
    #>
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Name,
        [Parameter(Mandatory)] [string] $MessageId,
        [System.Collections.IDictionary] $Values = @{}
    )

    Assert-JobNotCancelled -Context $Context -Job $Job
    $Job.Step = $Name
    Save-JobState -Context $Context -Job $Job
    Write-JobEvent -Context $Context -Job $Job -Kind 'step' -Message (Get-AgentMessage -Id $MessageId -Values $Values).Message `
        -Detail ([ordered]@{ number = [System.Array]::IndexOf($Job.Steps, $Name) + 1; of = $Job.Steps.Count })
}

function Enter-PreflightStep {
    # Starts step preflight of a job of something that may exist, and returns its plan. Plan sets the job's further steps, so that it runs
    # first; its error is that of the step.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [scriptblock] $Plan,
        [string] $MessageId = 'step_find_vm',
        [System.Collections.IDictionary] $Values = @{ id = $Job.VMId }
    )

    $Job.Steps = @('preflight')
    $result = $null
    $problem = $null
    try { $result = & $Plan } catch { $problem = $_ }
    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -MessageId $MessageId -Values $Values
    if ($null -ne $problem) { throw $problem }
    return $result
}

function Invoke-AgentJob {
    <#
    .SYNOPSIS
    Runs a job, undoes it when it fails or is cancelled, and writes its result.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $job.State = 'running'
    Save-JobState -Context $Context -Job $job
    $failure = $null
    Clear-PendingFile -Context $Context -Job $job
    try {
        # The operations return nothing: what comes through the pipeline are warnings of the host's cmdlets.
        Invoke-JobOperation -Context $Context -Job $job 3>&1 | ForEach-Object -Process {
            if ($_ -is [System.Management.Automation.WarningRecord]) { Write-JobEvent -Context $Context -Job $job -Kind 'warning' -Message $_.Message }
        }
        $job.Journal.Done = $true
        Save-JobState -Context $Context -Job $job
    } catch {
        $failure = ConvertTo-AgentFailure -ErrorRecord $_ -Code 'step_failed'
        $failure['step'] = $job.Step
        try { Undo-Job -Context $Context -Job $job } catch { Add-JobLeftover -Context $Context -Job $job -Reason (Get-FailureMessage -ErrorRecord $_) }
    }
    Complete-AgentJob -Context $Context -Job $job -Failure $failure
}

function Invoke-JobOperation {
    # Runs the steps of a job's operation.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    switch ($Job.Operation) {
        'provision' { Invoke-ProvisionJob -Context $Context -Job $Job }
        'update' { Invoke-UpdateJob -Context $Context -Job $Job }
        'delete' { Invoke-DeleteJob -Context $Context -Job $Job }
        'power' { Invoke-PowerJob -Context $Context -Job $Job }
        'export' { Invoke-ExportJob -Context $Context -Job $Job }
        'checkpoint' { Invoke-CheckpointJob -Context $Context -Job $Job }
        'image' { Invoke-ImageJob -Context $Context -Job $Job }
        'disk' { Invoke-DiskJob -Context $Context -Job $Job }
        'switch' { Invoke-SwitchJob -Context $Context -Job $Job }
    }
}

function Complete-AgentJob {
    # Writes the result, which is a job's last event, and saves the final state.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [AllowNull()] $Failure)

    $result = [ordered]@{ outcome = 'succeeded' }
    $vm = $null
    # The search for a virtual machine that is deleted lists the host.
    if ($Job.VMId -and -not ($Job.Operation -eq 'delete' -and $Job.Committed -and $null -eq $Failure)) {
        try { $vm = Find-HostVM -Id $Job.VMId } catch { $vm = $null }
    }
    if ($null -ne $vm) { $result['vm'] = ConvertTo-AgentVM -VM $vm }
    if ($null -eq $Failure -and $null -ne $Job.Checkpoint) { $result['checkpoint'] = $Job.Checkpoint }
    if ($null -eq $Failure -and $null -ne $Job.Image) { $result['image'] = $Job.Image }
    if ($null -eq $Failure -and $null -ne $Job.Disk) { $result['disk'] = $Job.Disk }
    if ($null -eq $Failure -and $null -ne $Job.Switch) { $result['switch'] = $Job.Switch }
    if ($null -ne $Failure) {
        $result['outcome'] = if ($Failure['code'] -eq 'cancelled') { 'cancelled' } else { 'failed' }
        foreach ($key in @($Failure.Keys)) { $Failure[$key] = Protect-JobText -Job $Job -Text $Failure[$key] }
        $Job.Message = $Failure['message']
        $result['error'] = $Failure
    } elseif ($null -ne $vm) {
        $Job.Message = (Get-AgentMessage -Id 'result_vm' -Values @{ vm = $vm.Name; state = $result['vm']['power_state'] }).Message
    }
    if ($Job.Undone.Count -gt 0) { $result['undone'] = [object[]]$Job.Undone.ToArray() }
    if ($Job.Leftovers.Count -gt 0) { $result['left'] = [object[]]$Job.Leftovers.ToArray() }
    $Job.Outcome = $result['outcome']
    Write-JobEvent -Context $Context -Job $Job -Kind 'result' -Message $Job.Message -Detail $result
    $Job.State = 'ended'
    Save-JobState -Context $Context -Job $Job
}
