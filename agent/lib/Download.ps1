# Downloads of image jobs: over HTTPS, with redirects, and continued after a lost connection.

# How often a download that receives nothing is tried again, the first wait in seconds, which doubles, how long a server may be silent, in
# milliseconds, and how many redirects are followed.
$script:AgentDownloadTries = 6
$script:AgentDownloadWaitSeconds = 1
$script:AgentDownloadSilentMilliseconds = 60000
$script:AgentDownloadRedirects = 10

function Assert-SourceUri {
    # Throws for a URL that is not encrypted, unless the hash of the file is known.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [System.Uri] $Uri)

    if ($Uri.Scheme -ceq 'https' -or ($Uri.Scheme -ceq 'http' -and $Job.Fields.Contains('source_sha256'))) { return }
    throw (New-AgentError -Field 'source_url' -MessageId 'download_not_encrypted' -Values @{ server = $Uri.Authority })
}

function Receive-ImageSource {
    <#
    .SYNOPSIS
    Downloads the source of the image Target into Writer, and returns its SHA-256.
    .DESCRIPTION
    After a lost connection, the rest is requested with Range and If-Range, so that a file that changed meanwhile is sent from its start:
    https://www.rfc-editor.org/rfc/rfc9110.html#section-13.1.5
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [System.IO.Stream] $Writer, [Parameter(Mandatory)] [string] $Target)

    # Windows PowerShell 5.1 does not always offer TLS 1.2: https://learn.microsoft.com/dotnet/framework/network-programming/tls
    [System.Net.ServicePointManager]::SecurityProtocol = [System.Net.ServicePointManager]::SecurityProtocol -bor [System.Net.SecurityProtocolType]::Tls12
    $state = @{ Target = $Target; Validator = ''; Length = [long]0; Hash = (New-Sha256Hash); Watch = [System.Diagnostics.Stopwatch]::StartNew() }
    $failures = 0
    try {
        while ($true) {
            $before = $Writer.Position
            try {
                Receive-ImagePart -Context $Context -Job $Job -Writer $Writer -State $state
                break
            } catch {
                Assert-JobNotCancelled -Context $Context -Job $Job
                $problem = Get-DownloadProblem -ErrorRecord $_
                if ($null -eq $problem) { throw }
                if ($Writer.Position -gt $before) { $failures = 0 }
                $failures++
                if ($problem.Final -or $failures -ge $script:AgentDownloadTries) {
                    throw (New-AgentError -Field 'source_url' -MessageId 'download_failed' -Values @{ server = ([System.Uri]$Job.Fields['source_url']).Authority; reason = $problem.Reason })
                }
                $wait = $script:AgentDownloadWaitSeconds * [System.Math]::Pow(2, $failures - 1)
                Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'download_retry' -Values @{ reason = $problem.Reason; seconds = $wait; received = (Format-AgentSize -Bytes $Writer.Position) }
                Wait-DownloadRetry -Context $Context -Job $Job -Seconds $wait
            }
        }
        $Writer.Flush($true)
        return Get-HashText -Hash $state.Hash
    } finally {
        $state.Hash.Dispose()
    }
}

function Wait-DownloadRetry {
    # Waits, unless the job is cancelled.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [double] $Seconds)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($watch.Elapsed.TotalSeconds -lt $Seconds) {
        Assert-JobNotCancelled -Context $Context -Job $Job
        Start-Sleep -Milliseconds 250
    }
}

function Receive-ImagePart {
    # Downloads what Writer lacks. Throws when the connection ends before.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [System.IO.Stream] $Writer, [Parameter(Mandatory)] $State)

    if (-not $State.Validator) { Clear-ImagePart -Writer $Writer -State $State }
    $response = Open-ImageSource -Job $Job -Offset $Writer.Position -Validator $State.Validator
    try {
        if ($Writer.Position -gt 0 -and ([int]$response.StatusCode -ne 206 -or [string]$response.Headers['Content-Range'] -notmatch "^bytes $($Writer.Position)-")) {
            Clear-ImagePart -Writer $Writer -State $State
            if ([int]$response.StatusCode -eq 206) { throw (New-Object -TypeName System.IO.IOException -ArgumentList (Get-AgentMessage -Id 'download_range').Message) }
        }
        if ($Writer.Position -eq 0) {
            $State.Length = $response.ContentLength # -1: unknown
            $State.Validator = Get-SourceValidator -Response $response
            if ($State.Length -gt 0) { Assert-NoFinding -Findings @(Get-ImageSpaceFinding -Path $State.Target -Bytes $State.Length) }
        }
        $stream = $response.GetResponseStream()
        $done = Copy-JobStream -Context $Context -Job $Job -Reader $stream -Writer $Writer -Length $State.Length -Hash $State.Hash -Watch $State.Watch
        if ($State.Length -ge 0 -and $done -ne $State.Length) {
            $text = (Get-AgentMessage -Id 'download_short' -Values @{ received = $done; length = $State.Length }).Message
            throw (New-Object -TypeName System.IO.IOException -ArgumentList $text)
        }
    } finally {
        $response.Dispose()
    }
}

