# The documents of a Linux guest: a NoCloud seed for cloud-init.
#
# Sources: https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html and
# https://docs.cloud-init.io/en/latest/reference/network-config-format-v1.html. JSON is YAML, so that nothing needs quoting rules of YAML.

# The label by which cloud-init finds the seed.
$script:AgentGuestSeedLabel = 'cidata'

# The file in which the guest's daemon keeps the key-value pairs that the host reads: records of 512 bytes for the key and 2,048 for the
# value (https://github.com/torvalds/linux/blob/master/tools/hv/hv_kvp_daemon.c).
$script:AgentGuestPoolFile = '/var/lib/hyperv/.kvp_pool_1'

# The file in the guest that keeps the result of its set-up.
$script:AgentGuestMarkFile = '/var/lib/cloud/instance/hypervvm-setup'

function New-LinuxSeed {
    <#
    .SYNOPSIS
    Returns the files of a NoCloud seed, as byte arrays by name.
    .PARAMETER Guest
    Settings of the guest. HostName is required, all others are optional: DnsSuffix, AdminUser, AdminPassword, SshKeys, AnsibleUser, AnsibleKey,
    TimeZone, Locale, UserData, and Adapters, a list of tables with Mac (12 digits), Addresses (with prefix), Gateways, DnsServers.
    .PARAMETER InstanceId
    cloud-init applies a seed once for each instance id.
    #>
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    $encoding = [System.Text.UTF8Encoding]::new($false)
    $files = [ordered]@{}
    $files['meta-data'] = $encoding.GetBytes((ConvertTo-GuestJson -Value ([ordered]@{ 'instance-id' = $InstanceId; 'local-hostname' = $Guest['HostName'] })) + "`n")
    $files['user-data'] = $encoding.GetBytes((Get-LinuxUserData -Guest $Guest -InstanceId $InstanceId))
    # Some readers fail on an empty file.
    $files['vendor-data'] = $encoding.GetBytes("#cloud-config`n{}`n")
    $network = Get-LinuxNetworkConfig -Guest $Guest
    if ($null -ne $network) { $files['network-config'] = $encoding.GetBytes((ConvertTo-GuestJson -Value $network) + "`n") }
    return $files
}

function Get-LinuxUserData {
    # Returns the user data: our cloud-config, in a message with the user's part if there is one.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    $config = "#cloud-config`n" + (ConvertTo-GuestJson -Value (Get-LinuxCloudConfig -Guest $Guest -InstanceId $InstanceId)) + "`n"
    $own = [string]$Guest['UserData']
    if (-not $own) { return $config }
    $type = if ($own.StartsWith('#!')) { 'text/x-shellscript' } else { 'text/cloud-config' }
    # Base64 keeps every line end and character. The boundary has a character that base64 does not have.
    $boundary = '==hypervvm-seed=='
    $message = [System.Text.StringBuilder]::new("Content-Type: multipart/mixed; boundary=`"$boundary`"`nMIME-Version: 1.0`n")
    # Our part is the last one: it keeps the values of the user's part, and its lists come first.
    # https://github.com/canonical/cloud-init/blob/main/cloudinit/mergers/m_dict.py
    foreach ($part in @(@($type, 'user-data', $own), @('text/cloud-config', 'hypervvm.cfg', $config))) {
        $null = $message.Append("`n--$boundary`nContent-Type: $($part[0]); charset=`"utf-8`"`nMIME-Version: 1.0`nContent-Transfer-Encoding: base64`n")
        $null = $message.Append("Content-Disposition: attachment; filename=`"$($part[1])`"`n")
        if ($part[1] -eq 'hypervvm.cfg') { $null = $message.Append("Merge-Type: list(prepend)+dict(no_replace,recurse_array)+str()`n") }
        $null = $message.Append("`n").Append((ConvertTo-Base64Line -Bytes ([System.Text.Encoding]::UTF8.GetBytes($part[2])))).Append("`n")
    }
    $null = $message.Append("--$boundary--`n")
    return $message.ToString()
}

function Get-LinuxCloudConfig {
    # Returns the cloud-config.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    $config = [ordered]@{ hostname = $Guest['HostName']; preserve_hostname = $false; manage_etc_hosts = $true }
    if ($Guest['DnsSuffix']) { $config['fqdn'] = $Guest['HostName'] + '.' + $Guest['DnsSuffix'] }
    $users = Get-LinuxUser -Guest $Guest
    if ($users.Count -gt 0) { $config['users'] = $users }
    if ($Guest['AdminUser'] -eq 'root') { $config['disable_root'] = $false }
    if ($Guest['AdminPassword']) { $config['ssh_pwauth'] = -not $Guest['SshKeys'] }
    if ($Guest['TimeZone']) { $config['timezone'] = $Guest['TimeZone'] }
    if ($Guest['Locale']) { $config['locale'] = $Guest['Locale'] }
    # Each stage is a record that the host reads: https://docs.cloud-init.io/en/latest/reference/modules.html#mod-cc-reporting.
    $config['reporting'] = [ordered]@{ hypervvm = [ordered]@{ type = 'hyperv' } }
    # Images without that handler, and without a report of the network stage, have the records of these commands.
    $config['bootcmd'] = @(, @('sh', '-c', (Get-LinuxBootCommand -InstanceId $InstanceId)))
    $config['runcmd'] = @(, @('sh', '-c', (Get-LinuxLastCommand)))
    return $config
}

