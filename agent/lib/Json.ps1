# JSON: reading, writing, and properties of objects that may be absent.

# The longest text that is parsed, in characters.
$script:AgentMaxJsonLength = 2097152

# The deepest nesting of objects and arrays that is read or written.
$script:AgentMaxJsonDepth = 64

# A string, a number, a name or a bracket of JSON, after white space (RFC 8259). Each follows the one before.
$script:AgentJsonToken = '\G[ \t\r\n]*(?:(?<text>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")|' +
    '(?<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(?<name>true|false|null)|(?<mark>[\[\]{},:]))'

function ConvertFrom-AgentJson {
    <#
    .SYNOPSIS
    Parses a JSON object. Errors never quote the text, which may hold a secret.
    .DESCRIPTION
    The text goes through no cmdlet and no pipeline, which module logging records with all values (event 4103):
    https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_logging_windows. Numbers become [int], [long] or
    [double], and texts that look like dates stay texts.
    #>
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    if ($Text.Length -gt $script:AgentMaxJsonLength) { throw (New-AgentError -MessageId 'json_too_long' -Values @{ limit = $script:AgentMaxJsonLength }) }
    $value = $null
    try { $value = Read-JsonValue -Text $Text } catch { $value = $null } # see the synopsis
    if ($value -isnot [System.Management.Automation.PSCustomObject]) { throw (New-AgentError -MessageId 'json_not_object') }
    return $value
}

function Read-JsonValue {
    # Parses JSON whose value is an object. Throws when it is invalid: the position of each token decides which tokens may follow.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    $regex = [regex]::new($script:AgentJsonToken)
    $parents = [System.Collections.Stack]::new()
    $current = $null # the open object or array: Items, Key and whether it is an object
    $state = 'value'
    $end = 0
    for ($match = $regex.Match($Text); $match.Success; $match = $match.NextMatch()) {
        $end = $match.Index + $match.Length
        $mark = $match.Groups['mark'].Value
        $value = $null
        $complete = $false
        if ($mark -eq '{' -or $mark -eq '[') {
            if (($state -ne 'value' -and $state -ne 'first') -or $parents.Count -ge $script:AgentMaxJsonDepth) { throw 'invalid JSON' }
            $parents.Push($current)
            if ($mark -eq '{') {
                $current = @{ Object = $true; Items = [ordered]@{}; Key = '' }
                $state = 'firstkey'
            } else {
                $current = @{ Object = $false; Items = [System.Collections.ArrayList]::new(); Key = '' }
                $state = 'first'
            }
        } elseif ($mark -eq '}') {
            if ($state -ne 'firstkey' -and ($state -ne 'comma' -or -not $current.Object)) { throw 'invalid JSON' }
            $value = [pscustomobject]$current.Items
            $complete = $true
            $current = $parents.Pop()
        } elseif ($mark -eq ']') {
            if ($state -ne 'first' -and ($state -ne 'comma' -or $current.Object)) { throw 'invalid JSON' }
            $value = $current.Items.ToArray()
            $complete = $true
            $current = $parents.Pop()
        } elseif ($mark -eq ',') {
            if ($state -ne 'comma') { throw 'invalid JSON' }
            $state = if ($current.Object) { 'key' } else { 'value' }
        } elseif ($mark -eq ':') {
            if ($state -ne 'colon') { throw 'invalid JSON' }
            $state = 'value'
        } elseif ($match.Groups['text'].Success) {
            $value = $match.Groups['text'].Value
            $value = $value.Substring(1, $value.Length - 2)
            if ($value.Contains('\')) { $value = [regex]::Unescape($value) }
            if ($state -eq 'key' -or $state -eq 'firstkey') {
                # Names of properties differ in more than case.
                if ($value -eq '' -or $current.Items.Contains($value)) { throw 'invalid JSON' }
                $current.Key = $value
                $state = 'colon'
            } else {
                $complete = $true
                if ($state -ne 'value' -and $state -ne 'first') { throw 'invalid JSON' }
            }
        } else {
            if ($state -ne 'value' -and $state -ne 'first') { throw 'invalid JSON' }
            $complete = $true
            $value = switch -CaseSensitive ($match.Groups['name'].Value) {
                'true' { $true }
                'false' { $false }
                'null' { $null }
                default { ConvertTo-JsonNumber -Text $match.Groups['number'].Value }
            }
        }
        if (-not $complete) { continue }
        if ($null -eq $current) {
            if ($Text.Substring($end).Trim([char[]]" `t`r`n") -ne '') { throw 'invalid JSON' }
            return , $value
        }
        if ($current.Object) { $current.Items[$current.Key] = $value } else { $null = $current.Items.Add($value) }
        $state = 'comma'
    }
    throw 'invalid JSON'
}

function ConvertTo-JsonNumber {
    # Returns a number as [int], [long] or [double].
    param([Parameter(Mandatory)] [string] $Text)

    $culture = [System.Globalization.CultureInfo]::InvariantCulture
    $whole = [long]0
    if (-not [long]::TryParse($Text, [System.Globalization.NumberStyles]::AllowLeadingSign, $culture, [ref]$whole)) {
        return [double]::Parse($Text, [System.Globalization.NumberStyles]::Float, $culture)
    }
    if ($whole -ge [int]::MinValue -and $whole -le [int]::MaxValue) { return [int]$whole }
    return $whole
}

function Split-JsonList {
    # Returns the texts of the items of a JSON array. Throws when it is not an array; its items may still be invalid. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Text)

    $regex = [regex]::new($script:AgentJsonToken)
    $depth = 0
    $start = -1
    for ($match = $regex.Match($Text); $match.Success; $match = $match.NextMatch()) {
        $mark = $match.Groups['mark'].Value
        $end = $match.Index + $match.Length
        if ($mark -eq ']' -or $mark -eq '}') { $depth-- }
        if ($depth -eq 0 -or ($depth -eq 1 -and $mark -eq ',')) {
            if ($start -ge 0 -and $end - 1 -gt $start) { $Text.Substring($start, $end - 1 - $start) }
            $start = $end
        }
        if ($mark -eq '[' -or $mark -eq '{') { $depth++ }
        if ($depth -eq 0) {
            if ($mark -eq ']' -and $Text.Substring($end).Trim() -eq '') { return }
            break
        }
    }
    throw (New-AgentError -MessageId 'json_not_object')
}

function ConvertTo-AgentJson {
    # Converts a value to JSON on one line.
    param([Parameter(Mandatory)] $Value)

    return ConvertTo-Json -InputObject $Value -Depth 16 -Compress
}

function Get-AgentText {
    # Returns a string property of a JSON object, or an empty string when the object does not have it.
    param($Value, [Parameter(Mandatory)] [string] $Name)

    $text = Get-AgentProperty -Value $Value -Name $Name
    if ($null -eq $text) { return '' }
    if ($text -isnot [string]) { throw (New-AgentError -MessageId 'property_not_text' -Values @{ name = $Name }) }
    return $text
}

function Get-AgentTextList {
    # Returns the strings of a list property of a JSON object. Call it within @( ).
    param($Value, [Parameter(Mandatory)] [string] $Name)

    $list = Get-AgentProperty -Value $Value -Name $Name
    foreach ($text in @($list)) {
        if ($null -eq $text) { continue }
        if ($text -isnot [string]) { throw (New-AgentError -MessageId 'property_not_text_list' -Values @{ name = $Name }) }
        $text
    }
}

function Get-AgentGuid {
    # Returns a GUID in lower case, or an empty string when the text is not a GUID.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    if ($Text -match '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\z') { return $Text.ToLowerInvariant() }
    return ''
}
