# The documents of a Windows guest: an answer file for Setup, and a script that Setup runs, with its settings.

# The files on the medium that the answer file and cloudbase-init run.
$script:AgentGuestScriptFile = 'hypervvm.ps1'
$script:AgentGuestSettingsFile = 'hypervvm.json'

# The key whose values the host can read: https://learn.microsoft.com/virtualization/hyper-v-on-windows/reference/integration-services.
$script:AgentGuestReportKey = 'HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest'

function New-WindowsAnswer {
    <#
    .SYNOPSIS
    Returns the files of an unattended set-up of Windows, as byte arrays by name.
    .DESCRIPTION
    The versions of Windows search media for different names, so that the answer file is there twice:
    https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-automation-overview. The answer file starts the script, and
    the script runs the user's commands once Setup has ended: while it runs, there is no network, domain or account, and a command of an
    answer file has at most 259 characters. The seed for cloudbase-init is there too: its images often have an answer file of their own,
    which Setup prefers.
    .PARAMETER Guest
    Settings of the guest. HostName is required, all others are optional: DnsSuffix, AdminUser, AdminPassword, TimeZone, Locale, DomainName,
    DomainUser, DomainPassword, DomainOU, ProductKey, Commands, DnsServers, and Adapters, a list of tables with Mac (12 digits), Addresses
    (with prefix), Gateways, DnsServers.
    .PARAMETER InstanceId
    The guest reports this id, and does nothing when it has reported it before.
    #>
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    $answer = ConvertTo-Unattend -Values (Get-UnattendValue -Guest $Guest)
    $files = [ordered]@{ 'Autounattend.xml' = $answer; 'Unattend.xml' = $answer }
    $seed = New-CloudbaseSeed -Guest $Guest -InstanceId $InstanceId
    foreach ($name in $seed.Keys) { $files[$name] = $seed[$name] }
    return $files
}

function Add-WindowsScript {
    # Adds the script that runs in the guest, and its settings: the ones that no answer file has, and what to verify. They hold no password.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Files, [Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    $settings = [ordered]@{ instance = $InstanceId; commands = @(Get-GuestItem -Table $Guest -Name 'Commands') }
    foreach ($pair in @('domain', 'DomainName'), @('account', 'AdminUser'), @('time_zone', 'TimeZone')) {
        $settings[$pair[0]] = [string]$Guest[$pair[1]]
    }
    # The built-in account always exists, with the name of the guest's language.
    if ($settings['account'] -eq 'Administrator') { $settings['account'] = '' }
    $encoding = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    $Files[$script:AgentGuestScriptFile] = $encoding.GetBytes((Get-WindowsScript))
    $Files[$script:AgentGuestSettingsFile] = $encoding.GetBytes((ConvertTo-GuestJson -Value $settings) + "`n")
}

function Get-WindowsLauncher {
    # Returns the command line that runs the script of the medium.
    return 'powershell.exe -NoProfile -ExecutionPolicy RemoteSigned -Command "foreach($d in [IO.DriveInfo]::GetDrives())' +
    "{`$f=`$d.Name+'$script:AgentGuestScriptFile';if(`$d.IsReady -and `$d.VolumeLabel -eq '$script:AgentGuestSeedLabel' -and (Test-Path `$f)){&`$f;break}};exit 0`""
}

