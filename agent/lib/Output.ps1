# What the agent says: answers and events, one frame a line. A context without a token (a job run by hand) gets events as
# lines for people instead.

# A frame's JSON that is longer is sent as base64 of its gzip.
$script:AgentCompressOver = 2048

function New-AgentContext {
    # Gives what all parts of a session share, across its runspaces.
    param(
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Token,
        [Parameter(Mandatory)] [System.IO.TextWriter] $Writer,
        [string] $Bundle = ''
    )

    return [hashtable]::Synchronized(@{
            Token   = $Token
            Writer  = [System.IO.TextWriter]::Synchronized($Writer)
            Bundle  = $Bundle
            Hold    = $false
            Jobs    = [hashtable]::Synchronized(@{})
            Cluster = $null
        })
}

function Write-AgentLine {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Line)

    # A client that has gone is no reason for a job to stop half-way.
    try { $Context.Writer.WriteLine($Line) } catch { $null = $_ }
    if (-not $Context.Hold) { Send-AgentOutput -Context $Context }
}

function Send-AgentOutput {
    # Lets what was written leave.
    param([Parameter(Mandatory)] $Context)

    try { $Context.Writer.Flush() } catch { $null = $_ }
}

function ConvertTo-AgentFrame {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Value)

    $text = ConvertTo-AgentJson -Value $Value
    if ($text.Length -gt $script:AgentCompressOver) { $text = Compress-AgentText -Text $text }
    return $Context.Token + ' ' + $text
}

function Compress-AgentText {
    param([Parameter(Mandatory)] [string] $Text)

    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text)
    $memory = New-Object -TypeName System.IO.MemoryStream
    $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Compress)
    $gzip.Write($bytes, 0, $bytes.Length)
    $gzip.Dispose()
    return [System.Convert]::ToBase64String($memory.ToArray())
}

function Expand-AgentText {
    param([Parameter(Mandatory)] [string] $Text)

    try {
        $memory = New-Object -TypeName System.IO.MemoryStream -ArgumentList (, [System.Convert]::FromBase64String($Text))
        $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, ([System.IO.Compression.CompressionMode]::Decompress)
        $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $gzip, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)
        return $reader.ReadToEnd()
    } catch {
        throw (New-AgentError -Code 'bad_request' -Message 'the line is neither JSON nor base64 of gzip')
    }
}

function Write-AgentAnswer {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Id, $Result, $Failure)

    $answer = [ordered]@{ type = 'answer'; id = $Id; ok = ($null -eq $Failure) }
    if ($null -ne $Failure) { $answer['error'] = $Failure } else { $answer['result'] = $Result }
    Write-AgentLine -Context $Context -Line (ConvertTo-AgentFrame -Context $Context -Value $answer)
}

function Protect-JobText {
    # Puts asterisks in the place of a job's secrets.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    foreach ($secret in $Job.Secrets) { $Text = $Text.Replace($secret, '******') }
    return $Text
}

function Write-JobEvent {
    # Adds an event to a job and sends it, in one go, so that events leave in the order of their numbers.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Kind,
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Message,
        [System.Collections.IDictionary] $More = @{}
    )

    [System.Threading.Monitor]::Enter($Job.Gate)
    try {
        $Job.Seq++
        $record = [ordered]@{
            type = 'event'; job = $Job.Id; seq = $Job.Seq
            time = [System.DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
            kind = $Kind; step = $Job.Step; message = (Protect-JobText -Job $Job -Text $Message)
        }
        foreach ($key in $More.Keys) { $record[$key] = $More[$key] }
        if ($Context.Token) { $line = ConvertTo-AgentFrame -Context $Context -Value $record } else { $line = Format-JobEvent -Record $record }
        $null = $Job.Lines.Add($line)
        Write-AgentLine -Context $Context -Line $line
    } finally {
        [System.Threading.Monitor]::Exit($Job.Gate)
    }
}

function Format-JobEvent {
    param([Parameter(Mandatory)] $Record)

    $text = switch ($Record['kind']) {
        'step' { "[$($Record['number'])/$($Record['of'])] $($Record['step']): $($Record['message'])" }
        'progress' { "$($Record['step']): $($Record['percent'])% $($Record['message'])" }
        'warning' { "$($Record['step']): warning: $($Record['message'])" }
        'undo' { "undo: $($Record['message'])" }
        'result' { "$($Record['outcome']): $($Record['message'])" }
        default { "$($Record['step']): $($Record['message'])" }
    }
    if ($Record['kind'] -eq 'result') {
        if ($Record.Contains('error') -and $Record['error'].Contains('remedy')) { $text += "`n  " + $Record['error']['remedy'] }
        if ($Record.Contains('left')) { foreach ($item in $Record['left']) { $text += "`n  left: $item" } }
    }
    return $text
}
