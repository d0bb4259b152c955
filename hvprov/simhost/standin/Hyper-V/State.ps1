# The state file: one process and runspace at a time reads or changes it.

function Get-StandInPath {
    $path = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_STATE')
    if (-not $path -or -not [System.IO.File]::Exists($path)) {
        throw "the stand-in for Hyper-V has no state file: HYPERVVM_STANDIN_STATE is '$path'"
    }
    return $path
}

function Lock-StandIn {
    # Gives the open lock file, which nobody else has open.
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
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] $State)

    $text = (ConvertTo-Json -InputObject $State -Depth 8 -Compress) + "`n"
    [System.IO.File]::WriteAllText("$Path.new", $text, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false))
    [System.IO.File]::Replace("$Path.new", $Path, [System.Management.Automation.Language.NullString]::Value)
}

function Invoke-StandIn {
    # Runs one cmdlet's Action over the state, after what the state's behaviour asks of that cmdlet. What Action changes is
    # kept when Change is given and Action did not fail.
    param([Parameter(Mandatory)] [string] $Cmdlet, [switch] $Change, [Parameter(Mandatory)] [scriptblock] $Action)

    $path = Get-StandInPath
    $asked = $null
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
        if ($null -eq $property) {
            & $Action $state
            if ($Change) { Save-StandIn -Path $path -State $state }
            return
        }
        $asked = $property.Value
        if ($asked.times -gt 0) {
            $asked.times--
            if ($asked.times -eq 0) { $state.behaviour.calls.PSObject.Properties.Remove($Cmdlet) }
            Save-StandIn -Path $path -State $state
        }
    } finally {
        $lock.Dispose()
    }
    $after = $null -ne $asked.PSObject.Properties['after']
    if (-not $after) { Wait-StandIn -Asked $asked }
    if ($asked.delay_ms -gt 0) { Start-Sleep -Milliseconds $asked.delay_ms }
    if ($asked.fail) { throw (New-StandInError -Cmdlet $Cmdlet -Message $asked.fail) }
    $lock = Lock-StandIn -Path $path
    try {
        $state = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))
        & $Action $state
        if ($Change) { Save-StandIn -Path $path -State $state }
    } finally {
        $lock.Dispose()
    }
    if ($after) { Wait-StandIn -Asked $asked }
}

function Wait-StandIn {
    # Waits for as long as the file is there that a call is to be held up by, and says so beside it.
    param([Parameter(Mandatory)] $Asked)

    $hold = $Asked.PSObject.Properties['hold']
    if ($null -eq $hold -or -not [System.IO.File]::Exists($hold.Value)) { return }
    [System.IO.File]::WriteAllText($hold.Value + '.reached', '')
    while ([System.IO.File]::Exists($hold.Value)) { Start-Sleep -Milliseconds 5 }
}

function New-StandInError {
    # Gives an error record with the identifier that the real cmdlet's has.
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
    # Gives the state of the virtual machine that an object of this module stands for.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Id)

    foreach ($vm in $State.vms) { if ($vm.id -eq $Id) { return $vm } }
    throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument `
            -Message "Hyper-V was unable to find a virtual machine with id `"$Id`".")
}

function Select-StandInVM {
    # Gives the states that parameters of the kinds -VM and -VMName (or -Name) choose. Names are patterns, as in Hyper-V.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [AllowNull()] [object[]] $VM, [AllowNull()] [string[]] $Name)

    if ($null -ne $VM) {
        foreach ($item in $VM) { Find-StandInVM -State $State -Cmdlet $Cmdlet -Id $item.Id.ToString() }
        return
    }
    foreach ($pattern in $Name) {
        $found = @($State.vms | Where-Object -FilterScript { $_.name -like $pattern })
        if ($found.Count -eq 0 -and -not [System.Management.Automation.WildcardPattern]::ContainsWildcardCharacters($pattern)) {
            throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument `
                    -Message "Hyper-V was unable to find a virtual machine with name `"$pattern`".")
        }
        $found
    }
}
