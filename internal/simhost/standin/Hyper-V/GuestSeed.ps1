# cloud-init in a guest: the documents of a NoCloud seed, and what they set.

function Get-StandInValue {
    # Returns a property of an object, or nothing.
    param([AllowNull()] $Object, [Parameter(Mandatory)] [string] $Name)

    if ($null -eq $Object) { return }
    $property = $Object.PSObject.Properties[$Name]
    if ($null -ne $property) { return $property.Value }
}

function Get-StandInText {
    # Returns a property of an object as text, which is empty when there is none.
    param([AllowNull()] $Object, [Parameter(Mandatory)] [string] $Name)

    return "$(Get-StandInValue -Object $Object -Name $Name)"
}

function ConvertFrom-StandInYaml {
    <#
    .SYNOPSIS
    Returns the object of a YAML document.
    .DESCRIPTION
    JSON, which is YAML, and of block style only what a short cloud-config has: keys at the left margin, each with a text or a JSON value behind it,
    or a list of such values below. Deeper content is kept as the lines that it is.
    #>
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    $body = [string]::Join("`n", @($Text -split "`r?`n" | Where-Object -FilterScript { $_ -notmatch '^\s*#' -and $_ -ne '---' })).Trim()
    if ($body.StartsWith('{')) { return ConvertFrom-Json -InputObject $body }
    $document = [ordered]@{}
    $key = ''
    foreach ($line in $body -split "`n") {
        if ($line -match '^([\w-]+):\s*(.*)\z') {
            $key = $Matches[1]
            $document[$key] = ConvertFrom-StandInScalar -Text $Matches[2]
        } elseif ($line -match '^\s*-\s+(.*)\z' -and $key) {
            $document[$key] = [object[]](@($document[$key] | Where-Object -FilterScript { $null -ne $_ }) + , (ConvertFrom-StandInScalar -Text $Matches[1]))
        } elseif ($line.Trim() -and -not $key) {
            throw 'the document is no mapping'
        }
    }
    return [pscustomobject]$document
}

