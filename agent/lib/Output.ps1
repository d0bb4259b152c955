# Output of the agent: answers and events, one frame per line. A job that is run by hand writes its events as readable lines
# instead, and a worker process writes them to the job's folder.

# JSON that is longer, in characters, is sent as base64-encoded gzip.
$script:AgentCompressThreshold = 2048

function New-AgentContext {
    # Returns the state that all parts of a session share, across its runspaces.
    param(
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Token,
        [Parameter(Mandatory)] [System.IO.TextWriter] $Writer,
        [string] $Bundle = ''
    )

    return [hashtable]::Synchronized(@{
            Token       = $Token
            Writer      = [System.IO.TextWriter]::Synchronized($Writer)
            Bundle      = $Bundle
            BundleHash  = '' # set by Get-AgentHash
            Buffered    = $false
            Cluster     = $null
            InstallLock = (New-Object -TypeName System.Object)
            LoadLock    = (New-Object -TypeName System.Object)
            # Session only: the watched jobs, and the work that runs beside the loop that reads requests.
            Watches     = @{}
            Wake        = (New-Object -TypeName System.Threading.AutoResetEvent -ArgumentList $false)
            Closing     = $false
            Pool        = $null
            Work        = [System.Collections.ArrayList]::Synchronized((New-Object -TypeName System.Collections.ArrayList))
            # Job with a folder only: its key, the installed agent, the id of the worker process and the event file.
            Key         = ''
            Agent       = ''
            WorkerId    = 0
            Events      = $null
        })
}

function New-JobContext {
    # Returns the context of a job that writes to its folder and to no session.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Agent)

    $context = New-AgentContext -Token '' -Writer ([System.IO.TextWriter]::Null)
    $context.Key = $Key
    $context.Agent = $Agent
    return $context
}

function Write-AgentLine {
    # Writes one line, and flushes it unless the context buffers its output.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Line)

    # A job goes on when its client has disconnected, so errors are ignored.
    try { $Context.Writer.WriteLine($Line) } catch { $null = $_ }
    if (-not $Context.Buffered) { Send-AgentOutput -Context $Context }
}

function Send-AgentOutput {
    # Flushes the output.
    param([Parameter(Mandatory)] $Context)

    try { $Context.Writer.Flush() } catch { $null = $_ } # see Write-AgentLine
}

function ConvertTo-AgentFrame {
    # Returns a frame: the session's token, a space, and JSON or base64-encoded gzip.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [string] $Text)

    if ($Text.Length -gt $script:AgentCompressThreshold) { $Text = Compress-AgentText -Text $Text }
    return $Context.Token + ' ' + $Text
}

function Write-AgentAnswer {
    # Writes the answer to a request: a result, or a failure.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Id, $Result, $Failure)

    $answer = [ordered]@{ type = 'answer'; id = $Id; ok = ($null -eq $Failure) }
    if ($null -ne $Failure) { $answer['error'] = $Failure } else { $answer['result'] = $Result }
    Write-AgentLine -Context $Context -Line (ConvertTo-AgentFrame -Context $Context -Text (ConvertTo-AgentJson -Value $answer))
}

function Protect-JobText {
    # Replaces a job's secrets with asterisks.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    foreach ($secret in $Job.Secrets) { $Text = $Text.Replace($secret, '******') }
    return $Text
}

function Write-JobEvent {
    <#
    .SYNOPSIS
    Writes an event of a job, redacted.
    .DESCRIPTION
    The text is MessageId with Values, or Message when it comes from elsewhere. Detail holds further properties of the event.
    #>
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Kind,
        [string] $MessageId = '',
        [System.Collections.IDictionary] $Values = @{},
        [AllowEmptyString()] [string] $Message = '',
        [System.Collections.IDictionary] $Detail = @{}
    )

    if ($MessageId) { $Message = (Get-AgentMessage -Id $MessageId -Values $Values).Message }
    $Job.Seq++
    $record = [ordered]@{
        type = 'event'; job = $Job.Id; seq = $Job.Seq
        time = [System.DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
        kind = $Kind; step = $Job.Step; message = (Protect-JobText -Job $Job -Text $Message)
    }
    foreach ($key in $Detail.Keys) { $record[$key] = $Detail[$key] }
    if ($null -ne $Context.Events) {
        Add-JobLine -Stream $Context.Events -Line (ConvertTo-AgentJson -Value $record)
    } else {
        Write-AgentLine -Context $Context -Line (Format-JobEvent -Record $record)
    }
}

function Format-JobEvent {
    # Formats an event as the line that a user reads.
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
