# Waiting for a new virtual machine's guest: its heartbeat, or an address.

# The pauses between two looks at a guest, in milliseconds, grow from the first to the last.
$script:AgentFirstPause = 250
$script:AgentLastPause = 5000

function Get-JobWait {
    # Gives what a provision waits for: heartbeat, address, or empty text.
    param([Parameter(Mandatory)] $Fields)

    $what = [string]$Fields['wait_for']
    if ($what -eq 'nothing') { return '' }
    return $what
}

function Find-WaitFinding {
    param([Parameter(Mandatory)] $Fields)

    $what = Get-JobWait -Fields $Fields
    if (-not $what -or $Fields['power_state'] -ne 'off') { return }
    New-JobFinding -Field 'wait_for' -Code 'wait' -Message "a virtual machine that stays off has no $what to be waited for" `
        -Remedy 'leave wait_for out, or set power_state to running'
}

function Invoke-ProvisionWait {
    # Waits until the guest shows what is waited for. Pause waits for a number of milliseconds; Clock tells how many have passed.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [scriptblock] $Pause = { param($milliseconds) Start-Sleep -Milliseconds $milliseconds },
        [scriptblock] $Clock = { $watch.ElapsedMilliseconds }
    )

    $what = Get-JobWait -Fields $Job.Fields
    $seconds = 600
    if ($Job.Fields.Contains('wait_seconds')) { $seconds = [int]$Job.Fields['wait_seconds'] }
    $article = 'a'
    if ($what -eq 'address') { $article = 'an' }
    Enter-JobStep -Context $Context -Job $Job -Name 'wait' -Message "wait up to $seconds s for $article $what"
    $limit = [long]$seconds * 1000
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $next = $script:AgentFirstPause
    while ($true) {
        Assert-JobGoesOn -Context $Context -Job $Job
        $vm = Find-HostVM -Id $Job.VMId
        if ($null -eq $vm) { throw (New-AgentError -Code 'step_failed' -Message 'the virtual machine is gone from the host') }
        $look = Get-GuestLook -VM $vm -What $what
        if ($look.There) {
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message $look.Seen
            return
        }
        $waited = [long](& $Clock)
        if ($waited -ge $limit) {
            throw (New-AgentError -Code 'step_failed' -Field 'wait_for' -Message "no $what came within $seconds s; last seen: $($look.Seen)" `
                    -Remedy 'see whether the operating system starts and has Hyper-V''s integration services, or give it more in wait_seconds')
        }
        Write-JobEvent -Context $Context -Job $Job -Kind 'progress' -Message $look.Seen `
            -More @{ percent = [int][System.Math]::Floor($waited * 100 / $limit) }
        & $Pause ([int][System.Math]::Min($next, $limit - $waited))
        $next = [int][System.Math]::Min($next * 1.5, $script:AgentLastPause)
    }
}

function Get-GuestLook {
    # Tells what the guest shows of what is waited for, and whether that is there.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $What)

    if ([string]$VM.State -ne 'Running') { return @{ There = $false; Seen = "it is $(ConvertTo-PowerState -State $VM.State)" } }
    if ($What -eq 'heartbeat') {
        $heartbeat = ConvertTo-AgentName -Value $VM.Heartbeat
        if (-not $heartbeat) { return @{ There = $false; Seen = 'no heartbeat' } }
        return @{ There = $heartbeat.StartsWith('ok_'); Seen = "heartbeat $heartbeat" }
    }
    $linkLocal = $false
    foreach ($adapter in @($VM.NetworkAdapters)) {
        $addresses = @((ConvertTo-AgentAdapter -Adapter $adapter)['ip_addresses'])
        if ($addresses.Count -gt 0) { return @{ There = $true; Seen = "address $($addresses[0])" } }
        foreach ($address in @($adapter.IPAddresses)) { if ($address) { $linkLocal = $true } }
    }
    if ($linkLocal) { return @{ There = $false; Seen = 'link-local addresses only' } }
    return @{ There = $false; Seen = 'no address' }
}
