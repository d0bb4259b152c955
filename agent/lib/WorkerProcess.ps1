# The process of a worker, which must outlive the WinRM shell: the shell's own child processes end with it.

# CREATE_BREAKAWAY_FROM_JOB: processes that WMI creates are otherwise in the job object of its provider host, with a memory limit for all:
# https://learn.microsoft.com/windows/win32/cimwin32prov/create-method-in-class-win32-process
$script:AgentBreakawayFlag = [uint32]16777216

function Start-WorkerProcess {
    <#
    .SYNOPSIS
    Starts a worker process in the first way that the host allows: by WMI, or by a scheduled task.
    .DESCRIPTION
    Values are those of Get-WorkerArgument. Returns the process id, which is 0 when it is not known, and the name of the task, which the
    caller removes when the worker has its job.
    #>
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Values)

    try {
        return @{ ProcessId = (New-WmiProcess -Argument (Get-WorkerArgument -Values $Values)); Task = '' }
    } catch {
        $first = ConvertTo-AgentFailure -ErrorRecord $_ -Code 'host_not_ready'
    }
    $Values['notice'] = (Get-AgentMessage -Id 'worker_by_task' -Values @{ reason = $first['message'] }).Message
    try {
        return @{ ProcessId = 0; Task = (Start-WorkerTask -Name ('hypervvm-' + $Values['job']) -Argument (Get-WorkerArgument -Values $Values)) }
    } catch {
        $text = Get-AgentMessage -Id 'worker_no_way' -Values @{ reason = $first['message']; task_reason = (Get-FailureMessage -ErrorRecord $_) }
        throw (New-AgentException -Code $first['code'] -Message $text.Message -Remedy ([string]$first['remedy']))
    }
}

function New-WmiProcess {
    # Creates a process by WMI, outside of the job object of WMI where that is allowed. Returns its id.
    param([Parameter(Mandatory)] [string] $Argument)

    $arguments = @{ CommandLine = '"{0}" {1}' -f [System.IO.Path]::Combine($PSHOME, 'powershell.exe'), $Argument }
    $code = 0
    foreach ($flags in $script:AgentBreakawayFlag, [uint32]0) {
        $arguments.Remove('ProcessStartupInformation')
        if ($flags -ne 0) {
            $arguments['ProcessStartupInformation'] = New-CimInstance -Namespace 'root/cimv2' -ClassName 'Win32_ProcessStartup' -ClientOnly -Property @{ CreateFlags = $flags }
        }
        $created = Invoke-CimMethod -Namespace 'root/cimv2' -ClassName 'Win32_Process' -MethodName 'Create' -Arguments $arguments
        if ($created.ReturnValue -eq 0) { return [int]$created.ProcessId }
        $code = $created.ReturnValue
    }
    $id = switch ($code) {
        2 { 'worker_create_denied' }
        3 { 'worker_create_privilege' }
        8 { 'worker_create_unknown' }
        9 { 'worker_create_path' }
        21 { 'worker_create_parameter' }
        default { 'worker_create_failed' }
    }
    throw (New-AgentError -MessageId $id -Values @{ code = $code; program = [System.IO.Path]::Combine($PSHOME, 'powershell.exe') })
}

function Start-WorkerTask {
    <#
    .SYNOPSIS
    Starts a process by a task without a trigger. Returns the name of the task.
    .DESCRIPTION
    The task runs as this account whether or not it is logged on (S4U), which needs no password and gives no access to other computers:
    https://learn.microsoft.com/windows/win32/api/taskschd/ne-taskschd-task_logon_type. Administrators may register such a task, others are
    denied: https://github.com/dahall/TaskScheduler/issues/753. The task has no time limit and, in place of its default, normal priority.
    #>
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Argument)

    $action = New-ScheduledTaskAction -Execute ([System.IO.Path]::Combine($PSHOME, 'powershell.exe')) -Argument $Argument
    $principal = New-ScheduledTaskPrincipal -UserId ([System.Environment]::UserDomainName + '\' + [System.Environment]::UserName) -LogonType S4U -RunLevel Highest
    $settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([timespan]::Zero) -Priority 5
    $null = Register-ScheduledTask -TaskName $Name -Action $action -Principal $principal -Settings $settings
    try {
        Start-ScheduledTask -TaskName $Name
    } catch {
        Remove-WorkerTask -Name $Name
        throw
    }
    return $Name
}

function Remove-WorkerTask {
    # Removes a task, whose program goes on: https://learn.microsoft.com/windows-server/administration/windows-commands/schtasks-delete
    param([Parameter(Mandatory)] [string] $Name)

    try {
        Unregister-ScheduledTask -TaskName $Name -Confirm:$false
    } catch {
        # A task without a trigger does nothing: the job matters more.
        [System.Console]::Error.WriteLine("task ${Name}: $($_.Exception.Message)")
    }
}
