# The settings of a guest in a definition: what they are, and how the guest is set up with them.

# The properties of a network adapter in a definition that are settings of the guest.
$script:AgentGuestAdapterNames = 'ipv4_address', 'ipv6_address', 'dns_servers'

function Get-GuestSetup {
    # Returns how the guest of a definition is set up: cloud_init, unattend, or an empty string when it is not.
    param([Parameter(Mandatory)] $Fields)

    $setup = [string]$Fields['guest_setup']
    if ($setup -eq 'none' -or -not (Test-GuestSetting -Fields $Fields)) { return '' }
    if ($setup -and $setup -ne 'auto') { return $setup }
    if ($Fields['os_family'] -eq 'windows') { return 'unattend' }
    return 'cloud_init'
}

function Test-GuestSetting {
    # Reports whether a definition has settings of the guest.
    param([Parameter(Mandatory)] $Fields)

    foreach ($name in $Fields.Keys) { if ($name -cmatch '^(guest|cnf)_' -and $name -ne 'guest_setup' -and (Test-GuestValue -Value $Fields[$name])) { return $true } }
    foreach ($item in @($Fields['network_adapters'])) {
        foreach ($name in $script:AgentGuestAdapterNames) { if (Test-GuestValue -Value (Get-AgentProperty -Value $item -Name $name)) { return $true } }
    }
    return $false
}

function Test-GuestValue {
    # Reports whether a value is not empty.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [array]) { return $Value.Length -gt 0 }
    return $null -ne $Value -and [string]$Value -ne ''
}

function Get-JobGuest {
    <#
    .SYNOPSIS
    Returns the settings of the guest of a definition as a table, or nothing when the guest is not set up.
    .DESCRIPTION
    Adapters are the network adapters in order, the primary one first: Name, Mac (12 digits, or empty), Addresses (with prefix), Gateways
    and DnsServers. The table has secrets: it goes through no pipeline.
    #>
    param([Parameter(Mandatory)] $Fields)

    $setup = Get-GuestSetup -Fields $Fields
    if (-not $setup) { return $null }
    # PowerShell Direct joins the domain after the set-up: the medium needs no password for it.
    $domain = if (Test-GuestDirect -Fields $Fields -Purpose 'join') { @{} } else { $Fields }
    return [ordered]@{
        Setup = $setup; OSFamily = [string]$Fields['os_family']; HostName = Get-GuestHostName -Fields $Fields
        DnsSuffix = [string]$Fields['guest_net_dnssuffix']; AdminUser = [string]$Fields['guest_la_uid']; AdminPassword = [string]$Fields['guest_la_pw']
        SshKeys = [string[]]@(Get-GuestList -Value $Fields['guest_ssh_keys']); AnsibleUser = [string]$Fields['cnf_ansible_ssh_user']
        AnsibleKey = [string]$Fields['cnf_ansible_ssh_key']; TimeZone = [string]$Fields['guest_time_zone']; Locale = [string]$Fields['guest_locale']
        UserData = [string]$Fields['guest_user_data']; DomainName = [string]$domain['guest_domain_jointarget']
        DomainUser = [string]$domain['guest_domain_joinuid']; DomainPassword = [string]$domain['guest_domain_joinpw']
        DomainOU = [string]$domain['guest_domain_joinou']; ProductKey = [string]$Fields['guest_product_key']
        Commands = [string[]]@(Get-GuestList -Value $Fields['guest_commands']); DnsServers = [string[]]@(Get-GuestDnsServer -Fields $Fields)
        Adapters = [object[]]@(Get-GuestAdapter -Fields $Fields)
    }
}

function Get-GuestHostName {
    # Returns the host name of the guest: as the definition has it, or made of the name of the virtual machine.
    param([Parameter(Mandatory)] $Fields)

    if ($Fields['guest_host_name']) { return [string]$Fields['guest_host_name'] }
    return ConvertTo-GuestHostName -Name ([string]$Fields['vm_name']) -OSFamily ([string]$Fields['os_family'])
}

function Get-GuestList {
    # Returns the texts of a list that are not empty. Call it within @( ).
    param([AllowNull()] $Value)

    foreach ($item in @($Value)) { if ($item) { [string]$item } }
}

function Get-GuestDnsServer {
    # Returns the DNS servers of the primary adapter. Call it within @( ).
    param([Parameter(Mandatory)] $Fields)

    Get-GuestList -Value $Fields['guest_v4_dns1']
    Get-GuestList -Value $Fields['guest_v4_dns2']
    Get-GuestList -Value $Fields['guest_dns_servers']
}

function Get-GuestAdapter {
    # Returns the network adapters of a guest. Call it within @( ).
    param([Parameter(Mandatory)] $Fields)

    @{
        Name = ''; Mac = (Get-MacDigit -Mac ([string]$Fields['mac_address'])); DnsServers = [string[]]@(Get-GuestDnsServer -Fields $Fields)
        Addresses = [string[]]@(
            Join-GuestAddress -Address $Fields['guest_v4_ipaddr'] -Prefix $Fields['guest_v4_cidrprefix']
            Join-GuestAddress -Address $Fields['guest_v6_ipaddr'] -Prefix $Fields['guest_v6_cidrprefix']
        )
        Gateways = [string[]]@(Get-GuestList -Value @($Fields['guest_v4_defaultgw'], $Fields['guest_v6_defaultgw']))
    }
    foreach ($item in @($Fields['network_adapters'])) {
        if ($null -eq $item) { continue }
        @{
            Name = [string](Get-AgentProperty -Value $item -Name 'name'); Mac = (Get-MacDigit -Mac ([string](Get-AgentProperty -Value $item -Name 'mac_address')))
            Addresses = [string[]]@(foreach ($family in 'ipv4', 'ipv6') {
                    Join-GuestAddress -Address (Get-AgentProperty -Value $item -Name "${family}_address") -Prefix (Get-AgentProperty -Value $item -Name "${family}_prefix")
                })
            Gateways = [string[]]@(foreach ($family in 'ipv4', 'ipv6') { Get-GuestList -Value (Get-AgentProperty -Value $item -Name "${family}_gateway") })
            DnsServers = [string[]]@(Get-GuestList -Value (Get-AgentProperty -Value $item -Name 'dns_servers'))
        }
    }
}

function Join-GuestAddress {
    # Returns an address with its prefix, or nothing without an address. Call it within @( ).
    param([AllowNull()] [AllowEmptyString()] $Address, [AllowNull()] $Prefix)

    if ($Address) { "$Address/$(Format-AgentNumber -Value ([double]$Prefix))" }
}

function Test-GuestNetwork {
    # Reports whether the medium of a guest configures its network adapters, which it identifies by their MAC addresses.
    param([Parameter(Mandatory)] $Guest)

    foreach ($adapter in $Guest.Adapters) { if ($adapter.Addresses.Length -gt 0 -or $adapter.DnsServers.Length -gt 0) { return $true } }
    return $false
}
