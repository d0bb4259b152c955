# Memory, processors, firmware and drives.

function Assert-StandInOff {
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $What)

    if ($VM.state -ne 'Off') {
        throw (New-StandInError -Cmdlet $Cmdlet -Message "The $What of virtual machine '$($VM.name)' cannot be changed while it is $($VM.state).")
    }
}

function Set-VMMemory {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [bool] $DynamicMemoryEnabled,
        [long] $StartupBytes
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('memory')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMMemory' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VMMemory' -VM $given['VM'] -Name $given['VMName'])) {
                Assert-StandInOff -VM $item -Cmdlet 'Set-VMMemory' -What 'memory'
                if ($given.ContainsKey('DynamicMemoryEnabled')) { $item.dynamic_memory = $given['DynamicMemoryEnabled'] }
                if ($given.ContainsKey('StartupBytes')) { $item.memory_startup_bytes = $given['StartupBytes'] }
            }
        }
    }
}

function Set-VMProcessor {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [long] $Count
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('processor')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMProcessor' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VMProcessor' -VM $given['VM'] -Name $given['VMName'])) {
                Assert-StandInOff -VM $item -Cmdlet 'Set-VMProcessor' -What 'processors'
                if ($given.ContainsKey('Count')) { $item.processor_count = [int]$given['Count'] }
            }
        }
    }
}

function Get-VMFirmware {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMFirmware' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMFirmware' -VM $given['VM'] -Name $given['VMName'])) {
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.HyperV.PowerShell.VMFirmware'
                    VMName = $item.name; SecureBoot = $item.secure_boot; SecureBootTemplate = $item.secure_boot_template
                }
            }
        }
    }
}

function Set-VMFirmware {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [ValidateSet('On', 'Off')] [string] $EnableSecureBoot,
        [string] $SecureBootTemplate,
        [object] $FirstBootDevice
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('firmware')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMFirmware' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VMFirmware' -VM $given['VM'] -Name $given['VMName'])) {
                if ($item.generation -ne 2) {
                    throw (New-StandInError -Cmdlet 'Set-VMFirmware' -Message "Virtual machine '$($item.name)' is not of generation 2.")
                }
                if ($given.ContainsKey('EnableSecureBoot')) { $item.secure_boot = $given['EnableSecureBoot'] }
                if ($given.ContainsKey('SecureBootTemplate')) { $item.secure_boot_template = $given['SecureBootTemplate'] }
                if ($given.ContainsKey('FirstBootDevice')) { $item.first_boot = [string]$given['FirstBootDevice'].Path }
            }
        }
    }
}

function Add-VMHardDiskDrive {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [Parameter(Position = 1)] [ValidateSet('IDE', 'SCSI')] [string] $ControllerType = 'SCSI',
        [Parameter(Position = 4)] [string] $Path,
        [switch] $Passthru
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Path)) { return }
        $given = $PSBoundParameters
        $type = $ControllerType
        $show = $Passthru
        Invoke-StandIn -Cmdlet 'Add-VMHardDiskDrive' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Add-VMHardDiskDrive' -VM $given['VM'] -Name $given['VMName'])) {
                if (-not [System.IO.File]::Exists($given['Path'])) {
                    throw (New-StandInError -Cmdlet 'Add-VMHardDiskDrive' -Message "Virtual hard disk '$($given['Path'])' was not found.")
                }
                $location = Get-StandInLocation -VM $item -Type $type -Number 0
                $drive = [pscustomobject]@{ controller_type = $type; controller_number = 0; controller_location = $location; path = $given['Path'] }
                $item.drives = [object[]](@($item.drives) + $drive)
                if ($show) { ConvertTo-StandInDrive -VM $item -Drive $drive }
            }
        }
    }
}

function Get-VMHardDiskDrive {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMHardDiskDrive' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMHardDiskDrive' -VM $given['VM'] -Name $given['VMName'])) {
                foreach ($drive in $item.drives) { ConvertTo-StandInDrive -VM $item -Drive $drive }
            }
        }
    }
}

function Get-VHD {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param([Parameter(ParameterSetName = 'Path', Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('FullName')] [string[]] $Path)

    process {
        $wanted = $Path
        Invoke-StandIn -Cmdlet 'Get-VHD' -Action {
            foreach ($file in $wanted) {
                if (-not [System.IO.File]::Exists($file)) {
                    throw (New-StandInError -Cmdlet 'Get-VHD' -Id 'InvalidParameter' -Category InvalidArgument -Message "Virtual hard disk '$file' was not found.")
                }
                # The images of a simulated host hold nothing: as large as their files.
                $size = [uint64](New-Object -TypeName System.IO.FileInfo -ArgumentList $file).Length
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.Vhd.PowerShell.VirtualHardDisk'
                    Path = $file; VhdFormat = 'VHDX'; VhdType = 'Dynamic'; FileSize = $size; Size = $size
                }
            }
        }
    }
}
