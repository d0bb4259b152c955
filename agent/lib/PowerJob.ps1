# Power jobs: one action on the power state of a virtual machine, on request, and not as a desired state.

# The steps of each action by power state: none where there is nothing to do. From another power state the action is refused.
$script:AgentPowerActions = @{
    start     = @{ off = 'start'; saved = 'start'; paused = 'start'; starting = @(); running = @() }
    shut_down = @{ running = 'stop'; stopping = 'stop'; off = @() }
    turn_off  = @{ running = 'stop'; paused = 'stop'; saved = 'stop'; starting = 'stop'; stopping = 'stop'; other = 'stop'; off = @() }
    restart   = @{ running = 'stop', 'start' }
    reset     = @{ running = 'power' }
    save      = @{ running = 'power'; paused = 'power'; saved = @() }
    pause     = @{ running = 'power'; paused = @() }
    resume    = @{ paused = 'start'; running = @() }
}
# The actions in the order of messages, and those after which the virtual machine runs.
$script:AgentPowerActionNames = 'start', 'shut_down', 'turn_off', 'restart', 'reset', 'save', 'pause', 'resume'
$script:AgentPowerRunning = 'start', 'restart', 'reset', 'resume'

function Invoke-PowerJob {
    <#
    .SYNOPSIS
    Runs the steps of a power job.
    .DESCRIPTION
    Restart-VM and Stop-VM are not used to restart: the first is a hard restart, and the second turns off a guest that refuses.
    https://learn.microsoft.com/powershell/module/hyper-v/restart-vm
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $action = [string]$Job.Fields['power_action']
    $plan = Enter-PreflightStep -Context $Context -Job $Job -Plan { Get-PowerPlan -Job $Job -Action $action }
    $vm = $plan.VM
    $state = $plan.State
    if ($plan.Steps.Count -eq 0) {
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'power_unchanged' -Values @{ vm = $vm.Name; state = $state; action = $action }
    }
    if ($plan.Steps -contains 'stop') {
        if ($action -eq 'turn_off') {
            Enter-JobStep -Context $Context -Job $Job -Name 'stop' -MessageId 'step_turn_off'
            Stop-VM -VM $vm -TurnOff -Force
        } else {
            Enter-JobStep -Context $Context -Job $Job -Name 'stop' -MessageId 'step_stop'
            $Job.Journal.Stopped = $action -eq 'restart'
            Save-JobState -Context $Context -Job $Job
            Stop-JobVM -Context $Context -Job $Job -VM $vm -State 'running'
        }
        $state = 'off'
    }
    if ($plan.Steps -contains 'power') {
        switch ($action) {
            'reset' {
                Enter-JobStep -Context $Context -Job $Job -Name 'power' -MessageId 'step_reset'
                Restart-VM -VM $vm -Force
            }
            'save' {
                Enter-JobStep -Context $Context -Job $Job -Name 'power' -MessageId 'step_save'
                Save-VM -VM $vm
            }
            'pause' {
                Enter-JobStep -Context $Context -Job $Job -Name 'power' -MessageId 'step_pause'
                Suspend-VM -VM $vm
            }
        }
    }
    if ($plan.Steps -contains 'start') {
        Enter-StartStep -Context $Context -Job $Job -State $state
        Start-JobVM -VM $vm -State $state
        $Job.Journal.Stopped = $false
    }
    if ($plan.Waits) { Invoke-ProvisionWait -Context $Context -Job $Job }
}

function Get-PowerPlan {
    # Finds the virtual machine of a power job, throws when its state does not allow the action, and sets the job's steps.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Action)

    $vm = Get-HostVM -Machine (Get-AgentHost) -Id $Job.VMId
    $state = ConvertTo-PowerState -State $vm.State
    $stepsByState = $script:AgentPowerActions[$Action]
    if (-not $stepsByState.ContainsKey($state)) {
        $allowed = [string[]]@($stepsByState.Keys)
        [System.Array]::Sort($allowed, [System.StringComparer]::Ordinal)
        throw (New-AgentError -Field 'power_action' -MessageId 'power_action_refused' -Values @{
                action = $Action; vm = $vm.Name; state = $state; states = (Join-AgentText -Text $allowed)
            })
    }
    $plan = @{ VM = $vm; State = $state; Steps = @($stepsByState[$state]); Waits = $false }
    $plan.Waits = $script:AgentPowerRunning -contains $Action -and [bool](Get-WaitCondition -Fields $Job.Fields)
    $Job.Steps += $plan.Steps
    if ($plan.Waits) { $Job.Steps += 'wait' }
    return $plan
}
