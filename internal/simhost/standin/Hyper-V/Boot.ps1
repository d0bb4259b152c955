# The boot order of virtual machines: the devices of generation 2, and the kinds of devices of generation 1.

function Get-StandInBootId {
    # Returns the key of a device in a boot order: the GUID of a network adapter, or the controller and location of a drive. That of a file
    # of a boot manager begins with file:.
    param([Parameter(Mandatory)] $Device)

    $properties = $Device.PSObject.Properties
    if ($null -ne $properties['BootType']) {
        if ($Device.BootType -eq 'File') { return "file:$($Device.Description)" }
        $Device = $Device.Device
        $properties = $Device.PSObject.Properties
    }
    if ($null -ne $properties['MacAddress']) { return $Device.Id -replace '^.*\\', '' }
    return "$($Device.ControllerType) $($Device.ControllerNumber):$($Device.ControllerLocation)"
}

function Get-StandInBootSource {
    # Returns the boot sources of a virtual machine of generation 2: those of its boot order, then the devices that it does not have. A new
    # virtual machine tries its network adapter first: https://github.com/taliesins/terraform-provider-hyperv/issues/67
    param([Parameter(Mandatory)] $VM)

    $sources = [ordered]@{}
    $first = @()
    foreach ($adapter in $VM.adapters) { $sources[$adapter.id] = @('Network', (ConvertTo-StandInAdapter -VM $VM -Adapter $adapter)) }
    foreach ($drive in $VM.drives) {
        $device = ConvertTo-StandInDrive -VM $VM -Drive $drive
        $id = Get-StandInBootId -Device $device
        $sources[$id] = @('Drive', $device)
        if ($VM.first_boot -and $drive.path -eq $VM.first_boot) { $first = @($id) }
    }
    foreach ($dvd in $VM.dvd_drives) {
        $device = ConvertTo-StandInDvd -VM $VM -Dvd $dvd
        $sources[(Get-StandInBootId -Device $device)] = @('Drive', $device)
    }
    $order = @(Get-StandInSetting -Of $VM -Name 'BootOrder' -Default $first)
    foreach ($id in $order + @($sources.Keys | Where-Object -FilterScript { $order -notcontains $_ })) {
        $type = 'File'
        $device = $null
        if ($sources.Contains($id)) { $type, $device = $sources[$id] } elseif ($id -notlike 'file:*') { continue }
        [pscustomobject]@{
            PSTypeName = 'Microsoft.HyperV.PowerShell.VMBootSource'
            BootType = $type; Description = $id -replace '^file:', ''; Device = $device; VMId = [guid]$VM.id; VMName = $VM.name
        }
    }
}

function Set-StandInBootOrder {
    # Sets the boot order of a virtual machine of generation 2. A file of a boot manager that is left out is removed:
    # https://sandyzeng.com/hyper-v-remove-firmware-file-bootmgfw-efi/
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [object[]] $Source)

    Set-StandInSetting -Of $VM -Name 'BootOrder' -Value ([object[]]@($Source | ForEach-Object -Process { Get-StandInBootId -Device $_ }))
}

function Set-StandInFirstBoot {
    # Moves a device to the beginning of the boot order.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Device)

    $VM.first_boot = [string]$Device.Path
    $order = @(Get-StandInSetting -Of $VM -Name 'BootOrder' -Default @())
    $id = Get-StandInBootId -Device $Device
    if ($order.Count -gt 0) { Set-StandInSetting -Of $VM -Name 'BootOrder' -Value ([object[]](@($id) + @($order | Where-Object -FilterScript { $_ -ne $id }))) }
}

function Get-VMBios {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMBios' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMBios' -VM $given['VM'] -Name $given['VMName'])) {
                if ($item.generation -ne 1) {
                    throw (New-StandInError -Cmdlet 'Get-VMBios' -Message "Virtual machine '$($item.name)' is not of generation 1.")
                }
                $order = [string[]]@($item.startup_order)
                if ($order.Count -eq 0) { $order = [string[]]@('CD', 'IDE', 'LegacyNetworkAdapter', 'Floppy') }
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.HyperV.PowerShell.VMBios'
                    NumLockEnabled = $false; StartupOrder = $order; VMId = [guid]$item.id; VMName = $item.name
                }
            }
        }
    }
}

function Set-VMBios {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [ValidateSet('Floppy', 'CD', 'IDE', 'LegacyNetworkAdapter')] [string[]] $StartupOrder
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('BIOS')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VMBios' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VMBios' -VM $given['VM'] -Name $given['VMName'])) {
                if ($item.generation -ne 1) {
                    throw (New-StandInError -Cmdlet 'Set-VMBios' -Message "Virtual machine '$($item.name)' is not of generation 1.")
                }
                Assert-StandInOff -VM $item -Cmdlet 'Set-VMBios' -What 'BIOS'
                $item.startup_order = [object[]]$given['StartupOrder']
            }
        }
    }
}