function Get-LinuxUser {
    # Returns the users: the administrator, and the account of Ansible, which has no password.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

    $users = [System.Collections.ArrayList]::new()
    $admin = $null
    if ($Guest['AdminUser']) {
        $admin = [ordered]@{ name = $Guest['AdminUser'] }
        if ($Guest['AdminUser'] -ne 'root') {
            $admin['shell'] = '/bin/bash'
            $admin['sudo'] = 'ALL=(ALL:ALL) ALL'
        }
        # passwd is ignored for a user that the image has; hashed_passwd is not.
        if ($Guest['AdminPassword']) {
            $admin['hashed_passwd'] = Get-CryptHash -Password $Guest['AdminPassword'] -Salt (New-CryptSalt)
            $admin['lock_passwd'] = $false
        }
        if ($Guest['SshKeys']) { $admin['ssh_authorized_keys'] = @($Guest['SshKeys']) }
        $null = $users.Add($admin)
    }
    if ($Guest['AnsibleUser'] -and $Guest['AnsibleKey']) {
        if ($null -ne $admin -and $admin['name'] -ceq $Guest['AnsibleUser']) {
            $admin['sudo'] = 'ALL=(ALL) NOPASSWD:ALL'
            $admin['ssh_authorized_keys'] = @($Guest['SshKeys']) + @($Guest['AnsibleKey'].Trim())
            $admin['ssh_authorized_keys'] = @($admin['ssh_authorized_keys'] -ne $null)
        } else {
            $null = $users.Add([ordered]@{
                    name = $Guest['AnsibleUser']; shell = '/bin/bash'; lock_passwd = $true; sudo = 'ALL=(ALL) NOPASSWD:ALL'
                    ssh_authorized_keys = @($Guest['AnsibleKey'].Trim())
                })
        }
    }
    return , $users
}

function Get-LinuxNetworkConfig {
    # Returns the network configuration, or $null where every adapter uses DHCP only. With static addresses it has version 1, whose
    # gateways every renderer honours; with DHCP and DNS servers, version 2, whose DNS servers every renderer honours there.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

    $static = $false
    $named = $false
    foreach ($adapter in @($Guest['Adapters'])) {
        if ($null -eq $adapter) { continue }
        if (@($adapter['Addresses']).Length -gt 0) { $static = $true }
        if (@($adapter['DnsServers']).Length -gt 0) { $named = $true }
    }
    if (-not $static -and -not $named) { return $null }
    $devices = [System.Collections.ArrayList]::new()
    $ethernets = [ordered]@{}
    foreach ($adapter in @($Guest['Adapters'])) {
        if ($null -eq $adapter) { continue }
        $name = "eth$($devices.Count)"
        $mac = [regex]::Replace([regex]::Replace($adapter['Mac'].ToLowerInvariant(), '[^0-9a-f]', ''), '(..)(?=.)', '$1:')
        $null = $devices.Add([ordered]@{ type = 'physical'; name = $name; mac_address = $mac; subnets = (Get-LinuxSubnet -Guest $Guest -Adapter $adapter) })
        $ethernet = [ordered]@{ match = [ordered]@{ macaddress = $mac }; 'set-name' = $name; dhcp4 = $true }
        if (@($adapter['DnsServers']).Length -gt 0) {
            $ethernet['nameservers'] = [ordered]@{ addresses = @($adapter['DnsServers']) }
            if ($Guest['DnsSuffix']) { $ethernet['nameservers']['search'] = @($Guest['DnsSuffix']) }
        }
        $ethernets[$name] = $ethernet
    }
    if (-not $static) { return [ordered]@{ version = 2; ethernets = $ethernets } }
    return [ordered]@{ version = 1; config = $devices }
}

