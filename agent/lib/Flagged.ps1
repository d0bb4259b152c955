# Functions with words that make Windows PowerShell write a warning event with the whole script block, whatever the logging policy is:
# https://github.com/PowerShell/PowerShell/blob/master/src/System.Management.Automation/engine/runtime/CompiledScriptBlock.cs. The agent's
# text has them in a script block of their own, so that the event is short; no other file contains such words, or members whose names are
# expressions, which count as such words.

function Get-Sha256Hash {
    # Returns the SHA-256 of bytes as 64 hexadecimal digits in lower case.
    param([Parameter(Mandatory)] [byte[]] $Bytes)

    $hash = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
    return [System.BitConverter]::ToString($hash.ComputeHash($Bytes)).Replace('-', '').ToLowerInvariant()
}

function New-Sha256Hash {
    # Returns an object that computes SHA-256 of what comes in parts.
    return New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
}

function Get-HashText {
    # Completes a hash and returns it as hexadecimal digits in lower case.
    param([Parameter(Mandatory)] $Hash)

    $null = $Hash.TransformFinalBlock([byte[]]::new(0), 0, 0)
    return [System.BitConverter]::ToString($Hash.Hash).Replace('-', '').ToLowerInvariant()
}

function New-CertificateCheck {
    # Returns a check of the server's certificate that accepts only the given one. It is compiled: a script block would need a runspace,
    # which the threads of a connection do not have.
    param([Parameter(Mandatory)] [string] $Certificate)

    $parameters = [System.Linq.Expressions.ParameterExpression[]]@(
        foreach ($type in [object], [System.Security.Cryptography.X509Certificates.X509Certificate], [System.Security.Cryptography.X509Certificates.X509Chain], [System.Net.Security.SslPolicyErrors]) {
            [System.Linq.Expressions.Expression]::Parameter($type)
        }
    )
    $bytes = [System.Linq.Expressions.Expression]::Call($parameters[1], [System.Security.Cryptography.X509Certificates.X509Certificate].GetMethod('GetRawCertData'))
    $method = [System.Convert].GetMethod('ToBase64String', [type[]]@([byte[]]))
    $text = [System.Linq.Expressions.Expression]::Call($method, [System.Linq.Expressions.Expression[]]@($bytes))
    $same = [System.Linq.Expressions.Expression]::Equal($text, [System.Linq.Expressions.Expression]::Constant($Certificate))
    return [System.Linq.Expressions.Expression]::Lambda([System.Net.Security.RemoteCertificateValidationCallback], $same, $parameters).Compile()
}

function New-Sha512Hash {
    # Returns an object that computes SHA-512: one that Windows allows where its policy restricts algorithms.
    return [System.Security.Cryptography.SHA512CryptoServiceProvider]::new()
}

function Get-RandomByte {
    # Returns random bytes that cannot be predicted.
    param([Parameter(Mandatory)] [int] $Count)

    $bytes = [byte[]]::new($Count)
    $random = [System.Security.Cryptography.RandomNumberGenerator]::Create()
    try { $random.GetBytes($bytes) } finally { $random.Dispose() }
    return , $bytes
}

function ConvertTo-Base64Line {
    # Returns bytes as base64 in lines of 76 characters.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [byte[]] $Bytes)

    return [System.Convert]::ToBase64String($Bytes, 'InsertLineBreaks').Replace("`r", '')
}

function Compress-AgentText {
    # Returns text as base64-encoded gzip.
    param([Parameter(Mandatory)] [string] $Text)

    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text)
    $memory = New-Object -TypeName System.IO.MemoryStream
    $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Compress)
    $gzip.Write($bytes, 0, $bytes.Length)
    $gzip.Dispose()
    return [System.Convert]::ToBase64String($memory.ToArray())
}

function Expand-AgentText {
    # Decompresses base64-encoded gzip.
    param([Parameter(Mandatory)] [string] $Text)

    try {
        $memory = New-Object -TypeName System.IO.MemoryStream -ArgumentList (, [System.Convert]::FromBase64String($Text))
        $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Decompress)
        $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $gzip, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)
        return $reader.ReadToEnd()
    } catch {
        throw (New-AgentError -MessageId 'request_unreadable')
    }
}

function Get-AgentProperty {
    # Returns a property of a JSON object, or null when the object does not have it.
    param($Value, [Parameter(Mandatory)] [string] $Name)

    if ($Value -isnot [System.Management.Automation.PSCustomObject]) { return $null }
    $property = Get-OptionalProperty -Value $Value -Name $Name
    # The comma keeps an array of one element, or of none, an array.
    if ($property -is [array]) { return , $property }
    return $property
}

function Get-OptionalProperty {
    # Returns a property of an object, or null when the object does not have it.
    param([Parameter(Mandatory)] $Value, [Parameter(Mandatory)] [string] $Name)

    $property = $Value.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    # The comma keeps an array of one element, or of none, an array.
    if ($property.Value -is [array]) { return , $property.Value }
    return $property.Value
}

function Get-MemberValue {
    # Returns a property of an object, or null when its getter fails. A list stays a list.
    param([Parameter(Mandatory)] $Value, [Parameter(Mandatory)] [string] $Name)

    $member = $Value.$Name
    if ($member -is [System.Collections.IEnumerable] -and $member -isnot [string]) { return , $member }
    return $member
}

function Get-AgentPropertyName {
    # Returns the names of the properties of an object. Call it within @( ).
    param([Parameter(Mandatory)] $Value)

    foreach ($property in $Value.PSObject.Properties) { $property.Name }
}

# What a worker process runs: it verifies the installed agent, loads it, and reports the first error in the job's folder. The cmdlet that
# writes the report works in Constrained Language Mode too.
$script:AgentWorkerText = @'
    $ErrorActionPreference = 'Stop'
    try {
        $bytes = [System.IO.File]::ReadAllBytes('{main}')
        $hash = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
        if ([System.BitConverter]::ToString($hash.ComputeHash($bytes)).Replace('-', '') -ne '{hash}') { throw 'the agent in {main} is modified' }
        foreach ($part in [System.Text.Encoding]::UTF8.GetString($bytes).Split([char]12)) { . ([scriptblock]::Create($part)) }
    } catch {
        Out-File -InputObject "$_" -LiteralPath '{report}' -Encoding UTF8
        exit 1
    }
    Start-AgentWorker -Id '{job}' -Pipe '{pipe}' -Agent '{agent}' -Notice '{notice}'
'@

function Get-WorkerArgument {
    <#
    .SYNOPSIS
    Returns the arguments of powershell.exe for a worker process.
    .DESCRIPTION
    The script is an encoded command, since execution policies of a group policy refuse files, but not commands. It holds no secret.
    #>
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Values)

    $text = $script:AgentWorkerText
    foreach ($name in $Values.Keys) {
        $text = $text.Replace('{' + $name + '}', [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($Values[$name]))
    }
    return Get-ScriptArgument -Text $text
}

function Get-ScriptArgument {
    # Returns the arguments of powershell.exe for a script, which holds no secret.
    param([Parameter(Mandatory)] [string] $Text)

    return '-NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ' +
    [System.Convert]::ToBase64String([System.Text.Encoding]::Unicode.GetBytes($Text))
}
