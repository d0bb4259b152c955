# The optional last step of the set-up of a Windows guest: PowerShell Direct, which needs no network. It runs in a separate process, which
# can be ended: the cmdlet has no time limit for its connection.
# https://learn.microsoft.com/windows-server/virtualization/hyper-v/powershell-direct

# How long the process may take, in seconds, and how often it is looked at, in milliseconds.
$script:AgentDirectSeconds = 300
$script:AgentDirectPollMilliseconds = 500

# How many characters of its output are read.
$script:AgentDirectOutputLength = 16384

function Test-GuestDirect {
    # Reports whether a definition asks for PowerShell Direct, in general or for one purpose: verify or join.
    param([Parameter(Mandatory)] $Fields, [string] $Purpose = '')

    $value = [string]$Fields['guest_powershell_direct']
    if ($Purpose) { return $value -eq $Purpose }
    return $value -ne '' -and $value -ne 'none'
}

function Get-GuestDirectFinding {
    # Returns the findings about what PowerShell Direct requires of a definition.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown)

    if (-not (Test-GuestDirect -Fields $Fields)) { return }
    $field = 'guest_powershell_direct'
    if ($Fields['os_family'] -ne 'windows') {
        New-JobFinding -Field $field -MessageId 'guest_direct_family'
        return
    }
    if ($Unknown -notcontains 'wait_for' -and (Get-WaitCondition -Fields $Fields) -ne 'setup') { New-JobFinding -Field $field -MessageId 'guest_direct_wait' }
    $names = @('guest_la_uid', 'guest_la_pw')
    if (Test-GuestDirect -Fields $Fields -Purpose 'join') { $names += 'guest_domain_jointarget', 'guest_domain_joinuid', 'guest_domain_joinpw' }
    $missing = @(foreach ($name in $names) { if (-not $Fields[$name] -and $Unknown -notcontains $name) { $name } })
    if ($missing.Count -gt 0) { New-JobFinding -Field $field -MessageId 'guest_direct_missing' -Values @{ missing = (Join-AgentText -Text $missing) } }
}

function Invoke-ProvisionGuestDirect {
    <#
    .SYNOPSIS
    Step guest_direct: joins the guest to its domain if the definition asks for that, and verifies its set-up.
    .DESCRIPTION
    The set-up has succeeded without this step, so that its failure is a warning, unless it was to join the domain. Limit is in milliseconds.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [long] $Limit = $script:AgentDirectSeconds * 1000)

    $join = Test-GuestDirect -Fields $Job.Fields -Purpose 'join'
    $target = [string]$Job.Fields['guest_domain_jointarget']
    $seconds = [long]($Limit / 1000)
    if ($join) {
        Enter-JobStep -Context $Context -Job $Job -Name 'guest_direct' -MessageId 'step_guest_direct_join' -Values @{ seconds = $seconds; domain = $target }
    } else {
        Enter-JobStep -Context $Context -Job $Job -Name 'guest_direct' -MessageId 'step_guest_direct' -Values @{ seconds = $seconds }
    }
    $answer = Invoke-DirectProcess -Context $Context -Job $Job -Limit $Limit
    $problem = [string]$answer.Problem
    if (-not $problem -and $join) { $problem = Get-GuestDomainDifference -Job $Job -Answer $answer }
    if ($problem) {
        $reason = Format-GuestText -Job $Job -Text $problem
        if ($join) { throw (New-AgentError -Field 'guest_powershell_direct' -MessageId 'guest_direct_join_failed' -Values @{ domain = $target; reason = $reason }) }
        $text = Get-AgentMessage -Id 'guest_direct_failed' -Values @{ reason = $reason }
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -Message "$($text.Message): $($text.Remedy)"
        return
    }
    if ($answer.Joined) { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'guest_direct_joined' -Values @{ domain = $target } }
    $differences = @(Get-GuestDifference -Job $Job -Answer $answer)
    foreach ($difference in $differences) { Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -Message $difference }
    if ($differences.Count -eq 0) { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'guest_direct_verified' }
}

function Get-GuestDifference {
    # Returns, as texts, what differs in the guest from its definition. Call it within @( ).
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Answer)

    $name = Get-GuestHostName -Fields $Job.Fields
    if (-not (Test-SameName -Left $name -Right $Answer.Name)) {
        (Get-AgentMessage -Id 'guest_direct_name' -Values @{ name = (Format-GuestText -Job $Job -Text $Answer.Name); wanted = $name }).Message
    }
    $text = Get-GuestDomainDifference -Job $Job -Answer $Answer
    if ($text) { $text }
    if ($Answer.Files.Length -gt 0) {
        (Get-AgentMessage -Id 'guest_direct_files' -Values @{ files = (Format-GuestText -Job $Job -Text (Join-AgentText -Text $Answer.Files)) }).Message
    }
}

