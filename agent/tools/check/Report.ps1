# The report: one line of text, or JSON, for each check.

$script:CheckVersion = '1'

function Initialize-CheckReport {
    <#
    .SYNOPSIS
    Starts a report.
    .PARAMETER Names
    Texts that the report must not contain, by the placeholder that replaces them.
    #>
    param([switch] $Json, [switch] $OverWinRM, [Parameter(Mandatory)] [hashtable] $Names)

    $script:CheckReport = @{
        Json = [bool]$Json; OverWinRM = [bool]$OverWinRM; Findings = 0; Counts = @{ pass = 0; fail = 0; warn = 0; skip = 0; unknown = 0 }
        Names = (New-Object -TypeName System.Collections.ArrayList); Facts = [ordered]@{}
    }
    foreach ($placeholder in $Names.Keys) { Hide-CheckName -Placeholder $placeholder -Name $Names[$placeholder] }
    Hide-CheckName -Placeholder '<host>' -Name ([System.Environment]::MachineName)
    Hide-CheckName -Placeholder '<host>' -Name ([System.Environment]::GetEnvironmentVariable('COMPUTERNAME'))
    Hide-CheckName -Placeholder '<account>' -Name ([System.Environment]::UserName)
    Hide-CheckName -Placeholder '<domain>' -Name ([System.Environment]::GetEnvironmentVariable('USERDNSDOMAIN'))
    Hide-CheckName -Placeholder '<domain>' -Name ([System.Environment]::GetEnvironmentVariable('USERDOMAIN'))
}

function Hide-CheckName {
    # Replaces a text by a placeholder in the lines that follow.
    param([Parameter(Mandatory)] [string] $Placeholder, [AllowNull()] [AllowEmptyString()] [string] $Name)

    if (-not $Name -or $Name.Length -lt 2) { return }
    # Longer names first: one may contain another.
    $null = $script:CheckReport.Names.Add(@{ Text = $Name; Placeholder = $Placeholder })
    $script:CheckReport.Names = [System.Collections.ArrayList]@($script:CheckReport.Names | Sort-Object -Descending -Property @{ Expression = { $_.Text.Length } })
}

function Protect-CheckText {
    # Returns a text in one line, without names, paths, addresses and GUIDs.
    param([AllowEmptyString()] [string] $Text)

    $Text = ($Text -replace '\s+', ' ').Trim()
    foreach ($name in $script:CheckReport.Names) {
        $pattern = [regex]::Escape($name.Text)
        # A name of letters and digits is replaced as a word only: it may be part of another one.
        if ($name.Text -match '^\w.*\w$') { $pattern = "(?<![\w-])$pattern(?![\w-])" }
        $Text = $Text -ireplace $pattern, $name.Placeholder
    }
    $Text = $Text -replace '\{?[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?', '<guid>'
    $Text = $Text -replace 'S-1-5-21(-\d+){3,}', '<sid>'
    $Text = $Text -replace '(?<!version )\b\d{1,3}(\.\d{1,3}){3}\b(?!\.\d)', '<address>'
    return $Text -replace '(?<![\w:])([A-Za-z]:\\|\\\\)[^''"<>|]*[^''"<>|\s.,;:)]', '<path>'
}

function Write-Finding {
    <#
    .SYNOPSIS
    Writes the result of a check.
    .PARAMETER Name
    The stable name of the check.
    .PARAMETER Status
    pass, fail, warn, skip or unknown.
    .PARAMETER Remedy
    What to do, with the exact command. It contains no names.
    #>
    param(
        [Parameter(Mandatory)] [string] $Name,
        [Parameter(Mandatory)] [ValidateSet('pass', 'fail', 'warn', 'skip', 'unknown')] [string] $Status,
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Message,
        [string] $Remedy = ''
    )

    $message = Protect-CheckText -Text $Message
    $script:CheckReport.Counts[$Status]++
    if ($Status -eq 'fail' -or $Status -eq 'warn') { $script:CheckReport.Findings++ }
    if ($script:CheckReport.Json) {
        $line = [ordered]@{ name = $Name; status = $Status; message = $message }
        if ($Remedy) { $line['remedy'] = $Remedy }
        ConvertTo-Json -InputObject $line -Compress
        return
    }
    "$($Status.PadRight(8)) ${Name}: $message"
    if ($Remedy) { "         remedy: $Remedy" }
}

