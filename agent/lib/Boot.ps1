# The boot order: the kinds of devices that the firmware of generation 2, or the BIOS of generation 1, tries in order. Devices of kinds that
# a definition does not name come after those in their order, as do files of boot managers, which a guest adds, and the floppy disk drive.

# The device of the BIOS for each kind. A BIOS tries the network with a legacy network adapter only.
$script:AgentBootKinds = [ordered]@{ disk = 'IDE'; network = 'LegacyNetworkAdapter'; dvd = 'CD' }

function Get-BootOrderRequirement {
    # The value must be a list of different kinds.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $kinds = @($script:AgentBootKinds.Keys)
    if ($Value -is [array] -and $Value.Count -gt 0 -and @($Value | Where-Object -FilterScript { $kinds -cnotcontains $_ }).Count -eq 0 -and
        @($Value | Sort-Object -Unique).Count -eq $Value.Count) { return '' }
    return (Get-AgentMessage -Id 'requirement_boot_order' -Values @{ kinds = (Join-AgentText -Text $kinds) }).Message
}

function Get-BootDevice {
    # Returns what has the boot order of a virtual machine: its firmware or BIOS.
    param([Parameter(Mandatory)] $VM)

    if ([int]$VM.Generation -eq 2) { return Get-VMFirmware -VM $VM }
    return Get-VMBios -VM $VM
}

function Get-BootSource {
    # Returns the entries of a boot order. Call it within @( ).
    param([Parameter(Mandatory)] $Device)

    foreach ($name in 'BootOrder', 'StartupOrder') {
        $sources = Get-OptionalProperty -Value $Device -Name $name
        foreach ($source in $sources) { $source }
    }
}

function Get-BootKind {
    # Returns the kind of an entry of a boot order, or an empty string when a definition cannot name it.
    param([Parameter(Mandatory)] $Source)

    foreach ($kind in $script:AgentBootKinds.Keys) { if ([string]$Source -eq $script:AgentBootKinds[$kind]) { return $kind } }
    $type = [string](Get-OptionalProperty -Value $Source -Name 'BootType')
    if ($type -eq 'Network') { return 'network' }
    if ($type -ne 'Drive' -or $null -eq $Source.Device) { return '' }
    if ($null -ne (Get-OptionalProperty -Value $Source.Device -Name 'DvdMediaType')) { return 'dvd' }
    return 'disk'
}

function Get-BootOrder {
    # Returns the kinds of a boot order, in the order of their first devices.
    param([Parameter(Mandatory)] $Device)

    $kinds = New-Object -TypeName System.Collections.ArrayList
    foreach ($source in @(Get-BootSource -Device $Device)) {
        $kind = Get-BootKind -Source $source
        if ($kind -and $kinds -cnotcontains $kind) { $null = $kinds.Add($kind) }
    }
    return , $kinds.ToArray()
}

function Test-SameBootOrder {
    # Reports whether a boot order begins with the wanted kinds, except those that it has no device of.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Kinds, [Parameter(Mandatory)] [object[]] $Wanted)

    $index = 0
    foreach ($kind in @($Wanted | Where-Object -FilterScript { $Kinds -ccontains $_ })) {
        if ($Kinds[$index] -cne $kind) { return $false }
        $index++
    }
    return $true
}

function Set-BootOrder {
    # Moves the devices of the kinds to the beginning of the boot order.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [object[]] $Kinds)

    $sources = @(Get-BootSource -Device (Get-BootDevice -VM $VM))
    $order = @(foreach ($kind in $Kinds) { $sources | Where-Object -FilterScript { (Get-BootKind -Source $_) -ceq $kind } }) +
    @($sources | Where-Object -FilterScript { $Kinds -cnotcontains (Get-BootKind -Source $_) })
    if ([int]$VM.Generation -eq 2) { Set-VMFirmware -VM $VM -BootOrder $order } else { Set-VMBios -VM $VM -StartupOrder $order }
}
