# A stand-in for the ScheduledTasks module: tasks without a trigger, which are files beside the one in HYPERVVM_STANDIN_WORKERS. A task
# that is removed does not end its program: https://learn.microsoft.com/windows-server/administration/windows-commands/schtasks-delete

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($PSScriptRoot), 'CimCmdlets', 'Process.ps1'))

function Get-StandInTask {
    # Returns the path of a task's file.
    param([Parameter(Mandatory)] [string] $Name)

    return [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_WORKERS') + '.task-' + $Name
}

function New-StandInTaskError {
    # Returns the error of a cmdlet, in the form of the module's CDXML cmdlets.
    param([Parameter(Mandatory)] [string] $Message, [Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [System.Management.Automation.ErrorCategory] $Category)

    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (
        New-Object -TypeName System.InvalidOperationException -ArgumentList $Message), $Id, $Category, 'PS_ScheduledTask'
}

function New-ScheduledTaskAction {
    [CmdletBinding()]
    param(
        [Parameter()] [string] $Id,
        [Parameter(Mandatory)] [string] $Execute,
        [Parameter()] [string] $Argument,
        [Parameter()] [string] $WorkingDirectory
    )

    return [pscustomobject]@{ Id = $Id; Execute = $Execute; Arguments = $Argument; WorkingDirectory = $WorkingDirectory }
}

function New-ScheduledTaskPrincipal {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $UserId,
        [Parameter(Position = 1)] [ValidateSet('None', 'Password', 'S4U', 'Interactive', 'Group', 'ServiceAccount', 'InteractiveOrPassword')] [string] $LogonType,
        [Parameter(Position = 2)] [ValidateSet('Limited', 'Highest')] [string] $RunLevel
    )

    return [pscustomobject]@{ UserId = $UserId; LogonType = $LogonType; RunLevel = $RunLevel }
}

function New-ScheduledTaskSettingsSet {
    [CmdletBinding()]
    param(
        [Parameter()] [switch] $AllowStartIfOnBatteries,
        [Parameter()] [switch] $DontStopIfGoingOnBatteries,
        [Parameter()] [switch] $Hidden,
        [Parameter()] [timespan] $ExecutionTimeLimit,
        [Parameter()] [int] $Priority
    )

    return [pscustomobject]@{ ExecutionTimeLimit = $ExecutionTimeLimit; Priority = $Priority }
}

function Register-ScheduledTask {
    [CmdletBinding(DefaultParameterSetName = 'User')]
    param(
        [Parameter(ParameterSetName = 'User', Mandatory, Position = 0)] [Parameter(ParameterSetName = 'Principal', Mandatory, Position = 0)] [string] $TaskName,
        [Parameter(ParameterSetName = 'User', Mandatory, Position = 2)] [Parameter(ParameterSetName = 'Principal', Mandatory, Position = 2)] [object[]] $Action,
        [Parameter(ParameterSetName = 'User', Position = 4)] [Parameter(ParameterSetName = 'Principal', Position = 4)] [object] $Settings,
        [Parameter(ParameterSetName = 'Principal', Position = 5)] [object] $Principal
    )

    $refused = Get-StandInStart -Name 'task'
    if ($refused) { throw (New-StandInTaskError -Message $refused -Id 'HRESULT 0x80070005,Register-ScheduledTask' -Category PermissionDenied) }
    $line = '"{0}" {1}' -f $Action[0].Execute, $Action[0].Arguments
    # A task without a session of its account runs only with a stored password, or as a service for user.
    if ($null -eq $Principal -or $Principal.LogonType -ne 'S4U') { $line = '' }
    [System.IO.File]::WriteAllText((Get-StandInTask -Name $TaskName), $line)
    return [pscustomobject]@{ TaskName = $TaskName; TaskPath = '\'; State = 'Ready' }
}

function Start-ScheduledTask {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param([Parameter(ParameterSetName = 'Path', Mandatory, Position = 0)] [string] $TaskName)

    $path = Get-StandInTask -Name $TaskName
    if (-not [System.IO.File]::Exists($path)) {
        throw (New-StandInTaskError -Message 'The system cannot find the file specified.' -Id 'HRESULT 0x80070002,Start-ScheduledTask' -Category ObjectNotFound)
    }
    $line = [System.IO.File]::ReadAllText($path)
    if ($line) { $null = Start-StandInProcess -CommandLine $line }
}

function Unregister-ScheduledTask {
    [CmdletBinding(DefaultParameterSetName = 'Path', SupportsShouldProcess, ConfirmImpact = 'High')]
    param([Parameter(ParameterSetName = 'Path', Mandatory, Position = 0)] [string[]] $TaskName)

    foreach ($name in $TaskName) {
        if ($PSCmdlet.ShouldProcess($name)) { [System.IO.File]::Delete((Get-StandInTask -Name $name)) }
    }
}

Export-ModuleMember -Function 'New-ScheduledTask*', 'Register-ScheduledTask', 'Start-ScheduledTask', 'Unregister-ScheduledTask'