function Get-GuestDomainDifference {
    # Returns, as a text, how the domain of the guest differs from that of its definition; empty: it does not.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Answer)

    $wanted = [string]$Job.Fields['guest_domain_jointarget']
    if (-not $wanted -or $Answer.Joined -or (Test-SameName -Left $wanted -Right $Answer.Domain)) { return '' }
    $domain = Format-GuestText -Job $Job -Text $Answer.Domain
    if (-not $domain) { return (Get-AgentMessage -Id 'guest_direct_workgroup' -Values @{ wanted = $wanted }).Message }
    return (Get-AgentMessage -Id 'guest_direct_domain' -Values @{ domain = $domain; wanted = $wanted }).Message
}

function Invoke-DirectProcess {
    <#
    .SYNOPSIS
    Runs PowerShell Direct in a separate process, and returns what the guest answers, or why there is no answer in Problem.
    .DESCRIPTION
    The process receives the credentials through its standard input. Throws when the job is cancelled.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [long] $Limit)

    $process = $null
    try {
        try {
            $process = Start-DirectProcess
            $text = $process.StandardOutput.ReadToEndAsync()
            $problem = $process.StandardError.ReadToEndAsync()
            foreach ($value in @(Get-DirectInput -Job $Job)) { $process.StandardInput.WriteLine((ConvertTo-DirectLine -Text $value)) }
            $process.StandardInput.Dispose()
        } catch {
            return @{ Problem = (Get-AgentMessage -Id 'guest_direct_start' -Values @{ reason = (Get-FailureMessage -ErrorRecord $_) }).Message }
        }
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        while (-not $process.WaitForExit($script:AgentDirectPollMilliseconds)) {
            Assert-JobNotCancelled -Context $Context -Job $Job
            if ($watch.ElapsedMilliseconds -lt $Limit) { continue }
            return @{ Problem = (Get-AgentMessage -Id 'guest_direct_limit' -Values @{ seconds = [long]($Limit / 1000) }).Message }
        }
        return ConvertFrom-DirectOutput -Output $text.Result -Problem $problem.Result -Code $process.ExitCode
    } finally {
        if ($null -ne $process) {
            if (-not $process.HasExited) { try { $process.Kill() } catch { $null = $_ } } # it may have ended since
            $process.Dispose()
        }
    }
}

function Start-DirectProcess {
    # Starts the process: Windows PowerShell where there is one, since PowerShell 7 cannot connect to every guest
    # (https://github.com/PowerShell/PowerShell/issues/14738), and the program of this process otherwise.
    $program = [System.IO.Path]::Combine($PSHOME, 'powershell.exe')
    if (-not [System.IO.File]::Exists($program)) { $program = [System.Diagnostics.Process]::GetCurrentProcess().MainModule.FileName }
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $program, (Get-ScriptArgument -Text (Get-DirectScript))
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardOutputEncoding = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    return [System.Diagnostics.Process]::Start($start)
}

function Get-DirectScript {
    # Returns the script of the process. It holds no secret.
    $text = New-Object -TypeName System.Text.StringBuilder
    $null = $text.Append("Set-StrictMode -Version Latest`n`$ErrorActionPreference = 'Stop'`n`$ProgressPreference = 'SilentlyContinue'`n`$WarningPreference = 'SilentlyContinue'`n")
    foreach ($name in 'Start-GuestDirect', 'New-DirectText', 'New-DirectCredential', 'Write-DirectAnswer') { $null = $text.Append((Get-FunctionText -Name $name)) }
    $null = $text.Append("`$guest = {`n")
    foreach ($name in 'Get-GuestAnswerFile', 'Invoke-DirectGuest') { $null = $text.Append((Get-FunctionText -Name $name)) }
    $null = $text.Append("Invoke-DirectGuest @args`n}`nStart-GuestDirect -Lines @(`$input) -Guest `$guest`n")
    return $text.ToString().Replace("`r", '')
}

function Get-FunctionText {
    # Returns the text that defines a function of the agent.
    param([Parameter(Mandatory)] [string] $Name)

    return "function $Name {" + (Get-Command -Name $Name -CommandType Function).Definition + "}`n"
}

