# Processors and hard disk drives.

function Assert-StandInOff {
    # Throws when a virtual machine is not off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $What)

    if ($VM.state -ne 'Off') {
        throw (New-StandInError -Cmdlet $Cmdlet -Message "The $What of virtual machine '$($VM.name)' cannot be changed while it is $($VM.state).")
    }
}

# What Hyper-V sets for a new virtual machine: https://learn.microsoft.com/powershell/module/hyper-v/set-vmprocessor and
# https://learn.microsoft.com/powershell/module/hyper-v/set-vmmemory.
$script:StandInSettings = @{
    ExposeVirtualizationExtensions = $false; CompatibilityForMigrationEnabled = $false; RelativeWeight = 100; Reserve = [long]0; Maximum = [long]100; Priority = 50
}

function Get-StandInSetting {
    # Returns a setting of a virtual machine or of an adapter, or its default.
    param([Parameter(Mandatory)] $Of, [Parameter(Mandatory)] [string] $Name, [AllowNull()] $Default)

    $settings = $Of.PSObject.Properties['settings']
    if ($null -eq $settings -or $null -eq $settings.Value) { return $Default }
    $property = $settings.Value.PSObject.Properties[$Name]
    if ($null -eq $property) { return $Default }
    return $property.Value
}

function Set-StandInSetting {
    # Sets a setting of a virtual machine or of an adapter.
    param([Parameter(Mandatory)] $Of, [Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] $Value)

    if ($null -eq $Of.PSObject.Properties['settings']) { Add-Member -InputObject $Of -MemberType NoteProperty -Name 'settings' -Value ([pscustomobject]@{}) }
    Add-Member -InputObject $Of.settings -MemberType NoteProperty -Name $Name -Value $Value -Force
}

function Get-VMProcessor {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMProcessor' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMProcessor' -VM $given['VM'] -Name $given['VMName'])) {
                $object = @{ PSTypeName = 'Microsoft.HyperV.PowerShell.VMProcessor'; VMName = $item.name; VMId = [guid]$item.id; Count = [long]$item.processor_count }
                foreach ($name in 'ExposeVirtualizationExtensions', 'CompatibilityForMigrationEnabled', 'RelativeWeight', 'Reserve', 'Maximum') {
                    $object[$name] = Get-StandInSetting -Of $item -Name $name -Default $script:StandInSettings[$name]
                }
                [pscustomobject]$object
            }
        }
    }
}

function Set-VMProcessor {
    # The settings for which DSC restarts a virtual machine require it to be off:
    # https://github.com/dsccommunity/HyperVDsc/blob/main/source/DSCResources/DSC_VMProcessor/DSC_VMProcessor.psm1
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [long] $Count,
        [bool] $CompatibilityForMigrationEnabled,
        [ValidateRange(0, 100)] [long] $Maximum,
        [ValidateRange(0, 100)] [long] $Reserve,
        [ValidateRange(1, 10000)] [int] $RelativeWeight,
        [bool] $ExposeVirtualizationExtensions
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('processor')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMProcessor' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VMProcessor' -VM $given['VM'] -Name $given['VMName'])) {
                foreach ($name in 'Count', 'CompatibilityForMigrationEnabled', 'ExposeVirtualizationExtensions') {
                    if ($given.ContainsKey($name)) { Assert-StandInOff -VM $item -Cmdlet 'Set-VMProcessor' -What 'processors' }
                }
                if ($given.ContainsKey('Count')) { $item.processor_count = [int]$given['Count'] }
                foreach ($name in 'CompatibilityForMigrationEnabled', 'ExposeVirtualizationExtensions', 'Maximum', 'Reserve', 'RelativeWeight') {
                    if ($given.ContainsKey($name)) { Set-StandInSetting -Of $item -Name $name -Value $given[$name] }
                }
                if ((Get-StandInSetting -Of $item -Name 'Reserve' -Default 0) -gt (Get-StandInSetting -Of $item -Name 'Maximum' -Default 100)) {
                    throw (New-StandInError -Cmdlet 'Set-VMProcessor' -Id 'InvalidParameter' -Category InvalidArgument -Message "'$($item.name)' failed to modify device 'Processor'. The parameter is incorrect.")
                }
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
        [Parameter(Position = 2)] [int] $ControllerNumber = 0,
        [Parameter(Position = 3)] [int] $ControllerLocation,
        [Parameter(Position = 4)] [string] $Path,
        [switch] $Passthru
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Path)) { return }
        $given = $PSBoundParameters
        $type = $ControllerType
        $number = $ControllerNumber
        $show = $Passthru
        Invoke-StandIn -Cmdlet 'Add-VMHardDiskDrive' -Change -Action {
            param($state)
            $given['Path'] = Get-StandInPathForm -State $state -Path ([string]$given['Path'])
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Add-VMHardDiskDrive' -VM $given['VM'] -Name $given['VMName'])) {
                if (-not [System.IO.File]::Exists($given['Path'])) {
                    throw (New-StandInError -Cmdlet 'Add-VMHardDiskDrive' -Message "Virtual hard disk '$($given['Path'])' was not found.")
                }
                if (@($item.drives | Where-Object -FilterScript { $_.path -eq $given['Path'] }).Count -gt 0) {
                    throw (New-StandInError -Cmdlet 'Add-VMHardDiskDrive' -Message "Virtual hard disk '$($given['Path'])' is attached to virtual machine '$($item.name)' already.")
                }
                if ($type -eq 'IDE' -and $item.generation -ne 1) {
                    throw (New-StandInError -Cmdlet 'Add-VMHardDiskDrive' -Message "Virtual machine '$($item.name)' has no IDE controller.")
                }
                $location = Get-StandInLocation -VM $item -Type $type -Number $number
                if ($given.ContainsKey('ControllerLocation')) {
                    $location = $given['ControllerLocation']
                    if (Test-StandInLocation -VM $item -Type $type -Number $number -Location $location) {
                        throw (New-StandInError -Cmdlet 'Add-VMHardDiskDrive' -Message "Virtual machine '$($item.name)' has a drive at $type ${number}:$location already.")
                    }
                }
                $drive = [pscustomobject]@{ controller_type = $type; controller_number = $number; controller_location = $location; path = $given['Path'] }
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
                Add-StandInGroupCost -Latency (Get-StandInLatency -State $state) -Id $item.id -Group 'drives'
                foreach ($drive in $item.drives) { ConvertTo-StandInDrive -VM $item -Drive $drive }
            }
        }
    }
}
