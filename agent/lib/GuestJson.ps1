# JSON for documents with secrets: written without a cmdlet or a pipeline, which module logging records with all values.

function ConvertTo-GuestJson {
    # Returns compact JSON of dictionaries, lists, texts, numbers, booleans and $null. ASCII only, so that no encoding can damage it.
    param([AllowNull()] $Value)

    $text = [System.Text.StringBuilder]::new()
    Add-GuestJson -Text $text -Value $Value
    return $text.ToString()
}

function Add-GuestJson {
    # Appends the JSON of a value.
    param([Parameter(Mandatory)] [System.Text.StringBuilder] $Text, [AllowNull()] $Value)

    if ($null -eq $Value) {
        $null = $Text.Append('null')
    } elseif ($Value -is [string]) {
        Add-GuestJsonText -Text $Text -Value $Value
    } elseif ($Value -is [bool]) {
        $null = $Text.Append($(if ($Value) { 'true' } else { 'false' }))
    } elseif ($Value -is [System.Collections.IDictionary]) {
        $separator = '{'
        foreach ($key in $Value.Keys) {
            $null = $Text.Append($separator)
            Add-GuestJsonText -Text $Text -Value $key
            $null = $Text.Append(':')
            Add-GuestJson -Text $Text -Value $Value[$key]
            $separator = ','
        }
        $null = $Text.Append($(if ($separator -eq '{') { '{}' } else { '}' }))
    } elseif ($Value -is [System.Collections.IEnumerable]) {
        $separator = '['
        foreach ($item in $Value) {
            $null = $Text.Append($separator)
            Add-GuestJson -Text $Text -Value $item
            $separator = ','
        }
        $null = $Text.Append($(if ($separator -eq '[') { '[]' } else { ']' }))
    } else {
        $null = $Text.Append(([System.IFormattable]$Value).ToString($null, [System.Globalization.CultureInfo]::InvariantCulture))
    }
}

function Add-GuestJsonText {
    # Appends a JSON string.
    param([Parameter(Mandatory)] [System.Text.StringBuilder] $Text, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Value)

    $null = $Text.Append('"')
    foreach ($character in $Value.ToCharArray()) {
        $code = [int]$character
        if ($code -eq 34 -or $code -eq 92) {
            $null = $Text.Append('\').Append($character)
        } elseif ($code -lt 32 -or $code -gt 126) {
            $null = $Text.Append('\u').Append($code.ToString('x4'))
        } else {
            $null = $Text.Append($character)
        }
    }
    $null = $Text.Append('"')
}