function ConvertFrom-StandInScalar {
    # Returns the value of a flow scalar or a flow sequence of YAML.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    $value = $Text.Trim()
    if ($value -eq '' -or $value -eq '~' -or $value -eq 'null') { return }
    if ($value -match '^(true|false|\[.*\]|\{.*\}|".*")\z') {
        try { return , (ConvertFrom-Json -InputObject $value) } catch { $null = $_ } # not JSON
        if ($value.StartsWith('[')) { return , [object[]]@(foreach ($item in $value.Trim('[', ']').Split(',')) { $item.Trim().Trim('"', '''') }) }
        return $value
    }
    if ($value -match "^'(.*)'\z") { return $Matches[1].Replace("''", "'") }
    return $value
}

function Read-StandInSeed {
    # Returns the instance id, the documents and the scripts of a seed. Throws what cloud-init logs when it refuses one.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Files)

    foreach ($name in 'meta-data', 'user-data') { if (-not $Files.Contains($name)) { throw "not a valid seed: it has no $name" } }
    $encoding = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false, $true
    $meta = ConvertFrom-StandInYaml -Text $encoding.GetString($Files['meta-data'])
    $id = Get-StandInValue -Object $meta -Name 'instance-id'
    if (-not $id) { $id = 'nocloud' }
    $network = $null
    if ($Files.Contains('network-config')) { $network = ConvertFrom-StandInYaml -Text $encoding.GetString($Files['network-config']) }
    $config = [pscustomobject]@{}
    $scripts = @{}
    $number = 0
    foreach ($part in @(Get-StandInMimePart -Text $encoding.GetString($Files['user-data']))) {
        $number++
        if ($part.Text.StartsWith('#!') -or $part.Type -eq 'text/x-shellscript') {
            $name = $part.Name
            if (-not $name) { $name = 'part-' + $number.ToString('000') }
            $scripts[$name] = $part.Text
        } elseif ($part.Text.StartsWith('#cloud-config') -or $part.Type -eq 'text/cloud-config') {
            $config = Merge-StandInConfig -Old $config -New (ConvertFrom-StandInYaml -Text $part.Text) -How $part.Merge
        }
        # cloud-init warns of other parts and ignores them.
    }
    return @{ InstanceId = [string]$id; Meta = $meta; Network = $network; Config = $config; Scripts = $scripts; Files = $Files }
}

function Get-StandInMimePart {
    # Returns the parts of user data: a message in MIME (RFC 2046), or one text.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    $lines = $Text -split "`r?`n"
    if ($Text -notmatch '^(Content-Type|MIME-Version):') { return @{ Text = $Text; Type = ''; Name = ''; Merge = '' } }
    $head, $body = Split-StandInMessage -Lines $lines
    if ($head['content-type'] -notmatch 'boundary="?([^";]+)"?') { throw 'the message has no boundary' }
    $mark = '--' + $Matches[1]
    $part = $null
    foreach ($line in $body) {
        if ($line -ceq $mark -or $line -ceq "$mark--") {
            if ($null -ne $part) {
                $inner, $content = Split-StandInMessage -Lines $part.ToArray()
                $value = [string]::Join("`n", @($content))
                if ([string]$inner['content-transfer-encoding'] -eq 'base64') { $value = [System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String($value)) }
                $name = ''
                if ([string]$inner['content-disposition'] -match 'filename="?([^";]+)"?') { $name = $Matches[1] }
                @{ Text = $value; Type = ([string]$inner['content-type'] -split ';')[0].Trim(); Name = $name; Merge = [string]$inner['merge-type'] + [string]$inner['x-merge-type'] }
            }
            $part = New-Object -TypeName System.Collections.Generic.List[string]
        } elseif ($null -ne $part) {
            $part.Add($line)
        }
    }
    if ($line -cne "$mark--" -and $line -cne '') { throw 'the message has no end' }
}

function Split-StandInMessage {
    # Returns the headers of a message by their names in lower case, and the lines of its body.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string[]] $Lines)

    $head = @{}
    $at = 0
    $last = ''
    while ($at -lt $Lines.Count -and $Lines[$at]) {
        if ($Lines[$at] -match '^([\w-]+):\s*(.*)\z') {
            $last = $Matches[1].ToLowerInvariant()
            $head[$last] = $Matches[2]
        } elseif ($last) {
            $head[$last] += ' ' + $Lines[$at].Trim()
        }
        $at++
    }
    $body = @()
    if ($at + 1 -lt $Lines.Count) { $body = $Lines[($at + 1)..($Lines.Count - 1)] }
    return $head, $body
}

function Merge-StandInConfig {
    <#
    .SYNOPSIS
    Returns two cloud-configs as one.
    .DESCRIPTION
    Without a merge type the keys of New replace those of Old. dict alone keeps the values of Old, but for what it is told to go into:
    https://docs.cloud-init.io/en/latest/reference/merging.html, https://github.com/canonical/cloud-init/blob/main/cloudinit/mergers/m_dict.py
    #>
    param([Parameter(Mandatory)] $Old, [Parameter(Mandatory)] $New, [AllowEmptyString()] [string] $How)

    $own = Get-StandInValue -Object $New -Name 'merge_how'
    if ($own -is [string]) { $How = $own }
    if (-not $How) { $How = 'dict(replace)+list()+str()' }
    $dict = [regex]::Match($How, 'dict\(([^)]*)\)').Groups[1].Value
    foreach ($property in $New.PSObject.Properties) {
        $before = $Old.PSObject.Properties[$property.Name]
        if ($null -ne $before) { $before = $before.Value }
        $after = $property.Value
        if ($null -ne $before -and $dict -notmatch '(^|,)\s*replace') {
            if ($after -is [array] -and $dict -match 'recurse_(array|list)' -and $How -match 'list\([^)]*(append|prepend)') {
                if ($Matches[1] -eq 'append') { $after = [object[]](@($before) + @($after)) } else { $after = [object[]](@($after) + @($before)) }
            }
            elseif ($after -is [pscustomobject] -and $before -is [pscustomobject]) { $after = Merge-StandInConfig -Old $before -New $after -How $How }
            else { $after = $before }
        }
        Add-Member -InputObject $Old -MemberType NoteProperty -Name $property.Name -Value $after -Force
    }
    return $Old
}

function Set-StandInSeed {
    # Applies a seed to a guest, and returns its reports.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Guest, [Parameter(Mandatory)] $Seed)

    $config = $Seed.Config
    $Guest.instance_id = $Seed.InstanceId
    # https://github.com/canonical/cloud-init/blob/main/cloudinit/util.py, get_hostname_fqdn
    $name = Get-StandInText -Object $config -Name 'fqdn'
    if (-not $name) { $name = Get-StandInText -Object $config -Name 'hostname' }
    if (-not $name) { $name = Get-StandInText -Object $Seed.Meta -Name 'local-hostname' }
    $Guest.host_name, $Guest.domain = ($name + '.').Split('.', 2)
    $Guest.domain = $Guest.domain.TrimEnd('.')
    if (Get-StandInValue -Object $config -Name 'hostname') { $Guest.host_name = ([string]$config.hostname).Split('.')[0] }
    $Guest.time_zone = Get-StandInText -Object $config -Name 'timezone'
    $Guest.locale = Get-StandInText -Object $config -Name 'locale'
    $Guest.accounts = [object[]]@(Get-StandInSeedAccount -Config $config -System $Guest.system)
    if ($null -ne $Seed.Network) { Set-StandInSeedNetwork -VM $VM -Guest $Guest -Network $Seed.Network }

    # The modules run in this order; runcmd is one of the user's scripts, which run in the order of their names:
    # https://docs.cloud-init.io/en/latest/reference/modules.html. A reporter of the user data only sees what begins after it was read.
    $packages = @(Get-StandInValue -Object $config -Name 'packages' | Where-Object -FilterScript { $null -ne $_ })
    $reports = @(
        Invoke-StandInCommand -Guest $Guest -Files $Seed.Files -Commands (Get-StandInCommand -Config $config -Name 'bootcmd')
        New-StandInEvent -Type 'start' -Name 'init-network/config-users_groups'
        New-StandInEvent -Type 'finish' -Name 'init-network' -Result 'SUCCESS'
        if ($packages.Count -gt 0) {
            New-StandInEvent -Type 'start' -Name 'modules-final/config-package_update_upgrade_install'
            foreach ($package in $packages) { Invoke-StandInCommand -Guest $Guest -Files $Seed.Files -Commands ('package ' + [string]::Join('=', @($package))) }
        }
        New-StandInEvent -Type 'start' -Name 'modules-final/config-scripts_user'
        $names = [string[]]@(@($Seed.Scripts.Keys) + 'runcmd')
        [System.Array]::Sort($names, [System.StringComparer]::Ordinal)
        foreach ($name in $names) {
            $commands = @('script ' + $name)
            if ($name -ceq 'runcmd') { $commands = Get-StandInCommand -Config $config -Name 'runcmd' }
            Invoke-StandInCommand -Guest $Guest -Files $Seed.Files -Commands $commands
        }
        New-StandInEvent -Type 'finish' -Name 'modules-final/config-scripts_user' -Result 'SUCCESS'
        New-StandInEvent -Type 'start' -Name 'modules-final/config-final_message'
        New-StandInEvent -Type 'finish' -Name 'modules-final' -Result 'SUCCESS'
    )
    $handlers = Get-StandInValue -Object $config -Name 'reporting'
    $reporter = $null -ne $handlers -and @($handlers.PSObject.Properties | Where-Object -FilterScript { $_.Value.type -eq 'hyperv' }).Count -gt 0
    $late = @($reports | Where-Object -FilterScript { (Get-StandInText -Object $_ -Name 'late') -eq 'True' })
    $reports = @($reports | Where-Object -FilterScript { (Get-StandInText -Object $_ -Name 'late') -ne 'True' }) + $late
    return @($reports | Where-Object -FilterScript { $reporter -or -not $_.key.StartsWith('CLOUD_INIT|') })
}

function Get-StandInCommand {
    # Returns the commands of a list of cloud-config, each as one line. Call it within @( ).
    param([Parameter(Mandatory)] $Config, [Parameter(Mandatory)] [string] $Name)

    foreach ($item in @(Get-StandInValue -Object $Config -Name $Name)) { if ($null -ne $item) { [string]::Join(' ', @($item)) } }
}

function Invoke-StandInCommand {
    # Records the commands of a set-up, none of which runs, and returns what they report. The result of one that goes on in the background
    # comes last.
    param([Parameter(Mandatory)] $Guest, [Parameter(Mandatory)] [System.Collections.IDictionary] $Files, [AllowNull()] [AllowEmptyCollection()] [string[]] $Commands)

    foreach ($command in $Commands) {
        if (-not $command) { continue }
        $pairs = @(Get-StandInReport -Command $command -Files $Files)
        if ($pairs.Count -eq 0) {
            $Guest.commands = [object[]](@($Guest.commands) + $command.Substring(0, [System.Math]::Min(80, $command.Length)))
        } elseif ($command -match '\.ps1') {
            $Guest.commands = [object[]](@($Guest.commands) + @(Get-StandInScriptCommand -Files $Files))
        }
        foreach ($pair in $pairs) { Add-Member -InputObject $pair -MemberType NoteProperty -Name 'late' -Value ($command.TrimEnd().EndsWith('&') -and $pair.key -eq 'hypervvm.setup') -PassThru }
    }
}

function Get-StandInScriptCommand {
    # Returns the commands in the settings that a script of the medium reads. Call it within @( ).
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Files)

    foreach ($name in $Files.Keys) {
        if ($name -notlike '*.json') { continue }
        Get-StandInCommand -Config (ConvertFrom-Json -InputObject ([System.Text.Encoding]::UTF8.GetString($Files[$name]))) -Name 'commands'
    }
}

function Get-StandInSeedAccount {
    <#
    .SYNOPSIS
    Returns the accounts that a cloud-config creates or changes.
    .DESCRIPTION
    An account is locked unless lock_passwd is false, whatever its password: https://docs.cloud-init.io/en/latest/reference/modules.html#mod-cc-users_groups
    cloudbase-init takes passwd as plain text and locks no account: https://cloudbase-init.readthedocs.io/en/latest/userdata.html#cloud-config
    #>
    param([Parameter(Mandatory)] $Config, [Parameter(Mandatory)] [string] $System)

    foreach ($user in @(Get-StandInValue -Object $Config -Name 'users')) {
        if ($user -isnot [pscustomobject]) { continue } # default, the user of the image
        $lock = Get-StandInValue -Object $user -Name 'lock_passwd'
        $hash = Get-StandInText -Object $user -Name 'hashed_passwd'
        $admin = [bool](Get-StandInValue -Object $user -Name 'sudo')
        $password = ''
        if ($System -eq 'windows') {
            $admin = @(Get-StandInValue -Object $user -Name 'groups') -contains 'Administrators'
            if (Get-StandInValue -Object $user -Name 'passwd') { $password = 'text' }
        } elseif ($null -eq $lock -or $lock) { $password = 'locked' }
        elseif ($hash -match '^\$6\$[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86}\z') { $password = 'hash' }
        elseif ($hash -or (Get-StandInValue -Object $user -Name 'passwd') -or (Get-StandInValue -Object $user -Name 'plain_text_passwd')) { $password = 'text' }
        [pscustomobject]@{
            name = [string]$user.name; password = $password; admin = $admin
            keys = [object[]]@(foreach ($key in @(Get-StandInValue -Object $user -Name 'ssh_authorized_keys')) { if ($key) { [string]$key } })
        }
    }
}

function Set-StandInSeedNetwork {
    <#
    .SYNOPSIS
    Applies a network configuration of version 1, or of version 2 without routes.
    .DESCRIPTION
    https://docs.cloud-init.io/en/latest/reference/network-config-format-v1.html, and v2.html.
    Adapters are known by their MAC addresses. One that is not there fails the whole network stage:
    https://github.com/canonical/cloud-init/blob/main/cloudinit/net/__init__.py, apply_network_config_names and wait_for_physdevs
    #>
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Guest, [Parameter(Mandatory)] $Network)

    if (@(1, 2) -notcontains $Network.version) { throw "network configuration of version $($Network.version), which the stand-in does not read" }
    $servers = New-Object -TypeName System.Collections.ArrayList
    $found = [ordered]@{}
    $devices = @(if ($Network.version -eq 1) { $Network.config } else { ConvertFrom-StandInEthernet -Ethernets $Network.ethernets })
    foreach ($device in $devices) {
        if ($device.type -eq 'nameserver') { foreach ($server in @($device.address)) { if ($server) { $null = $servers.Add($server) } } }
        if ($device.type -ne 'physical') { continue }
        $mac = (Get-StandInText -Object $device -Name 'mac_address').Replace(':', '').ToUpperInvariant()
        if (@($VM.adapters | Where-Object -FilterScript { $_.mac_address -eq $mac }).Count -eq 0) {
            $Guest.problem = "Not all expected physical devices present: $($device.mac_address)"
            return
        }
        $addresses = @(foreach ($subnet in @($device.subnets)) {
                if ($subnet.type -notmatch '^static6?\z') { continue }
                $address, $prefix = ([string]$subnet.address).Split('/')
                $parsed = $null
                if (-not [System.Net.IPAddress]::TryParse($address, [ref]$parsed) -or -not $prefix) { throw "Address $($subnet.address) is not a valid ip network" }
                foreach ($server in @(Get-StandInValue -Object $subnet -Name 'dns_nameservers')) { if ($server -and -not $servers.Contains($server)) { $null = $servers.Add($server) } }
                [string]$subnet.address
            })
        if ($addresses.Count -gt 0) { $found[$mac] = [object[]]$addresses }
    }
    $Guest.addresses = [pscustomobject]$found
    $Guest.dns_servers = [object[]]$servers.ToArray()
}

function ConvertFrom-StandInEthernet {
    # Returns the adapters of version 2 as those of version 1. The DNS servers of an adapter with DHCP count as well.
    param([Parameter(Mandatory)] $Ethernets)

    foreach ($property in $Ethernets.PSObject.Properties) {
        $value = $property.Value
        [pscustomobject]@{
            type = 'physical'; mac_address = Get-StandInText -Object (Get-StandInValue -Object $value -Name 'match') -Name 'macaddress'
            subnets = [object[]]@(foreach ($address in @(Get-StandInValue -Object $value -Name 'addresses')) { if ($address) { [pscustomobject]@{ type = 'static'; address = $address } } })
        }
        [pscustomobject]@{
            type = 'nameserver'; address = [object[]]@(Get-StandInValue -Object (Get-StandInValue -Object $value -Name 'nameservers') -Name 'addresses')
        }
    }
}
