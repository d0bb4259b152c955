# Firmware, key protectors and TPMs of generation 2 virtual machines.

function Assert-StandInGeneration {
    # Throws when a virtual machine is not of generation 2.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet)

    if ($VM.generation -ne 2) { throw (New-StandInError -Cmdlet $Cmdlet -Message "Virtual machine '$($VM.name)' is not of generation 2.") }
}

function Select-StandInGeneration2 {
    # Returns the states of the selected virtual machines of generation 2, and writes an error for each of generation 1.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] $Given)

    foreach ($item in @(Select-StandInVM -State $State -Cmdlet $Cmdlet -VM $Given['VM'] -Name $Given['VMName'])) {
        try { Assert-StandInGeneration -VM $item -Cmdlet $Cmdlet } catch {
            Write-StandInError -Record $_
            continue
        }
        $item
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
            foreach ($item in @(Select-StandInGeneration2 -State $state -Cmdlet 'Get-VMFirmware' -Given $given)) {
                Add-StandInGroupCost -Latency (Get-StandInLatency -State $state) -Id $item.id -Group 'firmware'
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.HyperV.PowerShell.VMFirmware'
                    VMName = $item.name; VMId = [guid]$item.id; SecureBoot = $item.secure_boot; SecureBootTemplate = $item.secure_boot_template
                    BootOrder = [object[]]@(Get-StandInBootSource -VM $item)
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
        [object[]] $BootOrder,
        [object] $FirstBootDevice
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('firmware')) { return }
        $given = $PSBoundParameters
        Edit-StandInSecurity -Cmdlet 'Set-VMFirmware' -What 'firmware' -Given $given -Edit {
            param($item, $state)
            if ($given.ContainsKey('SecureBootTemplate')) { Assert-StandInTemplate -State $state -VM $item -Template $given['SecureBootTemplate'] }
            if ($given.ContainsKey('EnableSecureBoot')) { $item.secure_boot = $given['EnableSecureBoot'] }
            if ($given.ContainsKey('SecureBootTemplate')) { $item.secure_boot_template = $given['SecureBootTemplate'] }
            if ($given.ContainsKey('FirstBootDevice')) { Set-StandInFirstBoot -VM $item -Device $given['FirstBootDevice'] }
            if ($given.ContainsKey('BootOrder')) { Set-StandInBootOrder -VM $item -Source $given['BootOrder'] }
        }
    }
}

function Assert-StandInTemplate {
    # Throws when the secure boot template cannot be set: the virtual machine has a TPM.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Template)

    if (-not $VM.tpm) { return }
    if ($VM.secure_boot_template -eq $Template -and (Get-StandInVariant -State $State -Name 'same_template_with_tpm') -eq 'accepted') { return }
    throw (New-StandInError -Cmdlet 'Set-VMFirmware' `
            -Message "'$($VM.name)' failed to modify settings. Cannot modify the secure boot template ID property after the virtual TPM is initialized.")
}

function Edit-StandInSecurity {
    # Changes generation 2 virtual machines. Throws when one is not off.
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $What, [Parameter(Mandatory)] $Given, [Parameter(Mandatory)] [scriptblock] $Edit)

    Invoke-StandIn -Cmdlet $Cmdlet -Change -Action {
        param($state)
        foreach ($item in @(Select-StandInVM -State $state -Cmdlet $Cmdlet -VM $Given['VM'] -Name $Given['VMName'])) {
            Assert-StandInGeneration -VM $item -Cmdlet $Cmdlet
            Assert-StandInOff -VM $item -Cmdlet $Cmdlet -What $What
            & $Edit $item $state
        }
    }
}

function Get-VMSecurity {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMSecurity' -Action {
            param($state)
            foreach ($item in @(Select-StandInGeneration2 -State $state -Cmdlet 'Get-VMSecurity' -Given $given)) {
                Add-StandInGroupCost -Latency (Get-StandInLatency -State $state) -Id $item.id -Group 'security'
                # The real object names no virtual machine.
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.HyperV.PowerShell.VMSecurity'
                    TpmEnabled = [bool]$item.tpm; KsdEnabled = $false; Shielded = $false; EncryptStateAndVmMigrationTraffic = $false
                    VirtualizationBasedSecurityOptOut = $false; ComputerName = $state.host.name; IsDeleted = $false
                }
            }
        }
    }
}

function Get-VMKeyProtector {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('key protector')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMKeyProtector' -Action {
            param($state)
            foreach ($item in @(Select-StandInGeneration2 -State $state -Cmdlet 'Get-VMKeyProtector' -Given $given)) {
                # Four bytes mean that no key protector is set. The bytes are one object of the output, not one object each.
                $bytes = [byte[]]@(0, 0, 0, 4)
                if ($item.key_protector) { $bytes = [byte[]]@(0, 0, 0, 4, 60, 63, 120, 109, 108) }
                if ((Get-StandInVariant -State $state -Name 'key_protector_output') -eq 'bytes') { $bytes } else { , $bytes }
            }
        }
    }
}

function Set-VMKeyProtector {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [switch] $NewLocalKeyProtector
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('key protector')) { return }
        if (-not $NewLocalKeyProtector) { throw (New-StandInError -Cmdlet 'Set-VMKeyProtector' -Message 'Specify a key protector.') }
        Edit-StandInSecurity -Cmdlet 'Set-VMKeyProtector' -What 'key protector' -Given $PSBoundParameters -Edit {
            param($item)
            $item.key_protector = $true
        }
    }
}

function Enable-VMTPM {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('TPM')) { return }
        Edit-StandInSecurity -Cmdlet 'Enable-VMTPM' -What 'TPM' -Given $PSBoundParameters -Edit {
            param($item)
            if (-not $item.key_protector) {
                throw (New-StandInError -Cmdlet 'Enable-VMTPM' -Message "The security settings of virtual machine '$($item.name)' cannot be changed without a valid key protector.")
            }
            $item.tpm = $true
        }
    }
}

function Disable-VMTPM {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('TPM')) { return }
        Edit-StandInSecurity -Cmdlet 'Disable-VMTPM' -What 'TPM' -Given $PSBoundParameters -Edit {
            param($item)
            $item.tpm = $false
        }
    }
}
