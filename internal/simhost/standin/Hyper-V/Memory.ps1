# Memory of virtual machines.

function Get-VMMemory {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMMemory' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMMemory' -VM $given['VM'] -Name $given['VMName'])) {
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.HyperV.PowerShell.VMMemory'; VMName = $item.name; VMId = [guid]$item.id
                    Startup = [long]$item.memory_startup_bytes; Minimum = [long]$item.memory_minimum_bytes; Maximum = [long]$item.memory_maximum_bytes
                    DynamicMemoryEnabled = [bool]$item.dynamic_memory; Priority = [int](Get-StandInSetting -Of $item -Name 'Priority' -Default $script:StandInSettings['Priority'])
                }
            }
        }
    }
}

function Set-VMMemory {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [bool] $DynamicMemoryEnabled,
        [long] $MaximumBytes,
        [long] $MinimumBytes,
        [long] $StartupBytes,
        [ValidateRange(0, 100)] [int] $Priority
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('memory')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMMemory' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VMMemory' -VM $given['VM'] -Name $given['VMName'])) {
                if ($given.ContainsKey('Priority')) { Set-StandInSetting -Of $item -Name 'Priority' -Value $given['Priority'] }
                Set-StandInMemory -VM $item -Given $given
            }
        }
    }
}

function Set-StandInMemory {
    # A running virtual machine with dynamic memory accepts a higher maximum and a lower minimum; all other changes require it to be off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Given)

    if (@('DynamicMemoryEnabled', 'MaximumBytes', 'MinimumBytes', 'StartupBytes' | Where-Object -FilterScript { $Given.ContainsKey($_) }).Count -eq 0) { return }
    $before = @{ Dynamic = [bool]$VM.dynamic_memory; Startup = $VM.memory_startup_bytes; Minimum = $VM.memory_minimum_bytes; Maximum = $VM.memory_maximum_bytes }
    foreach ($pair in @(@('StartupBytes', 'memory_startup_bytes'), @('MinimumBytes', 'memory_minimum_bytes'), @('MaximumBytes', 'memory_maximum_bytes'))) {
        if (-not $Given.ContainsKey($pair[0])) { continue }
        if ($Given[$pair[0]] % 2MB -ne 0) {
            throw (New-StandInError -Cmdlet 'Set-VMMemory' -Message "The memory of virtual machine '$($VM.name)' must be a multiple of 2 MB.")
        }
        $VM.($pair[1]) = $Given[$pair[0]]
    }
    if ($Given.ContainsKey('DynamicMemoryEnabled')) { $VM.dynamic_memory = $Given['DynamicMemoryEnabled'] }
    if ($VM.dynamic_memory -and ($VM.memory_minimum_bytes -gt $VM.memory_startup_bytes -or $VM.memory_startup_bytes -gt $VM.memory_maximum_bytes)) {
        throw (New-StandInError -Cmdlet 'Set-VMMemory' -Message "The startup memory of virtual machine '$($VM.name)' must be between its minimum and its maximum.")
    }
    if ($VM.state -eq 'Running' -and $before.Dynamic -and $VM.dynamic_memory -and $VM.memory_startup_bytes -eq $before.Startup -and
        $VM.memory_minimum_bytes -le $before.Minimum -and $VM.memory_maximum_bytes -ge $before.Maximum) { return }
    Assert-StandInOff -VM $VM -Cmdlet 'Set-VMMemory' -What 'memory'
}
