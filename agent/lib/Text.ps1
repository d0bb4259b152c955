# JSON, text for people, and errors that carry more than a message.

# ConvertFrom-Json of Windows PowerShell takes no more than this many characters.
$script:AgentMaxJson = 2097152

function ConvertFrom-AgentJson {
    # Gives the value of JSON text. What the parser says is not told on: it may quote the text, and so a secret.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    if ($Text.Length -gt $script:AgentMaxJson) {
        throw (New-AgentError -Code 'bad_request' -Message 'the JSON text has more than 2,097,152 characters')
    }
    $options = @{ InputObject = $Text }
    # PowerShell 7 makes a date of text that looks like one, unless it is told not to.
    # ps51: allow parameter DateKind is given only where the command has it
    if ((Get-Command -Name 'ConvertFrom-Json').Parameters.ContainsKey('DateKind')) { $options['DateKind'] = 'String' }
    try { $value = ConvertFrom-Json @options } catch { $value = $null }
    if ($value -isnot [System.Management.Automation.PSCustomObject]) {
        throw (New-AgentError -Code 'bad_request' -Message 'the text is not a JSON object')
    }
    return $value
}

function ConvertTo-AgentJson {
    param([Parameter(Mandatory)] $Value)

    return ConvertTo-Json -InputObject $Value -Depth 16 -Compress
}

function Get-AgentProperty {
    # Gives a property of a JSON object, or null when it has none of that name.
    param($Value, [Parameter(Mandatory)] [string] $Name)

    if ($Value -isnot [System.Management.Automation.PSCustomObject]) { return $null }
    $property = $Value.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    # The comma keeps an array of one, or of none, an array.
    if ($property.Value -is [array]) { return , $property.Value }
    return $property.Value
}

function Get-AgentText {
    # Gives a property of a JSON object as text, empty when there is none.
    param($Value, [Parameter(Mandatory)] [string] $Name)

    $text = Get-AgentProperty -Value $Value -Name $Name
    if ($null -eq $text) { return '' }
    if ($text -isnot [string]) {
        throw (New-AgentError -Code 'bad_request' -Message "'$Name' must be text")
    }
    return $text
}

function Get-AgentTextList {
    # Gives a property of a JSON object that is a list of texts. Call it within @( ).
    param($Value, [Parameter(Mandatory)] [string] $Name)

    $list = Get-AgentProperty -Value $Value -Name $Name
    foreach ($text in @($list)) {
        if ($null -eq $text) { continue }
        if ($text -isnot [string]) {
            throw (New-AgentError -Code 'bad_request' -Message "'$Name' must be a list of texts")
        }
        $text
    }
}

function Get-AgentGuid {
    # Gives a GUID in lower case, or empty text when it is none.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    if ($Text -match '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\z') { return $Text.ToLowerInvariant() }
    return ''
}

function New-AgentError {
    # Gives an exception that says what kind of failure it is, which field is to blame, and what would do.
    param(
        [Parameter(Mandatory)] [string] $Code,
        [Parameter(Mandatory)] [string] $Message,
        [string] $Field = '',
        [string] $Remedy = ''
    )

    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $exception.Data['code'] = $Code
    $exception.Data['field'] = $Field
    $exception.Data['remedy'] = $Remedy
    return $exception
}

function ConvertTo-AgentFailure {
    # Gives an error record as the table that an answer or a result carries. Code is for errors that have none.
    param([Parameter(Mandatory)] $ErrorRecord, [string] $Code = 'internal')

    $exception = $ErrorRecord.Exception
    $failure = [ordered]@{ code = $Code; message = $exception.Message.Trim() }
    if ($null -ne $exception.Data -and $exception.Data.Contains('code')) {
        $failure['code'] = [string]$exception.Data['code']
        foreach ($key in 'field', 'remedy') {
            if ($exception.Data[$key]) { $failure[$key] = [string]$exception.Data[$key] }
        }
    } elseif ($exception -is [System.Management.Automation.MethodInvocationException] -and $null -ne $exception.InnerException) {
        $failure['message'] = $exception.InnerException.Message.Trim()
    }
    return $failure
}

function Format-AgentNumber {
    # Gives a number as every culture reads it, without a fraction that is zero.
    param([Parameter(Mandatory)] [double] $Value)

    return $Value.ToString('0.###', [System.Globalization.CultureInfo]::InvariantCulture)
}

function Format-AgentSize {
    param([Parameter(Mandatory)] [double] $Bytes)

    $units = 'B', 'KiB', 'MiB', 'GiB', 'TiB'
    $index = 0
    while ($Bytes -ge 1024 -and $index -lt 4) {
        $Bytes = $Bytes / 1024
        $index++
    }
    $form = if ($index -eq 0) { '0' } else { '0.0' }
    return $Bytes.ToString($form, [System.Globalization.CultureInfo]::InvariantCulture) + ' ' + $units[$index]
}
