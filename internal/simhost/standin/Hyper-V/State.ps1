# The state file: a lock file admits one process and runspace at a time.

. ([System.IO.Path]::Combine($PSScriptRoot, 'Facts.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Rights.ps1'))

function Get-StandInPath {
    # Returns the path of the state file.
    $path = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_STATE')
    if (-not $path -or -not [System.IO.File]::Exists($path)) {
        throw "the stand-in for Hyper-V has no state file: HYPERVVM_STANDIN_STATE is '$path'"
    }
    return $path
}

function Lock-StandIn {
    # Opens the lock file exclusively and returns it.
    param([Parameter(Mandatory)] [string] $Path)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        try {
            return [System.IO.File]::Open("$Path.lock", [System.IO.FileMode]::OpenOrCreate, [System.IO.FileAccess]::ReadWrite, [System.IO.FileShare]::None)
        } catch {
            if ($_.Exception.InnerException -isnot [System.IO.IOException] -or $watch.Elapsed.TotalSeconds -gt 60) { throw }
            Start-Sleep -Milliseconds 2
        }
    }
}

function Save-StandIn {
    # Writes the state file atomically.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] $State)

    $text = (ConvertTo-Json -InputObject $State -Depth 8 -Compress) + "`n"
    [System.IO.File]::WriteAllText("$Path.new", $text, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false))
    [System.IO.File]::Replace("$Path.new", $Path, [System.Management.Automation.Language.NullString]::Value)
}

function Invoke-StandIn {
    # Runs the Action of one cmdlet on the state, with the delay or the error that the state's behaviour sets for the cmdlet. With
    # Change, the changed state is saved when Action succeeds. Errors are non-terminating, as those of the real cmdlets: the
    # cmdlet's caller decides with ErrorAction.
    param([Parameter(Mandatory)] [string] $Cmdlet, [switch] $Change, [Parameter(Mandatory)] [scriptblock] $Action)

    $StandInPreference = $ErrorActionPreference
    $ErrorActionPreference = 'Stop'
    try {
        Invoke-StandInCall -Cmdlet $Cmdlet -Change:$Change -Action $Action
    } catch {
        $record = $_
        Write-StandInError -Record $record
    }
}

function Invoke-StandInCall {
    # Runs the Action of one cmdlet for Invoke-StandIn.
    param([Parameter(Mandatory)] [string] $Cmdlet, [switch] $Change, [Parameter(Mandatory)] [scriptblock] $Action)

    $path = Get-StandInPath
    $behaviour = $null
    $lock = Lock-StandIn -Path $path
    try {
        $state = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))
        if ($state.behaviour.record_calls) { [System.IO.File]::AppendAllText("$path.calls", "$Cmdlet`n") }
        $property = $state.behaviour.calls.PSObject.Properties[$Cmdlet]
        if ($null -ne $property -and $null -ne $property.Value.PSObject.Properties['lose'] -and -not $state.behaviour.lost) {
            $state.behaviour.lost = 'The RPC server is unavailable.'
            if ($property.Value.fail) { $state.behaviour.lost = $property.Value.fail }
            Save-StandIn -Path $path -State $state
        }
        if ($state.behaviour.lost) { throw (New-StandInError -Cmdlet $Cmdlet -Message $state.behaviour.lost) }
        Assert-StandInRight -State $state -Cmdlet $Cmdlet
        if ($null -eq $property) {
            & $Action $state
            if ($Change) { Save-StandIn -Path $path -State $state }
            return
        }
        $behaviour = $property.Value
        if ($behaviour.times -gt 0) {
            $behaviour.times--
            if ($behaviour.times -eq 0) { $state.behaviour.calls.PSObject.Properties.Remove($Cmdlet) }
            Save-StandIn -Path $path -State $state
        }
    } finally {
        $lock.Dispose()
    }
    $after = $null -ne $behaviour.PSObject.Properties['after']
    if (-not $after) { Wait-StandIn -Behaviour $behaviour }
    if ($behaviour.delay_ms -gt 0) { Start-Sleep -Milliseconds $behaviour.delay_ms }
    if ($behaviour.fail) { throw (New-StandInError -Cmdlet $Cmdlet -Message $behaviour.fail) }
    $lock = Lock-StandIn -Path $path
    try {
        $state = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))
        & $Action $state
        if ($Change) { Save-StandIn -Path $path -State $state }
    } finally {
        $lock.Dispose()
    }
    if ($after) { Wait-StandIn -Behaviour $behaviour }
}

function Wait-StandIn {
    # Blocks a call while its hold file exists, and creates a file next to it to show that the call was reached.
    param([Parameter(Mandatory)] $Behaviour)

    $hold = $Behaviour.PSObject.Properties['hold']
    if ($null -eq $hold -or -not [System.IO.File]::Exists($hold.Value)) { return }
    [System.IO.File]::WriteAllText($hold.Value + '.reached', '')
    while ([System.IO.File]::Exists($hold.Value)) { Start-Sleep -Milliseconds 5 }
}

function New-StandInError {
    # Returns an error record with the identifier of the real cmdlet's.
    param(
        [Parameter(Mandatory)] [string] $Cmdlet,
        [Parameter(Mandatory)] [string] $Message,
        [string] $Id = 'OperationFailed',
        [System.Management.Automation.ErrorCategory] $Category = [System.Management.Automation.ErrorCategory]::NotSpecified
    )

    $type = 'Microsoft.HyperV.PowerShell.Commands.' + $Cmdlet.Replace('-', '')
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, "$Id,$type", $Category, $null
}

function Find-StandInVM {
    # Returns the state of the virtual machine with a GUID. Throws the error of facts/errors.tsv when there is none.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Id)

    if (@(Get-StandInFact -State $State -Name 'unreadable') -notcontains $Id) {
        foreach ($vm in $State.vms) { if ($vm.id -eq $Id) { return $vm } }
    }
    throw (New-StandInMissingError -State $State -Cmdlet $Cmdlet -Id $Id)
}

function Select-StandInVM {
    # Returns the states that -VM and -VMName (or -Name) select. Names are wildcard patterns, as in Hyper-V.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [AllowNull()] [object[]] $VM, [AllowNull()] [string[]] $Name)

    if ($null -ne $VM) {
        foreach ($item in $VM) {
            $id = $item.Id.ToString()
            $found = @($State.vms | Where-Object -FilterScript { $_.id -eq $id -and @(Get-StandInFact -State $State -Name 'unreadable') -notcontains $id })
            if ($found.Count -gt 0) { $found[0] } else { Write-StandInError -Record (New-StandInAccessError -State $State -Cmdlet $Cmdlet) }
        }
        return
    }
    foreach ($pattern in $Name) {
        $found = @($State.vms | Where-Object -FilterScript { $_.name -like $pattern })
        if ($found.Count -eq 0 -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($pattern)) {
            Write-StandInError -Record (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument `
                    -Message "Hyper-V was unable to find a virtual machine with name `"$pattern`".")
        }
        $found
    }
}