function Get-LinuxSubnet {
    # Returns the subnets of an adapter: its static addresses, and DHCP without a static IPv4 address.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [System.Collections.IDictionary] $Adapter)

    $subnets = [System.Collections.ArrayList]::new()
    $servers = @(foreach ($server in @($Adapter['DnsServers'])) { if ($server) { $server } })
    $four = $false
    foreach ($address in @($Adapter['Addresses'])) {
        if (-not $address) { continue }
        $six = $address.Contains(':')
        $four = $four -or -not $six
        $subnet = [ordered]@{ type = $(if ($six) { 'static6' } else { 'static' }); address = $address }
        foreach ($gateway in @($Adapter['Gateways'])) { if ($gateway -and $gateway.Contains(':') -eq $six) { $subnet['gateway'] = $gateway } }
        # All are in the first subnet: a resolver uses the servers of each family for all names.
        if ($subnets.Count -eq 0) {
            if ($servers.Length -gt 0) { $subnet['dns_nameservers'] = $servers }
            if ($Guest['DnsSuffix']) { $subnet['dns_search'] = @($Guest['DnsSuffix']) }
        }
        $null = $subnets.Add($subnet)
    }
    if ($four) { return , $subnets }
    $dhcp = [ordered]@{ type = 'dhcp' }
    if ($subnets.Count -gt 0) { $dhcp['type'] = 'dhcp4' } elseif ($servers.Length -gt 0) { $dhcp['dns_nameservers'] = $servers }
    $null = $subnets.Add($dhcp)
    return , $subnets
}

function Get-LinuxReportPrelude {
    <#
    .SYNOPSIS
    Returns the shell function put, which writes the record of a key from standard input, and its variables.
    .DESCRIPTION
    Nothing is written where the daemon does not run: neither its device nor its file is there. A record of the same key is replaced, since
    the host may not expect a key twice. One write appends it, as cloud-init appends records at the same time.
    #>
    return "export LC_ALL=C; f=$script:AgentGuestPoolFile; m=$script:AgentGuestMarkFile; " +
    'put() { [ -e /dev/vmbus/hv_kvp ] || [ -e $f ] || return 0; mkdir -p ${f%/*}; t=$(mktemp) || return 0; cat >$t; ' +
    'n=$(grep -abo "$1" $f 2>/dev/null | awk -F: ''$1%2560==0{print $1/2560; exit}''); ' +
    'if [ -n "$n" ]; then dd if=$t of=$f bs=2560 seek=$n conv=notrunc 2>/dev/null; else cat $t >>$f; fi; rm -f $t; }; '
}

function Get-LinuxRecordCommand {
    # Returns the shell command that reports a key with a value.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Value)

    return "{ printf %s $Key; head -c $(512 - $Key.Length) /dev/zero; printf %s `"$Value`"; head -c $(2048 - $Value.Length) /dev/zero; } | put $Key"
}

function Get-LinuxTextCommand {
    # Returns the shell command that reports a key with the value of the variable v.
    param([Parameter(Mandatory)] [string] $Key)

    return "{ printf %s $Key; head -c $(512 - $Key.Length) /dev/zero; printf %s `"`$v`"; head -c `$((2048-`${#v})) /dev/zero; } | put $Key"
}

function Get-LinuxBootCommand {
    # Returns the shell command of each boot, before accounts are created. It replaces the result of another instance, which an image may
    # contain, before it reports this one. After the set-up, it reports the result again: cloud-init's own handler empties the file at a boot.
    param([Parameter(Mandatory)] [string] $InstanceId)

    return (Get-LinuxReportPrelude) + 'if [ -s $m ]; then v=$(cat $m); ' + (Get-LinuxTextCommand -Key 'hypervvm.setup') + '; else ' +
    (Get-LinuxRecordCommand -Key 'hypervvm.setup' -Value '') + '; ' + (Get-LinuxRecordCommand -Key 'hypervvm.stage' -Value 'accounts') + '; fi; ' +
    (Get-LinuxRecordCommand -Key 'hypervvm.instance' -Value $InstanceId)
}

function Get-LinuxLastCommand {
    <#
    .SYNOPSIS
    Returns the shell command that reports the result of the set-up.
    .DESCRIPTION
    It is the first of cloud-init's last stage, and commands and scripts of the user follow: it waits in the background for the file in
    which cloud-init writes its errors at the end.
    https://docs.cloud-init.io/en/latest/explanation/return_codes.html
    #>
    return (Get-LinuxReportPrelude) + (Get-LinuxRecordCommand -Key 'hypervvm.stage' -Value 'commands') + '; ' +
    '( r=/run/cloud-init/result.json; i=0; while [ ! -s $r ] && [ $i -lt 14400 ]; do sleep 1; i=$((i+1)); done; ' +
    'if grep -q ''"errors": \[\]'' $r; then printf done >$m; ' + (Get-LinuxRecordCommand -Key 'hypervvm.setup' -Value 'done') + '; else ' +
    'v="failed: $(tr -s ''\n '' ''  '' <$r | sed ''s/.*"errors": \[ *//; s/ *\][ }]*$//'' | cut -c1-1000)"; printf %s "$v" >$m; ' +
    (Get-LinuxTextCommand -Key 'hypervvm.setup') + '; fi ) </dev/null >/dev/null 2>&1 &'
}
