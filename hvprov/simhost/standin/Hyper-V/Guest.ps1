# What the operating systems in the machines say of themselves.

function Update-StandInGuest {
    # Has the guest say what it says at this look of it: its heartbeat, and an address for each adapter while it runs and is
    # connected, else none.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $guest = $State.behaviour.guest
    if ($guest.heartbeat_after -ne 0) {
        $VM.heartbeat = ''
        if (-not (Test-StandInLook -VM $VM -After $guest.heartbeat_after)) { $VM.heartbeat = 'NoContact' }
    }
    foreach ($adapter in $VM.adapters) {
        $addresses = @()
        if ($VM.state -eq 'Running' -and $adapter.switch_name) {
            if (-not (Test-StandInLook -VM $VM -After $guest.address_after)) {
                $addresses = @('fe80::215:5dff:fe00:1')
            } elseif ($guest.address) {
                $addresses = @($guest.address)
            } else {
                $number = [System.Convert]::ToInt32($adapter.mac_address.Substring(6), 16)
                $addresses = @('192.0.2.' + (10 + $number % 200))
            }
        }
        $adapter.ip_addresses = [object[]]$addresses
    }
}

function Test-StandInLook {
    # Tells whether the guest was looked at more than so often.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [int] $After)

    return $After -eq 0 -or ($After -gt 0 -and $VM.looks -gt $After)
}

function Add-StandInLook {
    # Counts a look at a guest, while the state's behaviour asks something of guests, and keeps the count.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $guest = $State.behaviour.guest
    if ($VM.state -ne 'Running' -or ($guest.heartbeat_after -eq 0 -and $guest.address_after -eq 0 -and -not $guest.address)) { return }
    $VM.looks = [int]$VM.looks + 1
    Update-StandInGuest -State $State -VM $VM
    Save-StandIn -Path (Get-StandInPath) -State $State
}
