# A stand-in for the CimCmdlets module: method Create of Win32_Process, for command lines that start powershell.exe. It starts the
# program in HYPERVVM_STANDIN_POWERSHELL instead, in a new session, and appends the process id to the file in
# HYPERVVM_STANDIN_WORKERS, so that the simulated host can end the process.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, 'Rights.ps1'))

function Invoke-CimMethod {
    [CmdletBinding(DefaultParameterSetName = 'ClassNameComputerSet', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'ClassNameComputerSet', Mandatory, Position = 0)] [string] $ClassName,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [string] $Namespace = 'root/cimv2',
        [Parameter(Mandatory, Position = 1)] [string] $MethodName,
        [Parameter(Position = 2)] [System.Collections.IDictionary] $Arguments
    )

    if (-not $PSCmdlet.ShouldProcess($MethodName)) { return }
    Assert-StandInNamespace -ClassName $ClassName -Namespace $Namespace
    if ("$ClassName.$MethodName" -eq '__SystemSecurity.GetCallerAccessRights') { return [pscustomobject]@{ ReturnValue = [uint32]0; rights = 393279 } }
    if ($Namespace -ne 'root/cimv2' -or $ClassName -ne 'Win32_Process' -or $MethodName -ne 'Create') {
        throw "the stand-in for CimCmdlets supports only Win32_Process.Create, not $ClassName.$MethodName of $Namespace"
    }
    $words = @([regex]::Matches($Arguments['CommandLine'], '"([^"]*)"|(\S+)') | ForEach-Object -Process { $_.Groups[1].Value + $_.Groups[2].Value })
    if ([System.IO.Path]::GetFileName($words[0].Replace('\', '/')) -ne 'powershell.exe') { return [pscustomobject]@{ ProcessId = 0; ReturnValue = 9 } }
    $shell = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_POWERSHELL')
    $list = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_WORKERS')
    if (-not $shell -or -not $list) { throw 'the stand-in for CimCmdlets needs HYPERVVM_STANDIN_POWERSHELL and HYPERVVM_STANDIN_WORKERS' }
    $quoted = [string]::Join(' ', @($words[1..($words.Count - 1)] | ForEach-Object -Process { '"' + $_ + '"' }))
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
    return [pscustomobject]@{ ProcessId = [uint32]$process.Id; ReturnValue = [uint32]0 }
}