function Get-UnattendValue {
    # Returns the values of the answer file's settings.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

    $values = @{ HidePages = 'true'; ExpressSettings = '3'; Locale = 'en-US' }
    foreach ($name in 'HostName', 'TimeZone', 'Locale', 'DomainName', 'DomainPassword', 'DomainOU') {
        if ($Guest[$name]) { $values[$name] = $Guest[$name] }
    }
    if ($Guest['ProductKey']) { $values['ProductKey'] = $Guest['ProductKey'].ToUpperInvariant() }
    $key = "`"$script:AgentGuestReportKey`""
    $values['SetupCommands'] = @(
        # The image may hold the report of another guest. Commands must not fail, so that it is replaced and not removed.
        @{ Order = 1; Path = "reg.exe add $key /v hypervvm.setup /t REG_SZ /f" }
        @{ Order = 2; Path = "reg.exe add $key /v hypervvm.stage /t REG_SZ /d network /f" }
        @{ Order = 3; Path = (Get-WindowsLauncher) }
    )
    # A joined computer has the suffix of its domain.
    if (-not $Guest['DomainName']) { $values['PrimarySuffix'] = $Guest['DnsSuffix'] }
    if ($Guest['DomainName']) {
        # Domain is left out where the account has the form account@domain.
        $account = ([string]$Guest['DomainUser']).Split([char[]]'\', 2)
        $values['JoinAccount'] = $account[-1]
        if ($account.Count -eq 2) { $values['JoinAccountDomain'] = $account[0] } elseif (-not $account[0].Contains('@')) { $values['JoinAccountDomain'] = $Guest['DomainName'] }
    }
    if ($Guest['AdminUser'] -and $Guest['AdminPassword']) {
        if ($Guest['AdminUser'] -eq 'Administrator') {
            $values['AdministratorPassword'] = ConvertTo-UnattendPassword -Password $Guest['AdminPassword'] -Element 'AdministratorPassword'
            $values['AdministratorPlainText'] = 'false'
        } else {
            $password = ConvertTo-UnattendPassword -Password $Guest['AdminPassword'] -Element 'Password'
            $values['LocalAccounts'] = @(@{ Name = $Guest['AdminUser']; Group = 'Administrators'; Password = $password; PlainText = 'false' })
        }
    }
    $adapters = @(Get-GuestItem -Table $Guest -Name 'Adapters')
    $values['Interfaces'] = @(foreach ($adapter in $adapters) { Get-UnattendInterface -Adapter $adapter })
    # The servers and the suffix of the guest are those of its first adapter.
    $default = @(Get-GuestItem -Table $Guest -Name 'DnsServers')
    $suffix = $Guest['DnsSuffix']
    $values['Resolvers'] = @(
        foreach ($adapter in $adapters) {
            $servers = @(Get-GuestItem -Table $adapter -Name 'DnsServers')
            if ($servers.Count -eq 0) { $servers = $default }
            # Without a MAC address, nothing identifies the adapter: it has no settings.
            if ($adapter['Mac'] -and ($servers.Count -gt 0 -or $suffix)) {
                @{ Identifier = (Format-UnattendMac -Mac $adapter['Mac']); Suffix = $suffix; Servers = $servers }
            }
            $default = @()
            $suffix = ''
        }
    )
    return $values
}

function Get-UnattendInterface {
    # Returns the settings of an adapter with static addresses. An address family without one keeps DHCP, or router discovery.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Adapter)

    $addresses = @(Get-GuestItem -Table $Adapter -Name 'Addresses')
    if ($addresses.Count -eq 0) { return }
    $interface = @{ Identifier = (Format-UnattendMac -Mac $Adapter['Mac']); Addresses = $addresses; Routes = @() }
    foreach ($address in $addresses) {
        if ($address.Contains(':')) { $interface['Ipv6Dhcp'] = 'false' } else { $interface['Ipv4Dhcp'] = 'false' }
    }
    foreach ($gateway in @(Get-GuestItem -Table $Adapter -Name 'Gateways')) {
        $prefix = if ($gateway.Contains(':')) { '::/0' } else { '0.0.0.0/0' }
        $interface['Routes'] += @{ Key = $interface['Routes'].Count + 1; Gateway = $gateway; Prefix = $prefix }
    }
    return $interface
}

function Get-GuestItem {
    # Returns the items of a list, without empty ones. Call it within @( ).
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Table, [Parameter(Mandatory)] [string] $Name)

    foreach ($item in @($Table[$Name])) { if ($item) { $item } }
}

function Format-UnattendMac {
    # Returns a MAC address as answer files have it: 00-15-5D-00-00-01.
    param([Parameter(Mandatory)] [string] $Mac)

    return [regex]::Replace([regex]::Replace($Mac.ToUpperInvariant(), '[^0-9A-F]', ''), '(..)(?=.)', '$1-')
}

function ConvertTo-UnattendPassword {
    # Returns a password as Windows System Image Manager hides it: base64 of the password and the name of its element in UTF-16. It is no
    # encryption.
    param([Parameter(Mandatory)] [string] $Password, [Parameter(Mandatory)] [string] $Element)

    return (ConvertTo-Base64Line -Bytes ([System.Text.Encoding]::Unicode.GetBytes($Password + $Element))).Replace("`n", '')
}

function ConvertTo-GuestHostName {
    # Returns a host name made of the name of a virtual machine, or an empty string when nothing of it is left.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Name, [Parameter(Mandatory)] [string] $OSFamily)

    $limit = Get-GuestHostNameLimit -OSFamily $OSFamily
    $text = [regex]::Replace($Name, '[^A-Za-z0-9]+', '-').Trim('-')
    if ($OSFamily -ne 'windows') { $text = $text.ToLowerInvariant() }
    if ($OSFamily -eq 'windows' -and $text -match '^[0-9]+\z') { $text = 'vm-' + $text }
    if ($text.Length -gt $limit) { $text = $text.Substring(0, $limit).TrimEnd('-') }
    return $text
}

function Get-GuestHostNameLimit {
    # Returns the longest host name of an operating system, in characters.
    param([Parameter(Mandatory)] [string] $OSFamily)

    if ($OSFamily -eq 'windows') { return 15 }
    return 63
}

function Test-GuestHostName {
    # Reports whether a host name is valid: a label of RFC 1123, and on Windows a computer name.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Name, [Parameter(Mandatory)] [string] $OSFamily)

    if ($Name.Length -gt (Get-GuestHostNameLimit -OSFamily $OSFamily)) { return $false }
    if ($Name -notmatch '^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\z') { return $false }
    return $OSFamily -ne 'windows' -or $Name -notmatch '^[0-9]+\z'
}
