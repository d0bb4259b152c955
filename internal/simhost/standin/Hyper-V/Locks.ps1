# Files that another process has open for a while, and paths that the disk cmdlets cannot resolve.

function Get-StandInDiskRefusal {
    <#
    .SYNOPSIS
    Returns the error of a disk cmdlet for a path that it does not resolve, or for a disk that is in use; nothing otherwise.
    .DESCRIPTION
    The cmdlets look a path up with a query of CIM_DataFile: a path with a wildcard character becomes a LIKE pattern, in which brackets
    enclose a set of characters and a backtick does not escape them, and a quote in the file name ends the text of the query. Paths of
    vhdx files with brackets are therefore not found: https://github.com/PowerShell/PowerShell/issues/9541 describes the pattern. A disk in use: https://github.com/taliesins/terraform-provider-hyperv/issues/121 and /188.
    #>
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Path)

    $name = [System.IO.Path]::GetFileName($Path)
    if ($Path -match '[\[\]]' -or $name.Contains("'")) {
        return New-StandInVhdError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument `
            -Message "'$Path' is not an existing virtual hard disk file."
    }
    $locks = $State.behaviour.PSObject.Properties['locks']
    if ($null -eq $locks -or $null -eq $locks.Value -or $null -eq $locks.Value.PSObject.Properties['disks']) { return }
    foreach ($busy in $locks.Value.disks) {
        if ($busy.cmdlet -ne $Cmdlet -or $busy.busy_for -le 0 -or $Path -notlike $busy.path) { continue }
        $busy.busy_for--
        Save-StandIn -Path (Get-StandInPath) -State $State
        return New-StandInVhdError -Cmdlet $Cmdlet -Id 'ObjectInUse' -Category ResourceBusy `
            -Message "Getting the mounted storage instance for the path '$Path' failed. The operation cannot be performed while the object is in use."
    }
}

function New-StandInVhdError {
    # Returns an error record of a disk cmdlet. Its identifier has another namespace than those of the other cmdlets.
    param(
        [Parameter(Mandatory)] [string] $Cmdlet,
        [Parameter(Mandatory)] [string] $Id,
        [Parameter(Mandatory)] [System.Management.Automation.ErrorCategory] $Category,
        [Parameter(Mandatory)] [string] $Message
    )

    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $id = "$Id,Microsoft.Vhd.PowerShell.Cmdlets.$($Cmdlet.Replace('-', ''))"
    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, $id, $Category, $null
}

function Lock-StandInFile {
    <#
    .SYNOPSIS
    Makes the deletion of a file fail for the seconds that the state sets for it after a cmdlet.
    .DESCRIPTION
    Windows refuses to delete a file that is open. Linux does not, so the file becomes immutable, or its folder read-only, until another
    process undoes that.
    #>
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [AllowNull()] [AllowEmptyString()] [string] $Path)

    $locks = $State.behaviour.PSObject.Properties['locks']
    if (-not $Path -or $null -eq $locks -or $null -eq $locks.Value -or $null -eq $locks.Value.PSObject.Properties['files']) { return }
    foreach ($busy in $locks.Value.files) {
        if ($busy.after -ne $Cmdlet -or $Path -notlike $busy.path -or -not [System.IO.File]::Exists($Path)) { continue }
        $script = 'if [ "$(id -u)" = 0 ]; then on="chattr +i"; off="chattr -i"; else on="chmod u-w"; off="chmod u+w"; set -- "$1" "$(dirname "$2")"; fi; ' +
        '$on "$2" && { sleep "$1"; $off "$2"; } >/dev/null 2>&1 &'
        $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
        $start.FileName = 'sh'
        $start.UseShellExecute = $false
        $start.Arguments = "-c `"$($script.Replace('"', '\"'))`" sh $([int]$busy.busy_for) `"$Path`""
        $process = [System.Diagnostics.Process]::Start($start)
        $process.WaitForExit()
    }
}
