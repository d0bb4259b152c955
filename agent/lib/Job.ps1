# One job from its beginning to its result.

function New-AgentJob {
    # Gives the record of a job.
    param(
        [Parameter(Mandatory)] [string] $Id,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId = '',
        [AllowEmptyCollection()] [string[]] $Changed = @(),
        [AllowEmptyCollection()] [string[]] $SecretNames = @(),
        [bool] $AllowPowerCycle = $false,
        [AllowNull()] $Settings
    )

    # The longest first: one secret may be part of another. Very short text would strike out innocent words.
    $secrets = @($SecretNames | ForEach-Object -Process { Get-SecretText -Value $Definition.Fields[$_] } | Where-Object -FilterScript { $_.Length -ge 4 } |
            Sort-Object -Property Length -Descending)
    return @{
        Id = $Id; Operation = $Definition.Operation; Fields = $Definition.Fields; VMId = $VMId; Changed = $Changed
        SecretNames = $SecretNames; Secrets = $secrets; AllowPowerCycle = $AllowPowerCycle; Settings = $Settings
        State = 'waiting'; Committed = $false; Outcome = ''; Seq = 0
        Steps = @(); Step = ''; Message = ''; Made = (New-JobJournal)
        Undone = (New-Object -TypeName System.Collections.ArrayList); Left = (New-Object -TypeName System.Collections.ArrayList)
    }
}

function Get-SecretText {
    # Gives every text within a field that is secret or has a part that is: which part it is, only the client knows.
    param([AllowNull()] $Value)

    if ($Value -is [string]) { return $Value }
    if ($Value -is [array]) {
        foreach ($item in $Value) { Get-SecretText -Value $item }
    } elseif ($Value -is [System.Management.Automation.PSCustomObject]) {
        foreach ($property in $Value.PSObject.Properties) { Get-SecretText -Value $property.Value }
    }
}

function Assert-JobGoesOn {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    if ($Job.Committed -or -not $Context.Key) { return }
    if ([System.IO.File]::Exists((Get-JobFile -Key $Context.Key -Name 'cancel'))) { throw (New-AgentError -Code 'cancelled' -Message 'the job was cancelled') }
}

function Enter-JobStep {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Message)

    Assert-JobGoesOn -Context $Context -Job $Job
    $Job.Step = $Name
    Save-JobState -Context $Context -Job $Job
    Write-JobEvent -Context $Context -Job $Job -Kind 'step' -Message $Message `
        -More ([ordered]@{ number = [System.Array]::IndexOf($Job.Steps, $Name) + 1; of = $Job.Steps.Count })
}

function Invoke-AgentJob {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $job.State = 'running'
    Save-JobState -Context $Context -Job $job
    $failure = $null
    try {
        # The operations give nothing back, so what comes through the pipeline is what the host's cmdlets warn of.
        Invoke-JobOperation -Context $Context -Job $job 3>&1 | ForEach-Object -Process {
            if ($_ -is [System.Management.Automation.WarningRecord]) { Write-JobEvent -Context $Context -Job $job -Kind 'warning' -Message $_.Message }
        }
        $job.Made.Done = $true
        Save-JobState -Context $Context -Job $job
    } catch {
        $failure = ConvertTo-AgentFailure -ErrorRecord $_ -Code 'step_failed'
        $failure['step'] = $job.Step
        try { Undo-Job -Context $Context -Job $job } catch {
            Add-JobLeft -Context $Context -Job $job -Text (ConvertTo-AgentFailure -ErrorRecord $_)['message']
        }
    }
    Complete-AgentJob -Context $Context -Job $job -Failure $failure
}

function Invoke-JobOperation {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    switch ($Job.Operation) {
        'provision' { Invoke-ProvisionJob -Context $Context -Job $Job }
        'update' { Invoke-UpdateJob -Context $Context -Job $Job }
        'delete' { Invoke-DeleteJob -Context $Context -Job $Job }
    }
}

function Complete-AgentJob {
    # Tells the result, the last that a job says.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [AllowNull()] $Failure)

    $more = [ordered]@{ outcome = 'succeeded' }
    $vm = $null
    if ($Job.VMId) {
        try { $vm = Find-HostVM -Id $Job.VMId } catch { $vm = $null }
    }
    if ($null -ne $vm) { $more['vm'] = ConvertTo-AgentVM -VM $vm }
    if ($null -ne $Failure) {
        $more['outcome'] = if ($Failure['code'] -eq 'cancelled') { 'cancelled' } else { 'failed' }
        foreach ($key in @($Failure.Keys)) { $Failure[$key] = Protect-JobText -Job $Job -Text $Failure[$key] }
        $Job.Message = $Failure['message']
        $more['error'] = $Failure
    } elseif ($null -ne $vm) {
        $Job.Message = "virtual machine '$($vm.Name)' is $($more['vm']['power_state'])"
    }
    if ($Job.Undone.Count -gt 0) { $more['undone'] = [object[]]$Job.Undone.ToArray() }
    if ($Job.Left.Count -gt 0) { $more['left'] = [object[]]$Job.Left.ToArray() }
    $Job.Outcome = $more['outcome']
    Write-JobEvent -Context $Context -Job $Job -Kind 'result' -Message $Job.Message -More $more
    $Job.State = 'ended'
    Save-JobState -Context $Context -Job $Job
}

function Lock-HostName {
    # Lets one job at a time, of all processes on this host, look for a name and take it: Hyper-V itself allows a name twice.
    $mutex = New-Object -TypeName System.Threading.Mutex -ArgumentList $false, 'Global\hypervvm-names'
    try {
        if (-not $mutex.WaitOne(120000)) {
            $mutex.Dispose()
            throw (New-AgentError -Code 'step_failed' -Message 'another job has been creating a virtual machine for two minutes' -Remedy 'try again')
        }
    } catch [System.Threading.AbandonedMutexException] {
        $null = $_ # Its holder died; it is ours now.
    }
    return $mutex
}

function Unlock-HostName {
    param([Parameter(Mandatory)] $Lock)

    $Lock.ReleaseMutex()
    $Lock.Dispose()
}
