# The message catalogue: every text that users read, by message id, with its code and remedy.

# The JSON text of the catalogue. The bundle sets it behind the functions; Invoke-ProvisioningJob.ps1 reads messages.json.
$script:AgentMessageText = ''
$script:AgentMessages = $null

function Get-AgentMessage {
    <#
    .SYNOPSIS
    Returns the Code, Message and Remedy of a message id, with Values in place of the placeholders.
    .DESCRIPTION
    A placeholder is a name in braces. An unknown id, or a placeholder without a value, is an error of the agent.
    #>
    param([Parameter(Mandatory)] [string] $Id, [System.Collections.IDictionary] $Values = @{})

    if ($null -eq $script:AgentMessages) {
        $messages = @{}
        $all = ConvertFrom-Json -InputObject $script:AgentMessageText
        foreach ($name in @(Get-AgentPropertyName -Value $all)) { $messages[$name] = Get-AgentProperty -Value $all -Name $name }
        $script:AgentMessages = $messages
    }
    if (-not $script:AgentMessages.ContainsKey($Id)) { throw "message '$Id' is not in the catalogue" }
    $result = @{}
    foreach ($name in 'Code', 'Message', 'Remedy') {
        $parts = [System.Text.RegularExpressions.Regex]::Split([string](Get-AgentProperty -Value $script:AgentMessages[$Id] -Name $name), '\{([a-z_]+)\}')
        for ($index = 1; $index -lt $parts.Length; $index += 2) {
            if (-not $Values.Contains($parts[$index])) { throw "message '$Id' has no value for placeholder '$($parts[$index])'" }
            $parts[$index] = [string]$Values[$parts[$index]]
        }
        $result[$name] = [string]::Join('', $parts)
    }
    return $result
}

function Format-AgentNumber {
    # Formats a number in the invariant culture, without trailing zeros.
    param([Parameter(Mandatory)] [double] $Value)

    return $Value.ToString('0.###', [System.Globalization.CultureInfo]::InvariantCulture)
}

function Format-AgentSize {
    # Formats a number of bytes with a binary unit.
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

function Format-QuotedText {
    # Returns text in quotation marks.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    return (Get-AgentMessage -Id 'value_quoted' -Values @{ value = $Text }).Message
}

function Join-AgentName {
    # Joins names with commas, sorted as Windows does.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Name)

    $sorted = [string[]]@($Name)
    [System.Array]::Sort($sorted, [System.StringComparer]::OrdinalIgnoreCase)
    return Join-AgentText -Text $sorted
}

function Join-AgentText {
    # Joins texts with commas.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Text)

    return [string]::Join(', ', [string[]]$Text)
}