function Get-DirectInput {
    # Returns the lines that the process reads. Call it within @( ). They are secret.
    param([Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $Job.VMId
    [string]$fields['guest_la_uid']
    [string]$fields['guest_la_pw']
    if (-not (Test-GuestDirect -Fields $fields -Purpose 'join')) { return }
    [string]$fields['guest_domain_jointarget']
    [string]$fields['guest_domain_joinuid']
    [string]$fields['guest_domain_joinpw']
    [string]$fields['guest_domain_joinou']
}

function ConvertTo-DirectLine {
    # Returns a text as the numbers of its characters: whatever the code page of standard input is, and whatever the text contains. The line
    # of an empty text is not empty.
    param([AllowEmptyString()] [string] $Text)

    if (-not $Text) { return '-' }
    $line = [System.Text.StringBuilder]::new()
    foreach ($character in $Text.ToCharArray()) { $null = $line.Append([int]$character).Append(' ') }
    return $line.ToString().TrimEnd()
}

function ConvertFrom-DirectOutput {
    # Returns the answer of the guest, or the Problem. The answer is the last line; a guest may answer anything.
    param([AllowEmptyString()] [string] $Output, [AllowEmptyString()] [string] $Problem, [int] $Code)

    $line = $Output.Trim()
    if ($line.Length -le $script:AgentDirectOutputLength) {
        $line = $line.Substring($line.LastIndexOf([char]10) + 1)
        try { $value = ConvertFrom-AgentJson -Text $line } catch { $value = $null }
        if ($value -is [System.Management.Automation.PSCustomObject]) {
            $reason = Get-AgentText -Value $value -Name 'problem'
            if ($reason) { return @{ Problem = $reason } }
            return @{
                Problem = ''; Name = (Get-AgentText -Value $value -Name 'name'); Domain = (Get-AgentText -Value $value -Name 'domain')
                Joined = ((Get-AgentProperty -Value $value -Name 'joined') -eq $true); Files = [string[]]@(Get-AgentTextList -Value $value -Name 'files')
            }
        }
    }
    $Problem = $Problem.Trim()
    if ($Problem.Length -gt $script:AgentDirectOutputLength) { $Problem = $Problem.Substring(0, $script:AgentDirectOutputLength) }
    return @{ Problem = (Get-AgentMessage -Id 'guest_direct_exit' -Values @{ code = $Code; reason = $Problem }).Message }
}

function Start-GuestDirect {
    # Runs in the process: connects to the guest with the lines of Get-DirectInput, and writes the answer. No secret is the argument of a
    # cmdlet, since module logging records arguments.
    param([object[]] $Lines, [scriptblock] $Guest)

    try {
        # Invoke-Command calls Get-VM. The module is not searched for: that reads all modules of the host.
        Import-Module -Name 'Hyper-V' -Verbose:$false
        $arguments = @()
        if ($Lines.Length -gt 3) {
            $arguments = @((New-DirectText -Line $Lines[3]), (New-DirectCredential -User $Lines[4] -Secret $Lines[5]), (New-DirectText -Line $Lines[6]))
        }
        # Without a domain, the account is a local one of the guest.
        $answer = @(Invoke-Command -VMId ([guid](New-DirectText -Line $Lines[0])) -Credential (New-DirectCredential -User $Lines[1] -Secret $Lines[2]) `
                -ScriptBlock $Guest -ArgumentList $arguments)[-1]
        $short = { param($Value) $text = [string]$Value; if ($text.Length -gt 300) { $text.Substring(0, 300) } else { $text } }
        Write-DirectAnswer -Answer ([ordered]@{
                problem = ''; name = & $short $answer.Name; domain = & $short $answer.Domain; joined = $answer.Joined -eq $true
                files = [string[]]@(foreach ($file in @($answer.Files | Select-Object -First 10)) { & $short $file })
            })
    } catch {
        $text = $_.Exception.Message
        if ($text.Length -gt 2000) { $text = $text.Substring(0, 2000) }
        Write-DirectAnswer -Answer ([ordered]@{ problem = $text })
    }
}

function New-DirectText {
    # Returns the text of a line of ConvertTo-DirectLine. A byte order mark may precede the first.
    param([AllowEmptyString()] [string] $Line)

    $text = New-Object -TypeName System.Text.StringBuilder
    foreach ($number in [System.Text.RegularExpressions.Regex]::Matches($Line, '[0-9]+')) { $null = $text.Append([char][int]$number.Value) }
    return $text.ToString()
}

function New-DirectCredential {
    # Returns the credential of two lines.
    param([string] $User, [string] $Secret)

    $secure = New-Object -TypeName System.Security.SecureString
    foreach ($number in $Secret.Split(' ')) { if ($number) { $secure.AppendChar([char][int]$number) } }
    return New-Object -TypeName System.Management.Automation.PSCredential -ArgumentList (New-DirectText -Line $User), $secure
}

function Write-DirectAnswer {
    # Writes the answer as one line in UTF-8, whatever the code page of standard output is.
    param($Answer)

    $bytes = [System.Text.Encoding]::UTF8.GetBytes((ConvertTo-Json -InputObject $Answer -Compress) + "`n")
    $stream = [System.Console]::OpenStandardOutput()
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush()
}

function Invoke-DirectGuest {
    # Runs in the guest: joins it to a domain, unless none is named or it is a member already, and returns what the guest is.
    param([string] $Domain, $Credential, [string] $Unit)

    $ErrorActionPreference = 'Stop'
    $system = Get-CimInstance -ClassName Win32_ComputerSystem -Property Name, Domain, PartOfDomain
    $member = ''
    if ($system.PartOfDomain) { $member = $system.Domain }
    $joined = $false
    if ($Domain -and $member -ne $Domain) {
        $arguments = @{ DomainName = $Domain; Credential = $Credential; Force = $true }
        if ($Unit) { $arguments['OUPath'] = $Unit }
        $null = Add-Computer @arguments
        # The membership takes effect with a restart, which leaves time for this answer.
        $null = shutdown.exe /r /t 15
        $joined = $true
    }
    return [pscustomobject]@{ Name = $system.Name; Domain = $member; Joined = $joined; Files = @(Get-GuestAnswerFile) }
}
