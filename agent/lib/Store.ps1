# The data folder on the host: the installed agent, and one folder for each job, which outlives every process.

$script:AgentMainName = 'agent.ps1'
$script:AgentWorkerName = 'Start-JobWorker.ps1'
$script:AgentWorkerText = 'param([string] $Job, [string] $Pipe); . ([System.IO.Path]::Combine($PSScriptRoot, ''agent.ps1'')); Start-AgentWorker -Id $Job -Pipe $Pipe'

function Get-AgentDataFolder {
    # Gives a folder below the data folder of the agent.
    param([Parameter(Mandatory)] [string] $Name)

    $root = [System.Environment]::GetEnvironmentVariable('ProgramData')
    if ($root) { return [System.IO.Path]::Combine($root, 'hypervvm', $Name) }
    return [System.IO.Path]::Combine([System.Environment]::GetEnvironmentVariable('HOME'), '.hypervvm', $Name)
}

function Initialize-AgentData {
    # Makes the data folder. What is in it runs with the rights of who uses it, so on Windows only those may write there who
    # have the host in their hands anyway.
    $folder = [System.IO.Path]::GetDirectoryName((Get-AgentDataFolder -Name 'jobs'))
    $null = [System.IO.Directory]::CreateDirectory($folder)
    if ([System.IO.Path]::DirectorySeparatorChar -ne '\') { return }
    $user = [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
    $access = Get-Acl -LiteralPath $folder
    # The system, and the group Administrators.
    if (@('S-1-5-18', 'S-1-5-32-544', $user) -notcontains $access.GetOwner([System.Security.Principal.SecurityIdentifier]).Value) {
        throw (New-AgentError -Code 'host_not_ready' -Message "folder $folder belongs to $($access.Owner), who may be no administrator" `
                -Remedy "if the account may be trusted, give the folder to the administrators: icacls.exe `"$folder`" /setowner *S-1-5-32-544")
    }
    if ($access.AreAccessRulesProtected) { return }
    $access.SetAccessRuleProtection($true, $false)
    # These, and the group Hyper-V Administrators.
    foreach ($id in @('S-1-5-18', 'S-1-5-32-544', 'S-1-5-32-578', $user)) {
        $sid = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $id
        $access.AddAccessRule((New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $sid, 'FullControl', 'ContainerInherit, ObjectInherit', 'None', 'Allow'))
    }
    Set-Acl -LiteralPath $folder -AclObject $access
}

function Lock-AgentFile {
    # Opens a file that nobody else then can open. Gives nothing when somebody has it open, or when it is not as Mode wants it.
    param(
        [Parameter(Mandatory)] [string] $Path,
        [System.IO.FileMode] $Mode = [System.IO.FileMode]::OpenOrCreate,
        [System.IO.FileOptions] $Options = [System.IO.FileOptions]::None
    )

    try {
        return New-Object -TypeName System.IO.FileStream -ArgumentList $Path, $Mode, ([System.IO.FileAccess]::ReadWrite), ([System.IO.FileShare]::None), 4096, $Options
    } catch {
        if ($_.Exception.GetBaseException() -isnot [System.IO.IOException]) { throw }
        return $null
    }
}

function Open-SharedFile {
    # Opens a file that others may write, replace and delete meanwhile.
    param([Parameter(Mandatory)] [string] $Path, [System.IO.FileMode] $Mode = [System.IO.FileMode]::Open, [System.IO.FileAccess] $Access = [System.IO.FileAccess]::Read)

    return [System.IO.File]::Open($Path, $Mode, $Access, ([System.IO.FileShare]::ReadWrite -bor [System.IO.FileShare]::Delete))
}

function Read-SharedFile {
    # Gives the text of a file.
    param([Parameter(Mandatory)] [string] $Path)

    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList (Open-SharedFile -Path $Path), (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)
    try { return $reader.ReadToEnd() } finally { $reader.Dispose() }
}

function Write-WholeFile {
    # Writes text beside its place, to the disk, and then renames it, so that there is always a whole file.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $Text)

    $new = $Path + '.new'
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text)
    $stream = [System.IO.File]::Open($new, [System.IO.FileMode]::Create, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
    try {
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
    for ($attempt = 1; ; $attempt++) {
        try {
            if ([System.IO.File]::Exists($Path)) {
                [System.IO.File]::Replace($new, $Path, [System.Management.Automation.Language.NullString]::Value)
            } else {
                [System.IO.File]::Move($new, $Path)
            }
            return
        } catch {
            # A virus scanner or a reader may have it open just now.
            if ($attempt -ge 40) { throw }
            Start-Sleep -Milliseconds 25
        }
    }
}

function Get-JobFolder {
    param([Parameter(Mandatory)] [string] $Key)

    return [System.IO.Path]::Combine((Get-AgentDataFolder -Name 'jobs'), $Key)
}

function Get-JobFile {
    # Gives the path of one of a job's files: claim, alive.lock, state.json, events.ndjson or cancel.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [string] $Name)

    return [System.IO.Path]::Combine((Get-JobFolder -Key $Key), $Name)
}

function Test-JobKnown {
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Key)

    return $Key -ne '' -and [System.IO.File]::Exists((Get-JobFile -Key $Key -Name 'claim'))
}

function New-JobClaim {
    # Takes a job's id for this process. Gives the open claim, which says that the job is alive until its worker does; nothing
    # when the job is known already.
    param([Parameter(Mandatory)] [string] $Key)

    Initialize-AgentData
    $null = [System.IO.Directory]::CreateDirectory((Get-JobFolder -Key $Key))
    $claim = Lock-AgentFile -Path (Get-JobFile -Key $Key -Name 'claim') -Mode ([System.IO.FileMode]::CreateNew)
    if ($null -eq $claim -and -not (Test-JobKnown -Key $Key)) {
        throw (New-AgentError -Code 'internal' -Message "the folder of job $Key cannot be written to")
    }
    return $claim
}

function Get-JobKey {
    # Gives the keys of all jobs that the host knows, the oldest first. Call it within @( ).
    $root = Get-AgentDataFolder -Name 'jobs'
    if (-not [System.IO.Directory]::Exists($root)) { return }
    @([System.IO.Directory]::GetDirectories($root) | Where-Object -FilterScript { [System.IO.File]::Exists([System.IO.Path]::Combine($_, 'claim')) } |
            Sort-Object -Property @{ Expression = { [System.IO.File]::GetCreationTimeUtc([System.IO.Path]::Combine($_, 'claim')) } }, @{ Expression = { $_ } } |
            ForEach-Object -Process { [System.IO.Path]::GetFileName($_) })
}
