# Static MAC addresses of the adapters that a medium configures: the guest identifies an adapter by its MAC address, and Hyper-V assigns a
# dynamic one only at the first start, when the medium is written already.

function Set-GuestMac {
    <#
    .SYNOPSIS
    Completes the MAC addresses of a guest's adapters, and assigns a static one to each that has none, if the medium configures the network.
    .DESCRIPTION
    The manifest records the assigned ones: they are not settings of the user. The names of virtual machines are locked meanwhile, so that
    no two jobs choose the same.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Guest)

    if (-not (Test-GuestNetwork -Guest $Guest)) { return }
    $adapters = @(Get-VMNetworkAdapter -VM $VM)
    $lock = Lock-VMName -Context $Context -Job $Job
    try {
        $taken = $null
        foreach ($item in $Guest.Adapters) {
            if ($item.Mac) { continue }
            if ($null -eq $taken) { $taken = Get-MacHolder -ExceptId '' }
            $adapter = $adapters[0]
            if ($item.Name) { $adapter = Find-AdditionalAdapter -Adapters $adapters -First $adapters[0] -Name $item.Name }
            $item.Mac = Get-FreeMac -Machine $Plan.Machine -VMId $Job.VMId -Taken $taken
            $taken[$item.Mac] = $adapter
            $null = $Job.Journal.Manifest.AssignedMacs.Add($item.Mac)
            Save-JobManifest -Manifest $Job.Journal.Manifest
            Set-VMNetworkAdapter -VMNetworkAdapter $adapter -StaticMacAddress $item.Mac
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'guest_mac' -Values @{ adapter = $adapter.Name; mac = (Format-MacDigit -Digits $item.Mac) }
        }
    } finally {
        Unlock-VMName -Lock $lock
    }
}

function Get-FreeMac {
    # Returns a MAC address of the host's range that no virtual machine has. The search starts at a place that depends on the virtual
    # machine: one that moved to another node of the cluster keeps its address, and is not seen here.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $VMId, [Parameter(Mandatory)] [System.Collections.IDictionary] $Taken)

    $minimum = [System.Convert]::ToInt64((Get-MacDigit -Mac ([string]$Machine.MacAddressMinimum)), 16)
    $count = [System.Convert]::ToInt64((Get-MacDigit -Mac ([string]$Machine.MacAddressMaximum)), 16) - $minimum + 1
    $start = [System.BitConverter]::ToUInt32([guid]::Parse($VMId).ToByteArray(), 0)
    for ($i = 0; $i -lt $count; $i++) {
        $digits = ($minimum + ($start + $i) % $count).ToString('X12', [System.Globalization.CultureInfo]::InvariantCulture)
        if (-not $Taken.ContainsKey($digits)) { return $digits }
    }
    throw (New-AgentError -MessageId 'mac_none_free' -Values @{ host = $Machine.Name; minimum = $Machine.MacAddressMinimum; maximum = $Machine.MacAddressMaximum })
}

function Format-MacDigit {
    # Returns the digits of a MAC address with hyphens.
    param([Parameter(Mandatory)] [string] $Digits)

    return [System.Text.RegularExpressions.Regex]::Replace($Digits, '(..)(?!\z)', '$1-')
}
