# Checks of the settings of a guest: the type of each field, and what they require of each other and of the virtual machine.

# The locations of the SCSI controller of a virtual machine of generation 2.
# https://learn.microsoft.com/windows-server/virtualization/hyper-v/plan/plan-hyper-v-scalability-in-windows-server
$script:AgentScsiLocations = 64

# The fields of the settings that cloudbase-init cannot apply.
$script:AgentCloudbaseFields = @{
    DomainName = 'guest_domain_jointarget'; ProductKey = 'guest_product_key'; Locale = 'guest_locale'; AdminPassword = 'guest_la_pw'
    DnsSuffix = 'guest_net_dnssuffix'; DnsServers = 'guest_dns_servers'
}

function Get-GuestRequirement {
    # Returns what the value of a setting of the guest must be, or an empty string when it is valid, or is no such setting.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    switch -CaseSensitive ($Name) {
        'guest_setup' { return Get-ChoiceRequirement -Value $Value -Choices 'auto', 'cloud_init', 'unattend', 'none' }
        'guest_powershell_direct' { return Get-ChoiceRequirement -Value $Value -Choices 'none', 'verify', 'join' }
        'guest_v4_cidrprefix' { return Get-WholeNumberRequirement -Value $Value -Minimum 1 -Maximum 32 }
        'guest_v6_cidrprefix' { return Get-WholeNumberRequirement -Value $Value -Minimum 1 -Maximum 128 }
        { $_ -cmatch '^guest_v4_(ipaddr|defaultgw|dns[12])\z' } { return Get-AddressRequirement -Value $Value -Family 'InterNetwork' }
        { $_ -cmatch '^guest_v6_(ipaddr|defaultgw)\z' } { return Get-AddressRequirement -Value $Value -Family 'InterNetworkV6' }
        'guest_dns_servers' { return Get-AddressListRequirement -Value $Value }
        { @('guest_ssh_keys', 'guest_commands') -ccontains $_ } { return Get-TextListRequirement -Value $Value }
        { $_ -cmatch '^guest_(host_name|la_uid|la_pw|net_dnssuffix|time_zone|locale|user_data|product_key|domain_join(target|uid|pw|ou))\z|^cnf_ansible_ssh_(user|key)\z' } {
            if ($Value -isnot [string]) { return (Get-AgentMessage -Id 'requirement_text').Message }
        }
    }
    return ''
}

function Get-AddressRequirement {
    # The value must be an IP address, of a family if one is named.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value, [string] $Family = '')

    $parsed = $null
    # Windows takes a number, and fewer than four parts, for an address as well.
    if ($Value -is [string] -and $Value -cmatch '\A([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\z' -and [System.Net.IPAddress]::TryParse($Value, [ref]$parsed) -and
        (-not $Family -or [string]$parsed.AddressFamily -eq $Family)) { return '' }
    $id = if ($Family -eq 'InterNetwork') { 'requirement_ipv4' } elseif ($Family) { 'requirement_ipv6' } else { 'requirement_ip_addresses' }
    return (Get-AgentMessage -Id $id).Message
}

function Get-AddressListRequirement {
    # The value must be a list of IP addresses.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -isnot [array]) { return (Get-AgentMessage -Id 'requirement_ip_addresses').Message }
    foreach ($item in $Value) {
        $requirement = Get-AddressRequirement -Value $item
        if ($requirement) { return $requirement }
    }
    return ''
}

function Get-TextListRequirement {
    # The value must be a list of texts.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $requirement = (Get-AgentMessage -Id 'requirement_texts').Message
    if ($Value -isnot [array]) { return $requirement }
    foreach ($item in $Value) { if ($item -isnot [string]) { return $requirement } }
    return ''
}

function Get-AdapterAddressRequirement {
    # Returns the name of a property of a network adapter with an invalid address of the guest, and in Requirement what it must be; nothing
    # when all are valid.
    param([Parameter(Mandatory)] $Item)

    foreach ($pair in @('ipv4', 'InterNetwork', 32), @('ipv6', 'InterNetworkV6', 128)) {
        foreach ($name in "$($pair[0])_address", "$($pair[0])_gateway") {
            $value = Get-AgentProperty -Value $Item -Name $name
            if ($null -eq $value) { continue }
            $requirement = Get-AddressRequirement -Value $value -Family $pair[1]
            if ($requirement) { return @{ Name = $name; Requirement = $requirement } }
        }
        $value = Get-AgentProperty -Value $Item -Name "$($pair[0])_prefix"
        if ($null -eq $value) { continue }
        $requirement = Get-WholeNumberRequirement -Value $value -Minimum 1 -Maximum $pair[2]
        if ($requirement) { return @{ Name = "$($pair[0])_prefix"; Requirement = $requirement } }
    }
    $value = Get-AgentProperty -Value $Item -Name 'dns_servers'
    if ($null -eq $value) { return }
    $requirement = Get-AddressListRequirement -Value $value
    if ($requirement) { return @{ Name = 'dns_servers'; Requirement = $requirement } }
}

