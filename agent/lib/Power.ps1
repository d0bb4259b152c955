# Starting, shutting down and turning off virtual machines. A shutdown never turns a virtual machine off unless its user allowed it.

# How long a job waits for the shutdown service of a guest, and for the guest to shut down, in seconds; and between two looks.
$script:AgentShutdownReadySeconds = 120
$script:AgentShutdownSeconds = 600
$script:AgentPowerPollMilliseconds = 1000

# EnabledState, and the first OperationalStatus, of a component that works.
# https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-shutdowncomponent
$script:AgentComponentEnabled = 2
$script:AgentComponentOk = 2

function Stop-JobVM {
    <#
    .SYNOPSIS
    Shuts down a running virtual machine, and turns off one that is paused or saved.
    .DESCRIPTION
    Stop-VM -Force is not used to shut down: it turns a virtual machine off when the shutdown service of the guest does not work, and
    when the guest refuses (https://github.com/kubev2v/forklift/pull/8407). The shutdown service is asked itself. Only with field
    force_stop is a virtual machine turned off that does not shut down.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $State)

    if ($State -ne 'running') {
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'vm_memory_discarded' -Values @{ state = $State }
        Stop-VM -VM $VM -TurnOff -Force
        return
    }
    try {
        $component = Wait-ShutdownComponent -Context $Context -Job $Job -VM $VM
        Invoke-GuestShutdown -Job $Job -Component $component
        Wait-VMOff -Context $Context -Job $Job -VM $VM -Seconds $script:AgentShutdownSeconds -Cancellable
    } catch {
        $failure = ConvertTo-AgentFailure -ErrorRecord $_
        if ($failure['code'] -eq 'cancelled' -or $Job.Fields['force_stop'] -ne $true) { throw }
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'vm_turned_off' -Values @{ vm = $VM.Name; reason = $failure['message'] }
        Stop-VM -VM $VM -TurnOff -Force
    }
}

function Wait-ShutdownComponent {
    # Waits for the shutdown service of a guest and returns it: it starts some time after the virtual machine.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM)

    $filter = "SystemName = '$($VM.Id.ToString().ToUpperInvariant())'"
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $reported = $false
    while ($true) {
        # Msvm_ShutdownComponent, and not the integration service's name, which is localised.
        $component = @(Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName 'Msvm_ShutdownComponent' -Filter $filter)[0]
        if ($null -ne $component) {
            if ($component.EnabledState -ne $script:AgentComponentEnabled) { throw (New-AgentError -MessageId 'shutdown_disabled' -Values @{ vm = $VM.Name }) }
            if (@($component.OperationalStatus)[0] -eq $script:AgentComponentOk) { return $component }
        }
        if ($watch.Elapsed.TotalSeconds -ge $script:AgentShutdownReadySeconds) {
            throw (New-AgentError -MessageId 'shutdown_not_ready' -Values @{ vm = $VM.Name; seconds = $script:AgentShutdownReadySeconds })
        }
        if (-not $reported) {
            $reported = $true
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'shutdown_wait' -Values @{ seconds = $script:AgentShutdownReadySeconds }
        }
        Assert-JobNotCancelled -Context $Context -Job $Job
        Start-Sleep -Milliseconds $script:AgentPowerPollMilliseconds
    }
}

function Invoke-GuestShutdown {
    <#
    .SYNOPSIS
    Asks the shutdown service of a guest to shut down.
    .DESCRIPTION
    Force closes applications with unsaved data, and is needed while a user's session is locked.
    https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-shutdowncomponent-initiateshutdown
    #>
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Component)

    $answer = Invoke-CimMethod -InputObject $Component -MethodName 'InitiateShutdown' -Arguments @{ Force = $true; Reason = (Get-AgentMessage -Id 'shutdown_reason').Message }
    # Completed, started, and already in progress.
    if (@(0, 4096, 32782) -notcontains $answer.ReturnValue) { throw (New-AgentError -MessageId 'shutdown_refused' -Values @{ code = $answer.ReturnValue }) }
    $Job.ShuttingDown = $true
}

function Wait-VMOff {
    # Waits until a virtual machine is off.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [int] $Seconds, [switch] $Cancellable)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $now = Find-HostVM -Id $VM.Id.ToString()
        if ($null -eq $now) { throw (New-AgentError -MessageId 'undo_vm_missing' -Values @{ id = $VM.Id.ToString() }) }
        if ((ConvertTo-PowerState -State $now.State) -eq 'off') { return }
        if ($watch.Elapsed.TotalSeconds -ge $Seconds) { throw (New-AgentError -MessageId 'shutdown_timeout' -Values @{ vm = $VM.Name; seconds = $Seconds }) }
        if ($Cancellable) { Assert-JobNotCancelled -Context $Context -Job $Job }
        Start-Sleep -Milliseconds $script:AgentPowerPollMilliseconds
    }
}

function Enter-StartStep {
    # Starts step start.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $State)

    if ($State -eq 'paused') { Enter-JobStep -Context $Context -Job $Job -Name 'start' -MessageId 'step_resume' }
    else { Enter-JobStep -Context $Context -Job $Job -Name 'start' -MessageId 'step_start' }
}

function Start-JobVM {
    # Starts a virtual machine: a saved one with its saved memory, a paused one where it was paused.
    param([Parameter(Mandatory)] $VM, [string] $State = 'off')

    if ($State -eq 'paused') { Resume-VM -VM $VM } else { Start-VM -VM $VM }
}

function Stop-RemovedVM {
    <#
    .SYNOPSIS
    Turns off a virtual machine that is about to be removed.
    .DESCRIPTION
    Whether one that is saved, hibernated or critical can be turned off is not documented for each state. None of those runs, so a refusal
    is left to Remove-VM.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM)

    $state = [string]$VM.State
    try {
        Stop-VM -VM $VM -TurnOff -Force
    } catch {
        if ($state -notmatch '^(Off|Saved|FastSaved|Hibernated)(Critical)?\z') { throw }
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'vm_not_turned_off' -Values @{ state = $state; reason = (Get-FailureMessage -ErrorRecord $_) }
    }
}
