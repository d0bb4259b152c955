# Msvm_KvpExchangeComponent: what guests report to the host.

# https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-kvpexchangecomponent. The host has no items of a guest that does not run, or that
# lacks the service. Items are texts in CIM-XML, as in https://learn.microsoft.com/windows/win32/hyperv_v2/getting-the-virtual-machine-dns-name
$script:StandInClasses['Msvm_KvpExchangeComponent'] = {
    param($state)
    foreach ($vm in $state.vms) {
        $values = [ordered]@{
            SystemName = $vm.id.ToUpperInvariant(); DeviceID = "Microsoft:$($vm.id.ToUpperInvariant())\2A34B1C2-FD73-4043-8A5B-DD2159BC743F"
            EnabledState = [uint16]2; OperationalStatus = [uint16[]]@(12); GuestExchangeItems = $null; GuestIntrinsicExchangeItems = $null
        }
        if (Test-StandInExchange -State $state -VM $vm) {
            $values['OperationalStatus'] = [uint16[]]@(2)
            Set-StandInExchange -VM $vm -Values $values
        }
        $values
    }
}

# What a query does to the instances that it returns. Each one of a running guest shows the host its next report.
$script:StandInQueried = @{
    Msvm_KvpExchangeComponent = {
        param($state, $values)
        foreach ($vm in $state.vms) {
            if ($vm.id -ne $values['SystemName'] -or -not (Test-StandInExchange -State $state -VM $vm)) { continue }
            $guest = Get-StandInGuestOS -VM $vm
            if ($null -eq $guest -or @($guest.pending).Count -eq 0) { continue }
            $guest.looks++
            if ($guest.looks % $state.behaviour.guest.report_every -eq 0) { Step-StandInReport -Guest $guest }
            Save-StandIn -Path (Get-StandInPath) -State $state
            Set-StandInExchange -VM $vm -Values $values
        }
    }
}

function Test-StandInExchange {
    # Reports whether the service of the exchange runs in a guest.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $guest = Get-StandInGuestOS -VM $VM
    return $VM.state -eq 'Running' -and ($null -eq $guest -or $guest.booted) -and
    -not (Test-StandInGuest -State $State -Name 'never_boots') -and -not (Test-StandInGuest -State $State -Name 'no_kvp')
}

function Set-StandInExchange {
    # Sets the items of a guest in an instance.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Values)

    $guest = Get-StandInGuestOS -VM $VM
    $name = 'localhost'
    $items = [ordered]@{}
    if ($null -ne $guest) {
        if ($guest.host_name) { $name = $guest.host_name }
        if ($guest.domain) { $name += '.' + $guest.domain }
        foreach ($pair in $guest.kvp.PSObject.Properties) { $items[$pair.Name] = [string]$pair.Value }
    }
    $Values['GuestExchangeItems'] = [string[]]@(foreach ($key in $items.Keys) { ConvertTo-StandInItem -Name $key -Data $items[$key] })
    $four = @('127.0.0.1')
    $six = @('::1')
    foreach ($adapter in $VM.adapters) {
        foreach ($address in $adapter.ip_addresses) { if ($address.Contains(':')) { $six += $address } else { $four += $address } }
    }
    $intrinsic = [ordered]@{
        FullyQualifiedDomainName = $name; OSName = 'Linux'; OSVersion = '6.8.0-31-generic'; OSBuildNumber = '#31-Ubuntu SMP'
        IntegrationServicesVersion = '6.8.0'; NetworkAddressIPv4 = [string]::Join(';', $four); NetworkAddressIPv6 = [string]::Join(';', $six); ProcessorArchitecture = 'x86_64'
    }
    if ($null -ne $guest -and $guest.system -eq 'windows') {
        $intrinsic['OSName'] = 'Windows Server 2022 Datacenter'
        $intrinsic['OSVersion'] = '10.0.20348'
        $intrinsic['OSBuildNumber'] = '20348'
        $intrinsic['IntegrationServicesVersion'] = '10.0.20348.1'
        $intrinsic['ProcessorArchitecture'] = '9'
    }
    $Values['GuestIntrinsicExchangeItems'] = [string[]]@(foreach ($key in $intrinsic.Keys) { ConvertTo-StandInItem -Name $key -Data $intrinsic[$key] })
}

function ConvertTo-StandInItem {
    # Returns an Msvm_KvpExchangeDataItem as text.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Data)

    return '<INSTANCE CLASSNAME="Msvm_KvpExchangeDataItem"><PROPERTY NAME="Caption" PROPAGATED="true" TYPE="string"></PROPERTY>' +
    "<PROPERTY NAME=`"Data`" TYPE=`"string`"><VALUE>$([System.Security.SecurityElement]::Escape($Data))</VALUE></PROPERTY>" +
    '<PROPERTY NAME="Description" PROPAGATED="true" TYPE="string"></PROPERTY><PROPERTY NAME="ElementName" PROPAGATED="true" TYPE="string"></PROPERTY>' +
    "<PROPERTY NAME=`"Name`" TYPE=`"string`"><VALUE>$([System.Security.SecurityElement]::Escape($Name))</VALUE></PROPERTY>" +
    '<PROPERTY NAME="Source" TYPE="uint16"><VALUE>2</VALUE></PROPERTY></INSTANCE>'
}
