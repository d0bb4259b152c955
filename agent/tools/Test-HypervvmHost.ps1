<#
.SYNOPSIS
Checks whether a Hyper-V host is ready for hypervvm, and prints a report.

.DESCRIPTION
Run it on the host in Windows PowerShell 5.1, with the account that Terraform uses, or run it over WinRM with "hvprov doctor". It
needs nothing else, and without -Full it changes nothing but a temporary file in the folder of virtual machines.

Each line of the report is a check with a stable name and a status:

pass     as expected
fail     hypervvm does not work, or a part of it
warn     it works, but not as expected
skip     not applicable
unknown  it could not be checked, for example because the account may not read a setting

The report contains versions and settings, but no secrets and no names: host, account, virtual machine, cluster and paths are
replaced by placeholders. It can be pasted into an issue.

.PARAMETER ImagePath
The folder of images. Defaults to the folder Images in Hyper-V's folder for virtual hard disks.

.PARAMETER VMPath
The folder of new virtual machines. Defaults to Hyper-V's folder for virtual hard disks.

.PARAMETER Full
Creates a small virtual machine without an operating system, whose name begins with hypervvm-check-, performs each kind of step of a
job on it, compares what Hyper-V answers with what hypervvm expects, and removes everything. It takes about two minutes.

.PARAMETER Cluster
With -Full: also makes the virtual machine a role of the cluster, and removes the role.

.PARAMETER SkipTpm
With -Full: leaves out the virtual TPM. Where no virtual machine of the host has one yet, its first one makes Hyper-V create a
guardian with two certificates, which stays.

.PARAMETER OverWinRM
The script runs in a shell of WinRM, as "hvprov doctor" runs it: what WinRM needs is there, also where the account may not read it.

.PARAMETER Json
Prints one JSON object per line, for programs: the checks in order, and then a summary.

.OUTPUTS
Lines of text. The exit code is 0 without findings, and 1 if a check has the status fail or warn.

.EXAMPLE
.\Test-HypervvmHost.ps1 -VMPath 'D:\VMs' -Full
#>
[CmdletBinding()]
param(
    [string] $ImagePath = '',
    [string] $VMPath = '',
    [switch] $Full,
    [switch] $Cluster,
    [switch] $SkipTpm,
    [switch] $OverWinRM,
    [switch] $Json
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

# Everything below calls methods of .NET, which other language modes forbid.
if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    $mode = [string]$ExecutionContext.SessionState.LanguageMode
    $text = "PowerShell runs in the language mode $mode, in which the agent cannot work. AppLocker or App Control for Business enforces it."
    $remedy = 'Exempt the account that hypervvm uses from the script rules of AppLocker, or allow its scripts in the App Control policy.'
    if ($Json) {
        '{"name":"language-mode","status":"fail","message":"' + $text + '","remedy":"' + $remedy + '"}'
    } else {
        "fail     language-mode: $text"
        "         remedy: $remedy"
    }
    exit 1
}

# The parts of this script.
foreach ($part in @(Get-ChildItem -LiteralPath (Join-Path -Path $PSScriptRoot -ChildPath 'check') -Filter '*.ps1')) { . $part.FullName }
foreach ($name in 'DataFolder', 'DataFolderAccess', 'Link') { . (Join-Path -Path $PSScriptRoot -ChildPath "../lib/$name.ps1") } # of the agent
# End of the parts.

Initialize-CheckReport -Json:$Json -OverWinRM:$OverWinRM -Names @{ '<image path>' = $ImagePath; '<vm path>' = $VMPath }
Test-CheckAccount
Test-CheckWindows
Test-CheckWinRM
Test-CheckPolicy
Test-CheckHyperV
Test-CheckFolder -ImagePath $ImagePath -VMPath $VMPath
Test-CheckCluster -VMPath $VMPath
if ($Full) { Test-CheckStep -VMPath $VMPath -Cluster:$Cluster -SkipTpm:$SkipTpm }
Write-CheckSummary
if ($script:CheckReport.Findings -gt 0) { exit 1 }
exit 0
