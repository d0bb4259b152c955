# The guests: their heartbeat and IP addresses.

function Update-StandInGuest {
    # Sets the heartbeat of a guest, and an address for each connected adapter while it runs, as of the current number of queries.
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
    # Reports whether the guest was queried more often than After.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [int] $After)

    return $After -eq 0 -or ($After -gt 0 -and $VM.looks -gt $After)
}

function Add-StandInLook {
    # Counts a query of a guest, if the state's behaviour depends on it, and saves the count.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $guest = $State.behaviour.guest
    if ($VM.state -ne 'Running' -or ($guest.heartbeat_after -eq 0 -and $guest.address_after -eq 0 -and -not $guest.address)) { return }
    $VM.looks = [int]$VM.looks + 1
    Update-StandInGuest -State $State -VM $VM
    Save-StandIn -Path (Get-StandInPath) -State $State
}