function Write-CheckSummary {
    # Writes the last line: the counts of each status, and the versions.
    $counts = $script:CheckReport.Counts
    if ($script:CheckReport.Json) {
        ConvertTo-Json -Compress -InputObject ([ordered]@{
                report = $script:CheckVersion; versions = $script:CheckReport.Facts
                pass = $counts.pass; fail = $counts.fail; warn = $counts.warn; skip = $counts.skip; unknown = $counts.unknown
            })
        return
    }
    ''
    "$($counts.fail) failed, $($counts.warn) warnings, $($counts.pass) passed, $($counts.unknown) unknown, $($counts.skip) skipped"
    "check $($script:CheckVersion); " + [string]::Join('; ', @($script:CheckReport.Facts.Keys | ForEach-Object -Process { "$_ $($script:CheckReport.Facts[$_])" }))
}

function Invoke-Check {
    <#
    .SYNOPSIS
    Runs a check, which writes its findings. An error means that the result is unknown: it never ends the script.
    .PARAMETER ShownByShell
    The script could not run over WinRM if the check failed, so that an account which may not read the setting passes there.
    #>
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [scriptblock] $Check, [switch] $ShownByShell)

    try {
        & $Check
    } catch {
        if (Test-CheckMissing -ErrorRecord $_) {
            Write-Finding -Name $Name -Status unknown -Message "This PowerShell does not have the command $($_.Exception.CommandName)."
        } elseif ($ShownByShell -and $script:CheckReport.OverWinRM) {
            Write-Finding -Name $Name -Status pass -Message 'The check runs in a shell of WinRM.'
        } elseif (Test-CheckDenied -ErrorRecord $_) {
            Write-Finding -Name $Name -Status unknown -Message "The account may not read this: $($_.Exception.Message)" `
                -Remedy 'Run the script as an administrator of the host to check it.'
        } else {
            Write-Finding -Name $Name -Status unknown -Message "It could not be checked: $($_.Exception.Message)"
        }
    }
}

function Test-CheckMissing {
    # Reports whether an error says that a command does not exist.
    param([Parameter(Mandatory)] [System.Management.Automation.ErrorRecord] $ErrorRecord)

    return $ErrorRecord.Exception -is [System.Management.Automation.CommandNotFoundException]
}

function Test-CheckDenied {
    <#
    .SYNOPSIS
    Reports whether an error means that access was denied.
    .DESCRIPTION
    Codes in place of texts, which are localised: E_ACCESSDENIED and WBEM_E_ACCESS_DENIED
    (https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants), ERROR_ACCESS_DENIED of WinRM.
    #>
    param([Parameter(Mandatory)] [System.Management.Automation.ErrorRecord] $ErrorRecord)

    if ($ErrorRecord.CategoryInfo.Category -eq [System.Management.Automation.ErrorCategory]::PermissionDenied) { return $true }
    for ($exception = $ErrorRecord.Exception; $null -ne $exception; $exception = $exception.InnerException) {
        if ($exception -is [System.UnauthorizedAccessException] -or $exception -is [System.Security.SecurityException]) { return $true }
        # -2147024891 is 0x80070005, -2147217405 is 0x80041003.
        if (@(-2147024891, -2147217405) -contains $exception.HResult) { return $true }
        # The error number 5 of a service that may not be opened is a property of Win32Exception.
        $native = $exception.PSObject.Properties['NativeErrorCode']
        if ($null -ne $native -and [string]$native.Value -match '^(5|AccessDenied)$') { return $true }
    }
    return [string]$ErrorRecord.FullyQualifiedErrorId -match '^(HRESULT 0x80041003|HRESULT 0x80070005|AccessDenied)'
}

function Get-CheckRegistry {
    # Returns a value of the registry below HKEY_LOCAL_MACHINE, or null when it does not exist.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [string] $Name)

    try { $item = Get-ItemProperty -LiteralPath "HKLM:\$Key" } catch [System.Management.Automation.ItemNotFoundException] { return $null }
    if ($null -eq $item) { return $null } # a key without values
    $property = $item.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    return $property.Value
}

function Get-CheckService {
    <#
    .SYNOPSIS
    Returns the state of a service, for example Running, or an empty string when it does not exist.
    .DESCRIPTION
    An account that is no administrator may not list services over the network. Then the processes show the two services that matter.
    #>
    param([Parameter(Mandatory)] [string] $Name)

    try {
        return [string](Get-Service -Name $Name).Status
    } catch {
        if ([string]$_.FullyQualifiedErrorId -like 'NoServiceFoundForGivenName,*') { return '' }
        if (@('vmms', 'ClusSvc') -notcontains $Name -or -not (Test-CheckDenied -ErrorRecord $_)) { throw }
        if (@(Get-Process -Name $Name -ErrorAction SilentlyContinue).Count -gt 0) { return 'Running' }
        if ($null -ne (Get-CheckRegistry -Key "SYSTEM\CurrentControlSet\Services\$Name" -Name 'Start')) { return 'Stopped' }
        return ''
    }
}
