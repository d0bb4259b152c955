# A stand-in for the CimCmdlets module: Create of Win32_Process, for a command line that begins with powershell.exe. The
# process that HYPERVVM_STANDIN_POWERSHELL names is started in its place, in a session of its own; its id is added to the file
# that HYPERVVM_STANDIN_WORKERS names, so that who simulates the host can end it.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Invoke-CimMethod {
    [CmdletBinding(DefaultParameterSetName = 'ClassNameComputerSet', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'ClassNameComputerSet', Mandatory, Position = 0)] [string] $ClassName,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [string] $Namespace = 'root/cimv2',
        [Parameter(Mandatory, Position = 1)] [string] $MethodName,
        [Parameter(Position = 2)] [System.Collections.IDictionary] $Arguments
    )

    if (-not $PSCmdlet.ShouldProcess($MethodName)) { return }
    if ($Namespace -ne 'root/cimv2' -or $ClassName -ne 'Win32_Process' -or $MethodName -ne 'Create') {
        throw "the stand-in for CimCmdlets knows Win32_Process.Create alone, not $ClassName.$MethodName of $Namespace"
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
        # It writes its id down itself, before it begins, and keeps none of the streams that its starter's end depends on.
        $start.FileName = 'setsid'
        $start.Arguments = "sh -c `"echo `$`$ >>'$list'; exec '$shell' \`"`$@\`" </dev/null >/dev/null 2>>'$list.errors'`" worker $quoted"
    }
    $process = [System.Diagnostics.Process]::Start($start)
    if ($start.FileName -eq $shell) { [System.IO.File]::AppendAllText($list, "$($process.Id)`n") }
    return [pscustomobject]@{ ProcessId = [uint32]$process.Id; ReturnValue = [uint32]0 }
}
