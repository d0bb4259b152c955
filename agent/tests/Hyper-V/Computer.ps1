# The host and its switches.

function Get-VMHost {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-VMHost' -Action {
        param($state)
        [pscustomobject]@{
            PSTypeName            = 'Microsoft.HyperV.PowerShell.VMHost'
            Name                  = $state.host.name
            ComputerName          = $state.host.name
            LogicalProcessorCount = [int]$state.host.logical_processors
            MemoryCapacity        = [long]$state.host.memory_bytes
            VirtualHardDiskPath   = $state.host.virtual_hard_disk_path
            VirtualMachinePath    = $state.host.virtual_machine_path
        }
    }
}

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
            [pscustomobject]@{
                PSTypeName = 'Microsoft.HyperV.PowerShell.VMSwitch'
                Id         = [guid]$virtualSwitch.id
                Name       = $virtualSwitch.name
                SwitchType = $virtualSwitch.type
            }
        }
    }
}
