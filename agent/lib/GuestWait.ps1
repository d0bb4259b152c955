# Waiting for the guest of a new virtual machine: its heartbeat, an IP address, or the end of its set-up.

# The pause between two polls grows from the first to the last, in milliseconds.
$script:AgentFirstPollMilliseconds = 250
$script:AgentLastPollMilliseconds = 5000

function Get-WaitCondition {
    # Returns the condition that a provision job waits for: heartbeat, address, setup, or an empty string. By default, it is the set-up of
    # a guest that has one and is started.
    param([Parameter(Mandatory)] $Fields)

    $condition = [string]$Fields['wait_for']
    if ($condition -eq 'nothing') { return '' }
    if (-not $condition -and $Fields['power_state'] -ne 'off' -and (Get-GuestSetup -Fields $Fields)) { return 'setup' }
    return $condition
}

function Format-WaitCondition {
    # Returns a condition as text.
    param([Parameter(Mandatory)] [string] $Condition)

    if ($Condition -eq 'address') { return (Get-AgentMessage -Id 'condition_address').Message }
    if ($Condition -eq 'setup') { return (Get-AgentMessage -Id 'condition_setup').Message }
    return (Get-AgentMessage -Id 'condition_heartbeat').Message
}

function Get-GuestWaitFinding {
    # Returns a finding when the condition cannot occur because the virtual machine stays off, or lacks the integration service.
    param([Parameter(Mandatory)] $Fields)

    $condition = Get-WaitCondition -Fields $Fields
    if ($condition -eq 'setup' -and -not (Get-GuestSetup -Fields $Fields)) { New-JobFinding -Field 'wait_for' -MessageId 'wait_no_setup' }
    $service = @{ heartbeat = 'integration_heartbeat'; address = 'integration_key_value_pair_exchange'; setup = 'integration_key_value_pair_exchange' }[$condition]
    if ($service -and $Fields[$service] -eq $false) {
        New-JobFinding -Field $service -MessageId 'wait_service_disabled' -Values @{ condition = (Format-WaitCondition -Condition $condition); field = $service }
    }
    if (-not $condition -or $Fields['power_state'] -ne 'off') { return }
    New-JobFinding -Field 'wait_for' -MessageId 'wait_vm_off' -Values @{ condition = (Format-WaitCondition -Condition $condition) }
}

function Invoke-ProvisionWait {
    <#
    .SYNOPSIS
    Waits until the guest reports the condition of the job.
    .DESCRIPTION
    Pause sleeps for a number of milliseconds, and Clock returns how many have passed; tests replace both.
    #>
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [scriptblock] $Pause = { param($milliseconds) Start-Sleep -Milliseconds $milliseconds },
        [scriptblock] $Clock = { $watch.ElapsedMilliseconds }
    )

    $condition = Get-WaitCondition -Fields $Job.Fields
    $conditionText = Format-WaitCondition -Condition $condition
    $seconds = if ($condition -eq 'setup') { 1800 } else { 600 }
    if ($Job.Fields.Contains('wait_seconds')) { $seconds = [int]$Job.Fields['wait_seconds'] }
    Enter-JobStep -Context $Context -Job $Job -Name 'wait' -MessageId 'step_wait' -Values @{ seconds = $seconds; condition = $conditionText }
    $limit = [long]$seconds * 1000
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $next = $script:AgentFirstPollMilliseconds
    $seen = @{}
    $stage = ''
    $shown = @{ Text = ''; At = [long]0 }
    while ($true) {
        Assert-JobNotCancelled -Context $Context -Job $Job
        Clear-HostObject
        $vm = Find-HostVM -Id $Job.VMId
        if ($null -eq $vm) { throw (New-AgentError -MessageId 'wait_vm_missing') }
        $status = Get-GuestStatus -VM $vm -Condition $condition -Job $Job -Seen $seen
        if ($status.Ready) {
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message $status.Text
            return
        }
        $waited = [long](& $Clock)
        if ($waited -ge $limit) {
            throw (New-AgentError -Field 'wait_for' -MessageId 'wait_timeout' -Values @{ condition = $conditionText; seconds = $seconds; status = $status.Text })
        }
        if ($status.ContainsKey('Stage') -and $status.Stage -ne $stage) {
            $stage = $status.Stage
            $shown = @{ Text = $status.Text; At = $waited }
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message $status.Text
        } elseif ($status.Text -cne $shown.Text -or $waited - $shown.At -ge $script:AgentLastPollMilliseconds) {
            # The first polls are close together, and each event may take a request.
            $shown = @{ Text = $status.Text; At = $waited }
            Write-JobEvent -Context $Context -Job $Job -Kind 'progress' -Message $status.Text `
                -Detail @{ percent = [int][System.Math]::Floor($waited * 100 / $limit) }
        }
        & $Pause ([int][System.Math]::Min($next, $limit - $waited))
        $next = [int][System.Math]::Min($next * 1.5, $script:AgentLastPollMilliseconds)
    }
}

function Get-GuestStatus {
    # Returns the guest's status in regard to a condition as Text, and in Ready whether the condition is met.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Condition, [AllowNull()] $Job, [AllowNull()] [hashtable] $Seen)

    if ((ConvertTo-PowerState -State $VM.State) -ne 'running') {
        return @{ Ready = $false; Text = (Get-AgentMessage -Id 'guest_state' -Values @{ state = (ConvertTo-PowerState -State $VM.State) }).Message }
    }
    if ($Condition -eq 'setup') { return Get-SetupStatus -VM $VM -Job $Job -Seen $Seen }
    if ($Condition -eq 'heartbeat') {
        $heartbeat = ConvertTo-SnakeCase -Value $VM.Heartbeat
        if (-not $heartbeat) { return @{ Ready = $false; Text = (Get-AgentMessage -Id 'guest_heartbeat_none').Message } }
        return @{ Ready = $heartbeat.StartsWith('ok_'); Text = (Get-AgentMessage -Id 'guest_heartbeat' -Values @{ heartbeat = $heartbeat }).Message }
    }
    $linkLocal = $false
    foreach ($adapter in @($VM.NetworkAdapters)) {
        $addresses = @((ConvertTo-AgentAdapter -Adapter $adapter)['ip_addresses'])
        if ($addresses.Count -gt 0) { return @{ Ready = $true; Text = (Get-AgentMessage -Id 'guest_address' -Values @{ address = $addresses[0] }).Message } }
        foreach ($address in @($adapter.IPAddresses)) { if ($address) { $linkLocal = $true } }
    }
    if ($linkLocal) { return @{ Ready = $false; Text = (Get-AgentMessage -Id 'guest_address_link_local').Message } }
    return @{ Ready = $false; Text = (Get-AgentMessage -Id 'guest_address_none').Message }
}
