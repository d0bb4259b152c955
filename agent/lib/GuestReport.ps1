# What a guest reports about its set-up, through Hyper-V's exchange of key-value pairs. A guest may report anything: its texts are limited,
# redacted, and shown without control characters.

# How many pairs, and how many characters of one, are read; and how many characters of a guest's text are shown.
$script:AgentPairCount = 2000
$script:AgentPairLength = 20000
$script:AgentGuestTextLength = 500

# The stages in their order, with the messages that name them.
$script:AgentGuestStages = [ordered]@{
    network = 'guest_stage_network'; accounts = 'guest_stage_accounts'; packages = 'guest_stage_packages'; commands = 'guest_stage_commands'; final = 'guest_stage_final'
}

function Read-GuestReport {
    <#
    .SYNOPSIS
    Returns what a guest has reported.
    .DESCRIPTION
    Any: whether it reported anything at all; System: its operating system; Stage: the latest stage; Setup: done, or failed with the reason,
    as the guest's last command records it; Problems: what cloud-init's own reports call failed; Ended: the result of cloud-init's last
    stage; Reason: why the report cannot be read. An image may contain the report of the virtual machine from which it was made: the
    report of another instance does not count. https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-kvpexchangecomponent
    #>
    param([Parameter(Mandatory)] [string] $VMId)

    $report = @{ Any = $false; System = ''; Stage = ''; Setup = ''; Problems = (New-Object -TypeName System.Collections.ArrayList); Ended = ''; Reason = ''; Instance = '' }
    try {
        $components = @(Get-HostInstance -Class 'Msvm_KvpExchangeComponent' -Property 'GuestExchangeItems', 'GuestIntrinsicExchangeItems' `
                -Where ('SystemName = ' + (ConvertTo-WqlText -Text $VMId.ToUpperInvariant())))
    } catch {
        # One poll of many: the guest goes on.
        $report.Reason = Get-FailureMessage -ErrorRecord $_
        return $report
    }
    foreach ($component in $components) {
        foreach ($text in @($component.GuestIntrinsicExchangeItems)) {
            $pair = ConvertFrom-GuestPair -Text $text
            if ($null -eq $pair) { continue }
            $report.Any = $true
            if ($pair.Name -ceq 'OSName') { $report.System = $pair.Data }
        }
        $count = 0
        foreach ($text in @($component.GuestExchangeItems)) {
            $count++
            if ($count -gt $script:AgentPairCount) { break }
            $pair = ConvertFrom-GuestPair -Text $text
            if ($null -eq $pair) { continue }
            $report.Any = $true
            if ($pair.Name -ceq 'hypervvm.instance') { $report.Instance = $pair.Data }
            elseif ($pair.Name -ceq 'hypervvm.stage') { Set-GuestStage -Report $report -Stage $pair.Data }
            elseif ($pair.Name -ceq 'hypervvm.setup') { $report.Setup = $pair.Data }
            elseif ($pair.Name.StartsWith('CLOUD_INIT|')) { Add-CloudInitReport -Report $report -Text $pair.Data }
        }
    }
    $same = Test-SameName -Left $report.Instance -Right $VMId
    if (-not $same) { $report.Ended = '' }
    if (-not $same -and $report.Instance) {
        $report.Stage = ''
        $report.Setup = ''
    }
    return $report
}

function ConvertFrom-GuestPair {
    # Returns the Name and the Data of an instance of Msvm_KvpExchangeDataItem in XML, or nothing when it is not one.
    param([AllowNull()] [AllowEmptyString()] [string] $Text)

    if (-not $Text -or $Text.Length -gt $script:AgentPairLength) { return }
    $settings = [System.Xml.XmlReaderSettings]::new()
    $settings.DtdProcessing = [System.Xml.DtdProcessing]::Prohibit
    $settings.XmlResolver = $null
    $settings.CheckCharacters = $false
    $pair = @{ Name = ''; Data = '' }
    try {
        # Characters that XML does not allow, which a guest may report, are blanks.
        $Text = [System.Text.RegularExpressions.Regex]::Replace($Text, '[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|(?<![\ud800-\udbff])[\udc00-\udfff]|[\ud800-\udbff](?![\udc00-\udfff])', ' ')
        $reader = [System.Xml.XmlReader]::Create([System.IO.StringReader]::new($Text), $settings)
        $property = ''
        while ($reader.Read()) {
            if ($reader.NodeType -ne [System.Xml.XmlNodeType]::Element) { continue }
            if ($reader.Name -ceq 'PROPERTY') { $property = $reader.GetAttribute('NAME') }
            elseif ($reader.Name -ceq 'VALUE' -and $pair.ContainsKey([string]$property)) { $pair[$property] = $reader.ReadString() }
        }
    } catch {
        $null = $_ # not an item that the host would return
        return
    }
    if ($pair.Name) { return $pair }
}

function Set-GuestStage {
    # Keeps the latest of the stages that a guest has reported.
    param([Parameter(Mandatory)] $Report, [AllowEmptyString()] [string] $Stage)

    $stages = [string[]]@($script:AgentGuestStages.Keys)
    if ([System.Array]::IndexOf($stages, $Stage) -gt [System.Array]::IndexOf($stages, $Report.Stage)) { $Report.Stage = $Stage }
}

function Add-CloudInitReport {
    # Adds an event of cloud-init's handler for Hyper-V. Newer versions name modules with underscores, older ones with hyphens.
    # https://github.com/canonical/cloud-init/blob/main/cloudinit/reporting/handlers.py
    param([Parameter(Mandatory)] $Report, [AllowEmptyString()] [string] $Text)

    try { $item = ConvertFrom-AgentJson -Text $Text } catch { return }
    $name = Get-AgentText -Value $item -Name 'name'
    if ((Get-AgentText -Value $item -Name 'type') -ceq 'start') {
        switch -Regex ($name) {
            '^init-local' { Set-GuestStage -Report $Report -Stage 'network' }
            '^init-network' { Set-GuestStage -Report $Report -Stage 'accounts' }
            '/config-package[-_]update' { Set-GuestStage -Report $Report -Stage 'packages' }
            '/config-scripts[-_]user' { Set-GuestStage -Report $Report -Stage 'commands' }
            '/config-final[-_]message' { Set-GuestStage -Report $Report -Stage 'final' }
        }
        return
    }
    $result = Get-AgentText -Value $item -Name 'result'
    if ($name -ceq 'modules-final' -and $result) { $Report.Ended = $result }
    # A stage fails with its modules.
    if ($result -ceq 'FAIL' -and $name.Contains('/')) { $null = $Report.Problems.Add("${name}: $(Get-AgentText -Value $item -Name 'msg')") }
}

function Format-GuestText {
    # Returns a text of a guest as it is shown: without secrets and hashes of passwords, control characters, and characters that change the
    # direction of writing. It is redacted before it is cut.
    param([Parameter(Mandatory)] $Job, [AllowEmptyString()] [string] $Text)

    $Text = [System.Text.RegularExpressions.Regex]::Replace((Protect-JobText -Job $Job -Text $Text), '\$6\$[./A-Za-z0-9$=]+', '******')
    $Text = [System.Text.RegularExpressions.Regex]::Replace($Text, '[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029\s]+', ' ').Trim()
    if ($Text.Length -gt $script:AgentGuestTextLength) { $Text = $Text.Substring(0, $script:AgentGuestTextLength) + '...' }
    return $Text
}

function Get-SetupStatus {
    <#
    .SYNOPSIS
    Returns the status of the guest's set-up as Text, and in Ready whether it has ended. Throws when it failed.
    .DESCRIPTION
    Seen is a table that the caller keeps between polls. The record of the guest's last command decides; without it, the result of
    cloud-init's last stage, which precedes the record: one more poll waits for it.
    #>
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [hashtable] $Seen)

    $report = Read-GuestReport -VMId $VM.Id.ToString()
    if ($report.Setup -ceq 'done') { return @{ Ready = $true; Text = (Get-AgentMessage -Id 'guest_setup_done').Message } }
    $reason = ''
    if ($report.Setup) { $reason = [System.Text.RegularExpressions.Regex]::Replace($report.Setup, '\Afailed:?\s*', '') }
    elseif ($report.Ended -and $Seen['Ended']) {
        if ($report.Ended -cne 'FAIL') { return @{ Ready = $true; Text = (Get-AgentMessage -Id 'guest_setup_done').Message } }
        $reason = [string]::Join('; ', [string[]]$report.Problems.ToArray())
    }
    if ($report.Setup -or $reason) {
        throw (New-AgentError -Field 'guest_setup' -MessageId 'guest_setup_failed' -Values @{ reason = (Format-GuestText -Job $Job -Text $reason) })
    }
    $Seen['Ended'] = [bool]$report.Ended
    if ($report.Stage) { return @{ Ready = $false; Stage = $report.Stage; Text = (Get-AgentMessage -Id $script:AgentGuestStages[$report.Stage]).Message } }
    $heartbeat = (Get-GuestStatus -VM $VM -Condition 'heartbeat').Text
    if ($report.Reason) { $text = Get-AgentMessage -Id 'guest_report_unreadable' -Values @{ heartbeat = $heartbeat; reason = $report.Reason } }
    elseif (-not $report.Any) { $text = Get-AgentMessage -Id 'guest_report_none' -Values @{ heartbeat = $heartbeat } }
    else {
        $system = Format-GuestText -Job $Job -Text $report.System
        $text = Get-AgentMessage -Id 'guest_report_silent' -Values @{ heartbeat = $heartbeat; system = $(if ($system) { $system } else { '?' }) }
    }
    return @{ Ready = $false; Text = $text.Message }
}