function Clear-ImagePart {
    # Begins a download again.
    param([Parameter(Mandatory)] [System.IO.Stream] $Writer, [Parameter(Mandatory)] $State)

    $Writer.SetLength(0)
    $Writer.Position = 0
    $State.Hash.Dispose()
    $State.Hash = New-Sha256Hash
}

function Get-SourceValidator {
    # Returns what identifies the content for If-Range, or an empty string: a weak ETag does not.
    param([Parameter(Mandatory)] $Response)

    $tag = [string]$Response.Headers['ETag']
    if ($tag.StartsWith('"', [System.StringComparison]::Ordinal)) { return $tag }
    return [string]$Response.Headers['Last-Modified']
}

function Open-ImageSource {
    # Requests the source of an image from an offset on, and returns the response. Redirects are followed here: .NET Framework would follow
    # one to an unencrypted URL.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [long] $Offset, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Validator)

    $uri = [System.Uri]$Job.Fields['source_url']
    $check = $null
    if ($Job.Fields.Contains('source_certificate')) { $check = New-CertificateCheck -Certificate $Job.Fields['source_certificate'] }
    for ($count = 0; $count -le $script:AgentDownloadRedirects; $count++) {
        Assert-SourceUri -Job $Job -Uri $uri
        $request = [System.Net.WebRequest]::CreateHttp($uri)
        $request.AllowAutoRedirect = $false
        $request.UserAgent = 'hypervvm'
        $request.Timeout = $script:AgentDownloadSilentMilliseconds
        $request.ReadWriteTimeout = $script:AgentDownloadSilentMilliseconds
        if ($null -ne $check) {
            $request.Proxy = $null
            $request.ServerCertificateValidationCallback = $check
        }
        if ($Offset -gt 0) {
            $request.AddRange($Offset)
            $request.Headers['If-Range'] = $Validator
        }
        $response = $request.GetResponse()
        if (301, 302, 303, 307, 308 -notcontains [int]$response.StatusCode) { return $response }
        $location = [string]$response.Headers['Location']
        $response.Dispose()
        $uri = New-Object -TypeName System.Uri -ArgumentList $uri, $location
    }
    throw (New-AgentError -Field 'source_url' -MessageId 'download_redirects' -Values @{ server = $uri.Authority; limit = $script:AgentDownloadRedirects })
}

function Get-DownloadProblem {
    # Returns why a download failed, and in Final whether another attempt cannot succeed; nothing for an error that is not of the network.
    param([Parameter(Mandatory)] $ErrorRecord)

    $problem = $null
    $cause = $ErrorRecord.Exception
    while ($null -ne $cause) {
        if ($null -eq $problem -and ($cause -is [System.Net.WebException] -or $cause -is [System.IO.IOException])) {
            # The volume of the image is full, or its file cannot be written: not an error of the network.
            if ($cause -is [System.IO.IOException] -and -2147024784, -2147024857 -contains $cause.HResult) { return }
            $problem = @{ Reason = $cause.GetBaseException().Message; Final = $false }
            $response = $null
            if ($cause -is [System.Net.WebException]) { $response = $cause.Response }
            if ($null -ne $response) {
                $status = [int]$response.StatusCode
                $problem.Reason = "HTTP $status"
                $problem.Final = $status -lt 500 -and 408, 429 -notcontains $status
                $response.Dispose()
            }
        }
        if ($null -ne $problem -and $cause -is [System.Security.Authentication.AuthenticationException]) { $problem.Final = $true }
        $cause = $cause.InnerException
    }
    return $problem
}
