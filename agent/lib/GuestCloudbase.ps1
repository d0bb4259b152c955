# The documents of a Windows guest whose image has cloudbase-init.
#
# Sources: https://cloudbase-init.readthedocs.io/en/latest/services.html#nocloud-configuration-drive and
# https://cloudbase-init.readthedocs.io/en/latest/userdata.html#cloud-config.

# The longest password that cloudbase-init sets:
# https://github.com/cloudbase/cloudbase-init/blob/master/cloudbaseinit/osutils/windows.py.
$script:AgentCloudbasePasswordLimit = 20

function New-CloudbaseSeed {
    <#
    .SYNOPSIS
    Returns the files of a NoCloud seed for cloudbase-init, as byte arrays by name.
    .DESCRIPTION
    cloudbase-init applies the host name, the addresses, and the account. The script that an answer file runs does the rest: cloudbase-init
    only knows IANA names of time zones, and does not report the exit codes of commands.
    The user data is one document, since cloudbase-init writes a multi-part message to its log.
    .PARAMETER Guest
    Settings of the guest, as for New-WindowsAnswer. Get-CloudbaseUnsupported has those that cloudbase-init cannot apply.
    .PARAMETER InstanceId
    cloudbase-init applies a seed once for each instance id.
    #>
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest, [Parameter(Mandatory)] [string] $InstanceId)

    $encoding = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    $config = [ordered]@{}
    if ($Guest['AdminUser'] -and $Guest['AdminPassword']) {
        # Windows needs the password as plain text.
        $config['users'] = @([ordered]@{ name = $Guest['AdminUser']; passwd = $Guest['AdminPassword']; groups = @('Administrators') })
    }
    $config['runcmd'] = @(Get-WindowsLauncher)
    $files = [ordered]@{
        'meta-data' = $encoding.GetBytes((ConvertTo-GuestJson -Value ([ordered]@{ 'instance-id' = $InstanceId; 'local-hostname' = $Guest['HostName'] })) + "`n")
        'user-data' = $encoding.GetBytes("#cloud-config`n" + (ConvertTo-GuestJson -Value $config) + "`n")
    }
    $network = Get-LinuxNetworkConfig -Guest $Guest
    if ($null -ne $network) { $files['network-config'] = $encoding.GetBytes((ConvertTo-GuestJson -Value $network) + "`n") }
    Add-WindowsScript -Files $files -Guest $Guest -InstanceId $InstanceId
    return $files
}

function Get-CloudbaseUnsupported {
    # Returns the names of the guest's settings that cloudbase-init cannot apply. Call it within @( ).
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Guest)

    # Its network configuration has the servers of static addresses only, and no suffix:
    # https://github.com/cloudbase/cloudbase-init/blob/master/cloudbaseinit/plugins/common/networkconfig.py
    foreach ($name in 'DomainName', 'ProductKey', 'Locale', 'DnsSuffix') { if ($Guest[$name]) { $name } }
    $first = @(Get-GuestItem -Table $Guest -Name 'Adapters') | Select-Object -First 1
    if ($null -ne $first -and @(Get-GuestItem -Table $first -Name 'Addresses').Count -eq 0 -and @(Get-GuestItem -Table $Guest -Name 'DnsServers').Count -gt 0) { 'DnsServers' }
    if (([string]$Guest['AdminPassword']).Length -gt $script:AgentCloudbasePasswordLimit) { 'AdminPassword' }
}
