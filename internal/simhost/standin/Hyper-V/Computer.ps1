# The host.

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
            MacAddressMinimum     = $state.host.mac_address_minimum
            MacAddressMaximum     = $state.host.mac_address_maximum
        }
    }
}

function Get-VMHostNumaNode {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-VMHostNumaNode' -Action {
        param($state)
        $available = Get-StandInAvailable -State $state
        # The real cmdlet returns MiB.
        [pscustomobject]@{
            PSTypeName      = 'Microsoft.HyperV.PowerShell.VMHostNumaNode'
            NodeId          = 0
            MemoryAvailable = [long][System.Math]::Floor($available / 1MB)
            MemoryTotal     = [long][System.Math]::Floor($state.host.memory_bytes / 1MB)
            ComputerName    = $state.host.name
        }
    }
}

function Get-StandInAvailable {
    # Returns the memory that is available to virtual machines, in bytes.
    param([Parameter(Mandatory)] $State)

    if ($State.host.memory_available_bytes -gt 0) { return [long]$State.host.memory_available_bytes }
    $available = [long]$State.host.memory_bytes
    foreach ($vm in $State.vms) { $available -= Get-StandInMemory -VM $vm }
    return [System.Math]::Max($available, [long]0)
}
