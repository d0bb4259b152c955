# The guests: their start, their heartbeat and their IP addresses. What a guest does with a medium is in GuestMedium.ps1, GuestSeed.ps1 and
# GuestAnswer.ps1, which are only loaded for a virtual machine that has one.

function Start-StandInGuest {
    # Starts the guest of a virtual machine that was off: it looks for a medium, unless it is set up already.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $media = @(foreach ($dvd in $VM.dvd_drives) { if ($dvd.path) { $dvd.path } })
    $guest = $VM.PSObject.Properties['guest']
    if ($media.Count -eq 0 -and ($null -eq $guest -or $null -eq $guest.Value)) { return }
    foreach ($script in 'GuestMedium.ps1', 'GuestSeed.ps1', 'GuestAnswer.ps1', 'GuestReport.ps1', 'GuestSetup.ps1') { . ([System.IO.Path]::Combine($PSScriptRoot, $script)) }
    Invoke-StandInSetup -State $State -VM $VM -Media $media
}

function Get-StandInGuestOS {
    # Returns the operating system of a virtual machine that has read a medium, or nothing.
    param([Parameter(Mandatory)] $VM)

    $property = $VM.PSObject.Properties['guest']
    if ($null -ne $property) { $property.Value }
}

function Test-StandInGuest {
    # Reports whether the state's behaviour of the guests has a value other than the zero value.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Name)

    $property = $State.behaviour.guest.PSObject.Properties[$Name]
    return $null -ne $property -and [bool]$property.Value
}

function Update-StandInGuest {
    # Sets the heartbeat of a guest, and an address for each connected adapter while it runs, as of the current number of queries.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $guest = $State.behaviour.guest
    $system = Get-StandInGuestOS -VM $VM
    $dead = (Test-StandInGuest -State $State -Name 'never_boots') -or ($null -ne $system -and -not $system.booted)
    if ($guest.heartbeat_after -ne 0 -or $dead) {
        $VM.heartbeat = ''
        if ($dead -or -not (Test-StandInLook -VM $VM -After $guest.heartbeat_after)) { $VM.heartbeat = 'NoContact' }
    }
    # The service of the key-value exchange reports the addresses too:
    # https://github.com/torvalds/linux/blob/master/tools/hv/hv_kvp_daemon.c
    $silent = $dead -or (Test-StandInGuest -State $State -Name 'no_kvp')
    foreach ($adapter in $VM.adapters) {
        $addresses = @()
        if ($VM.state -eq 'Running' -and $adapter.switch_name -and -not $silent) {
            $static = $null
            if ($null -ne $system) { $static = $system.addresses.PSObject.Properties[$adapter.mac_address] }
            if (-not (Test-StandInLook -VM $VM -After $guest.address_after)) {
                $addresses = @('fe80::215:5dff:fe00:1')
            } elseif ($null -ne $static) {
                $addresses = @(foreach ($address in $static.Value) { $address.Split('/')[0] }) + 'fe80::215:5dff:fe00:1'
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

function Step-StandInReport {
    # Makes the next pairs of a guest visible to the host, up to the next one that begins or ends a stage.
    param([Parameter(Mandatory)] $Guest)

    do {
        $pair, $rest = @($Guest.pending)
        Add-Member -InputObject $Guest.kvp -MemberType NoteProperty -Name $pair.key -Value $pair.value -Force
        $Guest.pending = [object[]]@($rest | Where-Object -FilterScript { $null -ne $_ })
        $ends = $pair.key -match '\|start\|' -or $pair.key -eq 'hypervvm.stage' -or ($pair.key -eq 'hypervvm.setup' -and $pair.value)
    } while ($Guest.pending.Count -gt 0 -and -not $ends)
}
