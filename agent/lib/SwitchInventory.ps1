# The virtual switches of the host, in the shape that clients read.

function Get-AgentSwitchList {
    # Serves request inventory for part switches.
    $null = Get-AgentHost # throws when the host is not ready
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($item in @(Get-VMSwitch)) {
        $null = $list.Add([ordered]@{ id = $item.Id.ToString(); name = [string]$item.Name; type = ConvertTo-SnakeCase -Value $item.SwitchType })
    }
    return [ordered]@{ switches = [object[]]$list.ToArray() }
}
