# Processes that outlive their parent: Win32_Process.Create and scheduled tasks start them.

function Get-StandInStart {
    # Returns a property of behaviour.start in the state file, or nothing.
    param([Parameter(Mandatory)] [string] $Name)

    $path = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_STATE')
    if (-not $path -or -not [System.IO.File]::Exists($path)) { return }
    $value = (ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))).behaviour
    foreach ($part in 'start', $Name) {
        if ($null -eq $value -or $null -eq $value.PSObject.Properties[$part]) { return }
        $value = $value.PSObject.Properties[$part].Value
    }
    return $value
}

function Start-StandInProcess {
    # Starts the PowerShell in HYPERVVM_STANDIN_POWERSHELL in place of the powershell.exe of a command line, in a new session, and appends
    # its id to the file in HYPERVVM_STANDIN_WORKERS. Returns the id, or nothing when the program is not powershell.exe.
    param([Parameter(Mandatory)] [string] $CommandLine)

    $words = @([regex]::Matches($CommandLine, '"([^"]*)"|(\S+)') | ForEach-Object -Process { $_.Groups[1].Value + $_.Groups[2].Value })
    if ([System.IO.Path]::GetFileName($words[0].Replace('\', '/')) -ne 'powershell.exe') { return }
    $shell = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_POWERSHELL')
    $list = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_WORKERS')
    if (-not $shell -or -not $list) { throw 'the stand-in for CimCmdlets needs HYPERVVM_STANDIN_POWERSHELL and HYPERVVM_STANDIN_WORKERS' }
    $arguments = $words[1..($words.Count - 1)]
    # powershell.exe writes that running scripts is disabled on this system, and exits.
    if ((Get-StandInStart -Name 'no_scripts') -and $arguments -contains '-File') { $arguments = '-NoProfile', '-Command', 'exit', '1' }
    if ((Get-StandInStart -Name 'constrained') -and $arguments[-2] -eq '-EncodedCommand') {
        $text = '$ExecutionContext.SessionState.LanguageMode = ''ConstrainedLanguage''; ' +
        [System.Text.Encoding]::Unicode.GetString([System.Convert]::FromBase64String($arguments[-1]))
        $arguments[-1] = [System.Convert]::ToBase64String([System.Text.Encoding]::Unicode.GetBytes($text))
    }
    $quoted = [string]::Join(' ', @($arguments | ForEach-Object -Process { '"' + $_ + '"' }))
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    if ([System.IO.Path]::DirectorySeparatorChar -eq '\') {
        $start.FileName = $shell
        $start.Arguments = $quoted
    } else {
        # The process writes its id before it starts the program, and uses none of its parent's streams, which would keep the parent alive.
        $start.FileName = 'setsid'
        $start.Arguments = "sh -c `"echo `$`$ >>'$list'; exec '$shell' \`"`$@\`" </dev/null >/dev/null 2>>'$list.errors'`" worker $quoted"
    }
    $process = [System.Diagnostics.Process]::Start($start)
    if ($start.FileName -eq $shell) { [System.IO.File]::AppendAllText($list, "$($process.Id)`n") }
    return $process.Id
}

function New-StandInProcess {
    # Win32_Process.Create: returns its result and the id of the process.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Arguments)

    $code = [uint32]0
    if (Get-StandInStart -Name 'create') { $code = [uint32](Get-StandInStart -Name 'create') }
    $breakaway = $Arguments.Contains('ProcessStartupInformation') -and $Arguments['ProcessStartupInformation'].CreateFlags -band 16777216
    if ($breakaway -and (Get-StandInStart -Name 'no_breakaway')) { $code = [uint32]2 }
    $id = $null
    if ($code -eq 0) {
        $id = Start-StandInProcess -CommandLine $Arguments['CommandLine']
        if ($null -eq $id) { $code = [uint32]9 }
    }
    # A failed call returns no id.
    return [pscustomobject]@{ ProcessId = if ($null -ne $id) { [uint32]$id }; ReturnValue = $code; PSComputerName = $null }
}

function New-CimInstance {
    [CmdletBinding(DefaultParameterSetName = 'ClassNameComputerSet', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'ClassNameComputerSet', Mandatory, Position = 0)] [string] $ClassName,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [string] $Namespace = 'root/cimv2',
        [Parameter(Position = 1)] [System.Collections.IDictionary] $Property,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [switch] $ClientOnly
    )

    if (-not $PSCmdlet.ShouldProcess($ClassName)) { return }
    if (-not $ClientOnly -or $ClassName -ne 'Win32_ProcessStartup') { throw "the stand-in for CimCmdlets supports only a client's Win32_ProcessStartup, not $ClassName" }
    return [pscustomobject]$Property
}
