# The virtual switches of the host, in the shape that clients read.

function Get-AgentSwitchList {
    # Serves request inventory for part switches.
    $null = Get-AgentHost # throws when the host is not ready
    $switches = @(Get-VMSwitch)
    $names = Get-NetAdapterName -Switches $switches
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($item in $switches) { $null = $list.Add((ConvertTo-AgentSwitch -Switch $item -Names $names)) }
    return [ordered]@{ switches = [object[]]$list.ToArray() }
}

function Get-NetAdapterName {
    # Returns the names of the host's network adapters by their descriptions, with which switches refer to them; nothing when they cannot
    # be read.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Switches)

    $names = @{}
    if (@($Switches | Where-Object -FilterScript { $_.NetAdapterInterfaceDescriptions }).Count -eq 0) { return $names }
    try {
        foreach ($adapter in @(Get-NetAdapter)) { $names[[string]$adapter.InterfaceDescription] = [string]$adapter.Name }
    } catch {
        return # the account may not: a switch is shown without them
    }
    return $names
}

function ConvertTo-AgentSwitch {
    # Returns a virtual switch in the shape that clients read. A network adapter that the host has no longer is shown with its description.
    param([Parameter(Mandatory)] $Switch, [AllowNull()] $Names)

    $adapters = $null
    if ($null -ne $Names) {
        $adapters = [object[]]@($Switch.NetAdapterInterfaceDescriptions | Where-Object -FilterScript { $_ } | ForEach-Object -Process {
                if ($Names.ContainsKey([string]$_)) { $Names[[string]$_] } else { [string]$_ }
            })
    }
    return [ordered]@{
        id = $Switch.Id.ToString(); name = [string]$Switch.Name; type = (ConvertTo-SnakeCase -Value $Switch.SwitchType); notes = [string]$Switch.Notes
        net_adapter_names = $adapters; allow_management_os = [bool]$Switch.AllowManagementOS; enable_embedded_teaming = [bool]$Switch.EmbeddedTeamingEnabled
        enable_iov = [bool]$Switch.IovEnabled; minimum_bandwidth_mode = (ConvertTo-SnakeCase -Value $Switch.BandwidthReservationMode)
    }
}
