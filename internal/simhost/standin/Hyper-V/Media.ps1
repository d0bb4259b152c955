# DVD drives.

function ConvertTo-StandInDvd {
    # Returns a DVD drive object.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Dvd)

    $path = $null
    $type = 'None'
    if ($Dvd.path) {
        $path = $Dvd.path
        $type = 'ISO'
    }
    return [pscustomobject]@{
        PSTypeName         = 'Microsoft.HyperV.PowerShell.DvdDrive'
        Path               = $path
        DvdMediaType       = $type
        ControllerType     = $Dvd.controller_type
        ControllerNumber   = [int]$Dvd.controller_number
        ControllerLocation = [int]$Dvd.controller_location
        VMId               = [guid]$VM.id
        VMName             = $VM.name
    }
}

function Find-StandInDvd {
    # Returns the state of the DVD drive of an object.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] $Object)

    foreach ($dvd in $VM.dvd_drives) {
        if ($dvd.controller_type -eq $Object.ControllerType -and $dvd.controller_number -eq $Object.ControllerNumber -and
            $dvd.controller_location -eq $Object.ControllerLocation) { return $dvd }
    }
    throw (New-StandInError -Cmdlet $Cmdlet -Id 'ObjectNotFound' -Category ObjectNotFound -Message "Virtual machine '$($VM.name)' has no such DVD drive.")
}

function Assert-StandInMedia {
    # Throws when an ISO file does not exist.
    param([Parameter(Mandatory)] [string] $Cmdlet, [AllowNull()] [AllowEmptyString()] [string] $Path)

    if ($Path -and -not [System.IO.File]::Exists($Path)) {
        throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument -Message "ISO file '$Path' was not found.")
    }
}

function Assert-StandInTakesDvd {
    # Throws when a DVD drive cannot be added or removed: the IDE controller of generation 1 cannot be changed while the virtual machine runs.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $What)

    if ($VM.state -eq 'Off' -or ($VM.state -eq 'Running' -and $VM.generation -eq 2)) { return }
    throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidState' -Category InvalidOperation `
            -Message "A DVD drive cannot be $What virtual machine '$($VM.name)' while it is $($VM.state).")
}

function Get-StandInLocation {
    # Returns the first free location of a controller.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Type, [Parameter(Mandatory)] [int] $Number)

    $location = 0
    while (Test-StandInLocation -VM $VM -Type $Type -Number $Number -Location $location) { $location++ }
    return $location
}

function Test-StandInLocation {
    # Reports whether a location of a controller is in use.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Type, [Parameter(Mandatory)] [int] $Number, [Parameter(Mandatory)] [int] $Location)

    foreach ($drive in @($VM.drives) + @($VM.dvd_drives)) {
        if ($drive.controller_type -eq $Type -and $drive.controller_number -eq $Number -and $drive.controller_location -eq $Location) { return $true }
    }
    return $false
}

function Get-VMDvdDrive {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMDvdDrive' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMDvdDrive' -VM $given['VM'] -Name $given['VMName'])) {
                foreach ($dvd in $item.dvd_drives) { ConvertTo-StandInDvd -VM $item -Dvd $dvd }
            }
        }
    }
}

function Add-VMDvdDrive {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [Parameter(Position = 4)] [string] $Path,
        [switch] $Passthru
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Path)) { return }
        $given = $PSBoundParameters
        $show = $Passthru
        Invoke-StandIn -Cmdlet 'Add-VMDvdDrive' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Add-VMDvdDrive' -VM $given['VM'] -Name $given['VMName'])) {
                Assert-StandInMedia -Cmdlet 'Add-VMDvdDrive' -Path $given['Path']
                Assert-StandInTakesDvd -VM $item -Cmdlet 'Add-VMDvdDrive' -What 'added to'
                $type = 'SCSI'
                $number = 0
                if ($item.generation -eq 1) {
                    $type = 'IDE'
                    $number = 1
                }
                $dvd = [pscustomobject]@{
                    controller_type = $type; controller_number = $number
                    controller_location = Get-StandInLocation -VM $item -Type $type -Number $number; path = [string]$given['Path']
                }
                $item.dvd_drives = [object[]](@($item.dvd_drives) + $dvd)
                if ($show) { ConvertTo-StandInDvd -VM $item -Dvd $dvd }
            }
        }
    }
}

function Set-VMDvdDrive {
    [CmdletBinding(DefaultParameterSetName = 'Object', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMDvdDrive,
        [Parameter(Position = 3)] [AllowNull()] [AllowEmptyString()] [string] $Path
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('DVD drive')) { return }
        $objects = $VMDvdDrive
        $file = $Path
        Invoke-StandIn -Cmdlet 'Set-VMDvdDrive' -Change -Action {
            param($state)
            Assert-StandInMedia -Cmdlet 'Set-VMDvdDrive' -Path $file
            foreach ($object in $objects) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Set-VMDvdDrive' -Id $object.VMId.ToString()
                (Find-StandInDvd -VM $vm -Cmdlet 'Set-VMDvdDrive' -Object $object).path = [string]$file
            }
        }
    }
}

function Remove-VMDvdDrive {
    [CmdletBinding(DefaultParameterSetName = 'VMDvdDrive', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'VMDvdDrive', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMDvdDrive)

    process {
        if (-not $PSCmdlet.ShouldProcess('DVD drive')) { return }
        $objects = $VMDvdDrive
        Invoke-StandIn -Cmdlet 'Remove-VMDvdDrive' -Change -Action {
            param($state)
            foreach ($object in $objects) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Remove-VMDvdDrive' -Id $object.VMId.ToString()
                Assert-StandInTakesDvd -VM $vm -Cmdlet 'Remove-VMDvdDrive' -What 'removed from'
                $dvd = Find-StandInDvd -VM $vm -Cmdlet 'Remove-VMDvdDrive' -Object $object
                $vm.dvd_drives = [object[]]@($vm.dvd_drives | Where-Object -FilterScript { -not [object]::ReferenceEquals($_, $dvd) })
            }
        }
    }
}
