# JSON: reading, writing, and properties of objects that may be absent.

# The longest text that ConvertFrom-Json of Windows PowerShell accepts, in characters.
$script:AgentMaxJsonLength = 2097152

function ConvertFrom-AgentJson {
    # Parses a JSON object. The parser's own error is dropped: it may quote the text, and with it a secret.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    if ($Text.Length -gt $script:AgentMaxJsonLength) { throw (New-AgentError -MessageId 'json_too_long' -Values @{ limit = $script:AgentMaxJsonLength }) }
    $options = @{ InputObject = $Text }
    # PowerShell 7 converts text that looks like a date to a date, unless DateKind is String.
    # ps51: allow parameter DateKind is set only where the command has it
    if ((Get-Command -Name 'ConvertFrom-Json').Parameters.ContainsKey('DateKind')) { $options['DateKind'] = 'String' }
    try { $value = ConvertFrom-Json @options } catch { $value = $null }
    if ($value -isnot [System.Management.Automation.PSCustomObject]) { throw (New-AgentError -MessageId 'json_not_object') }
    return $value
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
