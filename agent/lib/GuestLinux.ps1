# The documents of a Linux guest: a NoCloud seed for cloud-init.
#
# Sources: https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html and
# https://docs.cloud-init.io/en/latest/reference/network-config-format-v1.html. JSON is YAML, so that nothing needs quoting rules of YAML.

# The label by which cloud-init finds the seed.
$script:AgentGuestSeedLabel = 'cidata'

# The file in which the guest's daemon keeps the key-value pairs that the host reads: records of 512 bytes for the key and 2,048 for the
# value (https://github.com/torvalds/linux/blob/master/tools/hv/hv_kvp_daemon.c).
$script:AgentGuestPoolFile = '/var/lib/hyperv/.kvp_pool_1'

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
    $files['user-data'] = $encoding.GetBytes((Get-LinuxUserData -Guest $Guest))
    # Some readers fail on an empty file.
    $files['vendor-data'] = $encoding.GetBytes("#cloud-config`n{}`n")
    $network = Get-LinuxNetworkConfig -Guest $Guest
    if ($null -ne $network) { $files['network-config'] = $encoding.GetBytes((ConvertTo-GuestJson -Value $network) + "`n") }
    return $files
}

function Get-LinuxUserData {
    # Returns the user data: our cloud-config, in a message with the user's part if there is one.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

    $config = "#cloud-config`n" + (ConvertTo-GuestJson -Value (Get-LinuxCloudConfig -Guest $Guest)) + "`n"
    $own = [string]$Guest['UserData']
    if (-not $own) { return $config }
    $type = if ($own.StartsWith('#!')) { 'text/x-shellscript' } else { 'text/cloud-config' }
    # Base64 keeps every line end and character. The boundary has a character that base64 does not have.
    $boundary = '==hypervvm-seed=='
    $message = [System.Text.StringBuilder]::new("Content-Type: multipart/mixed; boundary=`"$boundary`"`nMIME-Version: 1.0`n")
    foreach ($part in @(@('text/cloud-config', 'hypervvm.cfg', $config), @($type, 'user-data', $own))) {
        $null = $message.Append("`n--$boundary`nContent-Type: $($part[0]); charset=`"utf-8`"`nMIME-Version: 1.0`nContent-Transfer-Encoding: base64`n")
        $null = $message.Append("Content-Disposition: attachment; filename=`"$($part[1])`"`n")
        # The user's lists follow ours, and the user's other values replace ours.
        if ($part[0] -eq 'text/cloud-config') { $null = $message.Append("Merge-Type: list(append)+dict(recurse_array)+str()`n") }
        $null = $message.Append("`n").Append((ConvertTo-Base64Line -Bytes ([System.Text.Encoding]::UTF8.GetBytes($part[2])))).Append("`n")
    }
    $null = $message.Append("--$boundary--`n")
    return $message.ToString()
}

function Get-LinuxCloudConfig {
    # Returns the cloud-config.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

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
    $config['runcmd'] = @(, @('sh', '-c', (Get-LinuxReportCommand)))
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
            $admin['sudo'] = @('ALL=(ALL:ALL) ALL')
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
            $admin['sudo'] = @('ALL=(ALL) NOPASSWD:ALL')
            $admin['ssh_authorized_keys'] = @($Guest['SshKeys']) + @($Guest['AnsibleKey'].Trim())
            $admin['ssh_authorized_keys'] = @($admin['ssh_authorized_keys'] -ne $null)
        } else {
            $null = $users.Add([ordered]@{
                    name = $Guest['AnsibleUser']; shell = '/bin/bash'; lock_passwd = $true; sudo = @('ALL=(ALL) NOPASSWD:ALL')
                    ssh_authorized_keys = @($Guest['AnsibleKey'].Trim())
                })
        }
    }
    return , $users
}

function Get-LinuxNetworkConfig {
    # Returns the network configuration, or $null where every adapter uses DHCP. Version 1 with MAC addresses is what every renderer honours.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

    $static = $false
    $devices = [System.Collections.ArrayList]::new()
    $index = 0
    foreach ($adapter in @($Guest['Adapters'])) {
        if ($null -eq $adapter) { continue }
        $subnets = [System.Collections.ArrayList]::new()
        foreach ($address in @($adapter['Addresses'])) {
            if (-not $address) { continue }
            $six = $address.Contains(':')
            $subnet = [ordered]@{ type = $(if ($six) { 'static6' } else { 'static' }); address = $address }
            foreach ($gateway in @($adapter['Gateways'])) { if ($gateway -and $gateway.Contains(':') -eq $six) { $subnet['gateway'] = $gateway } }
            $servers = @(foreach ($server in @($adapter['DnsServers'])) { if ($server -and $server.Contains(':') -eq $six) { $server } })
            if ($servers.Count -gt 0) { $subnet['dns_nameservers'] = $servers }
            if ($Guest['DnsSuffix']) { $subnet['dns_search'] = @($Guest['DnsSuffix']) }
            $null = $subnets.Add($subnet)
            $static = $true
        }
        if ($subnets.Count -eq 0) { $null = $subnets.Add([ordered]@{ type = 'dhcp' }) }
        $mac = [regex]::Replace($adapter['Mac'].ToLowerInvariant(), '[^0-9a-f]', '')
        $null = $devices.Add([ordered]@{
                type = 'physical'; name = "eth$index"; mac_address = [regex]::Replace($mac, '(..)(?=.)', '$1:'); subnets = $subnets
            })
        $index++
    }
    if (-not $static) { return $null }
    return [ordered]@{ version = 1; config = $devices }
}

function Get-LinuxReportCommand {
    # Returns the shell command that tells the host that the set-up has ended: it appends a record to the pool, if the daemon runs.
    $key = 'hypervvm.setup'
    $value = 'done'
    return "f=$script:AgentGuestPoolFile; [ -e `$f ] || exit 0; " +
        "{ printf %s $key; head -c $(512 - $key.Length) /dev/zero; printf %s $value; head -c $(2048 - $value.Length) /dev/zero; } >>`$f"
}
