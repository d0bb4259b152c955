# What a guest reports to the host while it is set up. No command runs: only the ways of writing a pair are recognized.

function Get-StandInReport {
    <#
    .SYNOPSIS
    Returns the pairs that a command of the set-up writes to the key-value exchange, in order. Other commands return nothing.
    .DESCRIPTION
    Linux: records of 512 bytes for the key and 2,048 bytes for the value, both padded with zero bytes, are appended to a file of the
    service (https://github.com/torvalds/linux/blob/master/tools/hv/hv_kvp_daemon.c). A record of another length damages all that follow.
    Windows: values of a registry key (https://learn.microsoft.com/virtualization/hyper-v-on-windows/reference/integration-services),
    also in a script of the medium that the command names.
    #>
    param([Parameter(Mandatory)] [string] $Command, [Parameter(Mandatory)] [System.Collections.IDictionary] $Files)

    if ($Command.Contains('/var/lib/hyperv/.kvp_pool_1')) {
        $pattern = 'printf %s ([\w.]+); head -c (\d+) /dev/zero; printf %s ("[^"]*"|''[^'']*''|[^;\s]+); head -c (\d+) /dev/zero'
        foreach ($match in [regex]::Matches($Command, $pattern)) {
            $value = $match.Groups[3].Value.Trim('"', '''')
            if ($match.Groups[1].Length + [int]$match.Groups[2].Value -ne 512 -or $value.Length + [int]$match.Groups[4].Value -ne 2048) {
                throw "the record of the pair $($match.Groups[1].Value) does not have 512 and 2,048 bytes"
            }
            [pscustomobject]@{ key = $match.Groups[1].Value; value = $value }
        }
    }
    if ($Command -match 'reg(\.exe)? add "HKLM\\SOFTWARE\\Microsoft\\Virtual Machine\\Guest" /v ([\w.]+)( /t REG_SZ)?( /d ("[^"]*"|\S+))?') {
        $value = ''
        if ($Matches.ContainsKey(5)) { $value = $Matches[5].Trim('"') }
        [pscustomobject]@{ key = $Matches[2]; value = $value }
    }
    if ($Command -match '^powershell.*?([\w-]+\.ps1)' -and $Files.Contains($Matches[1])) {
        $script = [System.Text.Encoding]::UTF8.GetString($Files[$Matches[1]])
        foreach ($match in [regex]::Matches($script, 'Set-GuestReport -Name ''(\w+)'' -Value (?:''(\w*)''|\$result)')) {
            $value = 'done'
            if ($match.Groups[2].Success) { $value = $match.Groups[2].Value }
            [pscustomobject]@{ key = 'hypervvm.' + $match.Groups[1].Value; value = $value }
        }
    }
}

function New-StandInEvent {
    # Returns an event of cloud-init's reporter for Hyper-V: https://github.com/canonical/cloud-init/blob/main/cloudinit/reporting/handlers.py
    param([Parameter(Mandatory)] [string] $Type, [Parameter(Mandatory)] [string] $Name, [string] $Result)

    $value = [ordered]@{ name = $Name; type = $Type; ts = '2026-01-01T00:00:00Z' }
    $what = $Name.Split('/')[-1]
    $text = "running modules for $($what.Split('-')[-1])"
    if ($what -ne $Name) { $text = "running $what with frequency once-per-instance" }
    if ($Result) { $value['result'] = $Result }
    $value['msg'] = $text
    return [pscustomobject]@{
        key = "CLOUD_INIT|1767225600|$Type|$Name|" + [guid]::NewGuid().ToString(); value = ConvertTo-Json -InputObject $value -Compress
    }
}

function Set-StandInReport {
    # Gives a guest the pairs that it reports: at once, or one after the other with the queries of the host. Without the service of the
    # exchange there are none.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $Guest, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Reports)

    if (Test-StandInGuest -State $State -Name 'no_kvp') { return }
    if (Test-StandInGuest -State $State -Name 'reject') {
        foreach ($pair in $Reports) {
            if ($pair.key -eq 'hypervvm.setup' -and $pair.value) { $pair.value = 'failed: ' + $State.behaviour.guest.reject }
            if ($pair.key -match '^CLOUD_INIT.*\|finish\|modules-final') { $pair.value = $pair.value.Replace('SUCCESS', 'FAIL') }
        }
    }
    $Guest.pending = [object[]]@($Reports | ForEach-Object -Process { [pscustomobject]@{ key = $_.key; value = $_.value } })
    if (-not (Test-StandInGuest -State $State -Name 'report_every')) { while (@($Guest.pending).Count -gt 0) { Step-StandInReport -Guest $Guest } }
}