function Get-GuestFinding {
    # Returns the findings about the settings of the guest of a new virtual machine. Unknown names the fields whose values are not known yet.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown, [switch] $Warn)

    $setup = Get-GuestSetup -Fields $Fields
    if (-not $setup) { return }
    if (-not $Fields['os_family']) {
        if ($Unknown -notcontains 'os_family') { New-JobFinding -Field 'os_family' -MessageId 'guest_family_missing' }
        return
    }
    if ($setup -eq 'cloud_init' -and $Fields['os_family'] -eq 'windows') {
        foreach ($name in @(Get-CloudbaseUnsupported -Guest (Get-JobGuest -Fields $Fields))) {
            $field = $script:AgentCloudbaseFields[$name]
            $id = if ($name -eq 'AdminPassword') { 'guest_password_length' } else { 'guest_setting_unsupported' }
            New-JobFinding -Field $field -MessageId $id -Values @{ field = $field; limit = $script:AgentCloudbasePasswordLimit }
        }
    }
    if ($setup -eq 'unattend' -and $Fields['os_family'] -ne 'windows') { New-JobFinding -Field 'guest_setup' -MessageId 'guest_setup_family' }
    Get-GuestDirectFinding -Fields $Fields -Unknown $Unknown
    if ($Fields['guest_la_pw'] -and -not $Fields['guest_la_uid'] -and $Unknown -notcontains 'guest_la_uid') {
        New-JobFinding -Field 'guest_la_pw' -MessageId 'guest_account_missing'
    }
    if ($Fields['guest_user_data'] -and $Fields['guest_user_data'] -cnotmatch '\A(#!|#cloud-config\s)') { New-JobFinding -Field 'guest_user_data' -MessageId 'guest_user_data_type' }
    if (($Fields['guest_v4_dns1'] -or $Fields['guest_v4_dns2']) -and (Test-GuestValue -Value $Fields['guest_dns_servers'])) {
        New-JobFinding -Field 'guest_dns_servers' -MessageId 'guest_dns_twice'
    }
    if ($Fields.Contains('vm_name') -or $Fields.Contains('guest_host_name')) { Get-HostNameFinding -Fields $Fields -Warn:$Warn }
    foreach ($family in 'v4', 'v6') {
        Get-AddressFinding -Address $Fields["guest_${family}_ipaddr"] -Prefix $Fields["guest_${family}_cidrprefix"] -Gateway $Fields["guest_${family}_defaultgw"] `
            -Name "guest_${family}_ipaddr", "guest_${family}_cidrprefix", "guest_${family}_defaultgw" -Unknown $Unknown
    }
    $index = 0
    foreach ($item in @($Fields['network_adapters'])) {
        foreach ($family in 'ipv4', 'ipv6') {
            $names = @(foreach ($part in 'address', 'prefix', 'gateway') { "network_adapters[$index].${family}_$part" })
            Get-AddressFinding -Address (Get-AgentProperty -Value $item -Name "${family}_address") -Prefix (Get-AgentProperty -Value $item -Name "${family}_prefix") `
                -Gateway (Get-AgentProperty -Value $item -Name "${family}_gateway") -Name $names -Unknown $Unknown
        }
        $index++
    }
    # Besides the disks, the SCSI controller has the DVD of the user, and that of the guest. On generation 1 the DVDs are at the IDE controller.
    $used = 2 + @(Get-DataDiskSpec -Value $Fields['data_disks']).Count + [int]$Fields.Contains('media_name')
    if ((Get-JobGeneration -Fields $Fields) -eq 2 -and $used -gt $script:AgentScsiLocations) {
        New-JobFinding -Field 'data_disks' -MessageId 'guest_media_location' -Values @{ count = $used; limit = $script:AgentScsiLocations }
    }
}

function Get-HostNameFinding {
    # Returns a finding when the host name is not valid in the guest, and with Warn a warning when it is only a part of the virtual machine's name.
    param([Parameter(Mandatory)] $Fields, [switch] $Warn)

    $name = Get-GuestHostName -Fields $Fields
    $field = if ($Fields['guest_host_name']) { 'guest_host_name' } else { 'vm_name' }
    $limit = Get-GuestHostNameLimit -OSFamily $Fields['os_family']
    if (-not (Test-GuestHostName -Name $name -OSFamily $Fields['os_family'])) {
        $id = if ($Fields['os_family'] -eq 'windows') { 'guest_host_name_windows' } else { 'guest_host_name_linux' }
        New-JobFinding -Field $field -MessageId $id -Values @{ name = $name; limit = $limit }
    } elseif ($Warn -and $field -eq 'vm_name' -and ([string]$Fields['vm_name']).Length -gt $limit) {
        New-JobFinding -Field $field -Severity 'warning' -MessageId 'guest_host_name_cut' -Values @{ name = $name; limit = $limit }
    }
}

function Get-AddressFinding {
    # Returns the findings about a static address without its prefix, or a prefix or a gateway without their address. Name are the fields.
    param(
        [AllowNull()] [AllowEmptyString()] $Address, [AllowNull()] $Prefix, [AllowNull()] [AllowEmptyString()] $Gateway,
        [Parameter(Mandatory)] [string[]] $Name, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown
    )

    if ($Address -and $null -eq $Prefix -and $Unknown -notcontains $Name[1]) {
        New-JobFinding -Field $Name[0] -MessageId 'guest_address_incomplete' -Values @{ field = $Name[0]; missing = $Name[1] }
    }
    if ($Address -or $Unknown -contains $Name[0]) { return }
    if ($null -ne $Prefix) { New-JobFinding -Field $Name[1] -MessageId 'guest_address_incomplete' -Values @{ field = $Name[1]; missing = $Name[0] } }
    if ($Gateway) { New-JobFinding -Field $Name[2] -MessageId 'guest_address_incomplete' -Values @{ field = $Name[2]; missing = $Name[0] } }
}
