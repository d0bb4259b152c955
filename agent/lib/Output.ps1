# What the agent says: answers and events, one frame a line. A job run by hand says its events as lines for people instead,
# and a worker writes them into the job's folder.

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
            Token    = $Token
            Writer   = [System.IO.TextWriter]::Synchronized($Writer)
            Bundle   = $Bundle
            Hold     = $false
            Cluster  = $null
            Gate     = (New-Object -TypeName System.Object)
            # Of a session: the jobs that are followed, and what runs beside the loop that reads.
            Watches  = @{}
            Wake     = (New-Object -TypeName System.Threading.AutoResetEvent -ArgumentList $false)
            Done     = $false
            Pool     = $null
            Work     = [System.Collections.ArrayList]::Synchronized((New-Object -TypeName System.Collections.ArrayList))
            # Of a job that has a folder: its key, the installed agent, the worker's process and the file of its events.
            Key      = ''
            Agent    = ''
            WorkerId = 0
            Events   = $null
        })
}

function New-JobContext {
    # Gives what a job needs to write into its folder. No session hears of it.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Agent)

    $context = New-AgentContext -Token '' -Writer ([System.IO.TextWriter]::Null)
    $context.Key = $Key
    $context.Agent = $Agent
    return $context
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
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [string] $Text)

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
    Write-AgentLine -Context $Context -Line (ConvertTo-AgentFrame -Context $Context -Text (ConvertTo-AgentJson -Value $answer))
}

function Protect-JobText {
    # Puts asterisks in the place of a job's secrets.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    foreach ($secret in $Job.Secrets) { $Text = $Text.Replace($secret, '******') }
    return $Text
}

function Write-JobEvent {
    # Says an event of a job.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Kind,
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Message,
        [System.Collections.IDictionary] $More = @{}
    )

    $Job.Seq++
    $record = [ordered]@{
        type = 'event'; job = $Job.Id; seq = $Job.Seq
        time = [System.DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
        kind = $Kind; step = $Job.Step; message = (Protect-JobText -Job $Job -Text $Message)
    }
    foreach ($key in $More.Keys) { $record[$key] = $More[$key] }
    if ($null -ne $Context.Events) {
        Add-JobLine -Stream $Context.Events -Line (ConvertTo-AgentJson -Value $record)
    } else {
        Write-AgentLine -Context $Context -Line (Format-JobEvent -Record $record)
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
