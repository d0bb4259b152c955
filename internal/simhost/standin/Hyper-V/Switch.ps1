# Virtual switches.

function Get-VMSwitch {
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    param(
        [Parameter(ParameterSetName = 'Name', Position = 0)] [Alias('SwitchName')] [string] $Name = '*',
        [Parameter(ParameterSetName = 'Id', Position = 0, ValueFromPipelineByPropertyName)] [Alias('SwitchId')] [guid[]] $Id
    )

    $wanted = $Id
    $pattern = $Name
    Invoke-StandIn -Cmdlet 'Get-VMSwitch' -Action {
        param($state)
        foreach ($virtualSwitch in $state.switches) {
            if ($null -ne $wanted) {
                if ($wanted -notcontains [guid]$virtualSwitch.id) { continue }
            } elseif ($virtualSwitch.name -notlike $pattern) {
                continue
            }
            ConvertTo-StandInSwitch -State $state -Switch $virtualSwitch
        }
    }
}

function ConvertTo-StandInSwitch {
    # Returns a virtual switch object. The mode of a new switch is Absolute: https://github.com/dsccommunity/HyperVDsc/issues/48
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $Switch)

    $mode = $Switch.bandwidth_mode
    if (-not $mode) { $mode = 'Absolute' }
    $descriptions = [string[]]@($Switch.net_adapters | ForEach-Object -Process { Get-StandInDescription -State $State -Name $_ } | Where-Object -FilterScript { $_ })
    $description = ''
    if ($descriptions.Count -eq 0) { $descriptions = $null } else { $description = $descriptions[0] }
    return [pscustomobject]@{
        PSTypeName = 'Microsoft.HyperV.PowerShell.VMSwitch'; Id = [guid]$Switch.id; Name = $Switch.name; SwitchType = $Switch.type; Notes = [string]$Switch.notes
        AllowManagementOS = [bool]$Switch.management_os; EmbeddedTeamingEnabled = [bool]$Switch.embedded_teaming; IovEnabled = [bool]$Switch.iov
        BandwidthReservationMode = $mode; NetAdapterInterfaceDescription = $description; NetAdapterInterfaceDescriptions = $descriptions
    }
}

function New-VMSwitch {
    # Hyper-V allows several switches of one name. Several adapters are a team: https://learn.microsoft.com/powershell/module/hyper-v/new-vmswitch
    [CmdletBinding(DefaultParameterSetName = 'NetAdapterName', SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0)] [Alias('SwitchName')] [string] $Name,
        [Parameter(ParameterSetName = 'NetAdapterName', Mandatory, ValueFromPipelineByPropertyName)] [Alias('InterfaceAlias')] [string[]] $NetAdapterName,
        [Parameter(ParameterSetName = 'SwitchType', Mandatory)] [ValidateSet('Internal', 'Private')] [string] $SwitchType,
        [Parameter(ParameterSetName = 'NetAdapterName')] [bool] $AllowManagementOS = $true,
        [bool] $EnableEmbeddedTeaming,
        [bool] $EnableIov,
        [ValidateSet('Default', 'Weight', 'Absolute', 'None')] [string] $MinimumBandwidthMode = 'Default',
        [string] $Notes
    )

    if (-not $PSCmdlet.ShouldProcess($Name)) { return }
    $given = $PSBoundParameters
    $mode = ''
    if ($MinimumBandwidthMode -ne 'Default') { $mode = [System.Globalization.CultureInfo]::InvariantCulture.TextInfo.ToTitleCase($MinimumBandwidthMode.ToLowerInvariant()) }
    $item = [pscustomobject]@{
        id = [guid]::NewGuid().ToString(); name = $Name; type = 'External'; notes = $Notes; net_adapters = [object[]]@(); management_os = $AllowManagementOS
        embedded_teaming = $EnableEmbeddedTeaming; iov = $EnableIov; bandwidth_mode = $mode
    }
    if ($given.ContainsKey('SwitchType')) {
        $item.type = [System.Globalization.CultureInfo]::InvariantCulture.TextInfo.ToTitleCase($SwitchType.ToLowerInvariant())
        $item.management_os = $item.type -eq 'Internal'
    } elseif ($NetAdapterName.Count -gt 1) {
        $item.embedded_teaming = $true
    }
    Invoke-StandIn -Cmdlet 'New-VMSwitch' -Change -Action {
        param($state)
        if ($item.type -eq 'External') {
            $item.net_adapters = [object[]]@(foreach ($wanted in $given['NetAdapterName']) {
                    $found = @($state.host.net_adapters | Where-Object -FilterScript { $_.name -eq $wanted })
                    if ($found.Count -eq 0) { throw (New-StandInError -Cmdlet 'New-VMSwitch' -Id 'InvalidParameter' -Category InvalidArgument -Message "No network adapter is named '$wanted'.") }
                    $found[0].name
                })
        }
        $state.switches = [object[]](@($state.switches) + $item)
        ConvertTo-StandInSwitch -State $state -Switch $item
    }
}

function Set-VMSwitch {
    # AllowManagementOS adds or removes the host's virtual network adapters: https://github.com/MicrosoftDocs/windows-powershell-docs/pull/3049
    [CmdletBinding(DefaultParameterSetName = 'SwitchObject_SwitchType', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'SwitchObject_SwitchType', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMSwitch,
        [bool] $AllowManagementOS,
        [string] $Notes
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('virtual switch')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMSwitch' -Change -Action {
            param($state)
            foreach ($object in $given['VMSwitch']) {
                foreach ($item in $state.switches) {
                    if ($item.id -ne $object.Id.ToString()) { continue }
                    if ($given.ContainsKey('Notes')) { $item.notes = $given['Notes'] }
                    if ($given.ContainsKey('AllowManagementOS')) { $item.management_os = $given['AllowManagementOS'] }
                }
            }
        }
    }
}

function Remove-VMSwitch {
    # A switch of running virtual machines stays: https://github.com/AutomatedLab/AutomatedLab/issues/164. Others are disconnected.
    [CmdletBinding(DefaultParameterSetName = 'SwitchObject', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'SwitchObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMSwitch,
        [switch] $Force
    )

    process {
        $null = $Force
        if (-not $PSCmdlet.ShouldProcess('virtual switch')) { return }
        $objects = $VMSwitch
        Invoke-StandIn -Cmdlet 'Remove-VMSwitch' -Change -Action {
            param($state)
            foreach ($object in $objects) {
                foreach ($vm in $state.vms) {
                    foreach ($adapter in $vm.adapters) {
                        if ($adapter.switch_name -ne $object.Name) { continue }
                        if ($vm.state -ne 'Off') {
                            throw (New-StandInError -Cmdlet 'Remove-VMSwitch' -Id 'ObjectInUse' -Category ResourceBusy -Message ("Failed while removing virtual Ethernet switch. " +
                                    "The virtual switch '$($object.Name)' cannot be deleted because it is being used by running virtual machines or assigned to child pools."))
                        }
                        $adapter.switch_name = ''
                    }
                }
                $state.switches = [object[]]@($state.switches | Where-Object -FilterScript { $_.id -ne $object.Id.ToString() })
            }
        }
    }
}
