# Memory, static or dynamic: the bounds that a definition asks for, and how a virtual machine comes to them.

function Get-MemoryWant {
    # Says what a field about memory must be when a value is not that.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    if (@('gb_ram_min', 'gb_ram_max') -cnotcontains $Name) { return '' }
    # Hyper-V hands memory out in pieces of 2 MiB.
    if ((Test-Number -Value $Value) -and $Value -gt 0 -and $Value -le 1048576 -and ($Value * 512) -eq [System.Math]::Truncate($Value * 512)) { return '' }
    return 'a number above 0, a multiple of 2 MiB (1/512)'
}

function Assert-MemoryOrder {
    # Refuses bounds of memory that lack each other, or that the memory is not within. Partial is for a dry run, where fields
    # may still lack.
    param([Parameter(Mandatory)] $Fields, [switch] $Partial)

    $minimum = $Fields['gb_ram_min']
    $maximum = $Fields['gb_ram_max']
    if (-not $Partial) {
        if ($null -ne $minimum -and $null -eq $maximum) { throw (New-AgentError -Code 'invalid_definition' -Message "field 'gb_ram_min' needs 'gb_ram_max' beside it" -Field 'gb_ram_max') }
        if ($null -ne $maximum -and $null -eq $minimum) { throw (New-AgentError -Code 'invalid_definition' -Message "field 'gb_ram_max' needs 'gb_ram_min' beside it" -Field 'gb_ram_min') }
    }
    $row = @(foreach ($name in 'gb_ram_min', 'gb_ram', 'gb_ram_max') { if ($null -ne $Fields[$name]) { $name } })
    for ($index = 1; $index -lt $row.Count; $index++) {
        $low = $row[$index - 1]
        $high = $row[$index]
        if ($Fields[$low] -le $Fields[$high]) { continue }
        $blamed = if ($low -eq 'gb_ram_min') { $low } else { $high }
        throw (New-AgentError -Code 'invalid_definition' -Field $blamed -Remedy 'let gb_ram_min, gb_ram and gb_ram_max ascend' `
                -Message "field '$low' is $(Format-AgentNumber -Value $Fields[$low]), and more than '$high', which is $(Format-AgentNumber -Value $Fields[$high])")
    }
}

function Test-DynamicMemory {
    param([Parameter(Mandatory)] $Fields)

    return $null -ne $Fields['gb_ram_min'] -and $null -ne $Fields['gb_ram_max']
}

function Format-JobMemory {
    param([Parameter(Mandatory)] $Fields)

    $text = "memory: $(Format-AgentNumber -Value $Fields['gb_ram']) GiB"
    if (-not (Test-DynamicMemory -Fields $Fields)) { return $text }
    return "$text ($(Format-AgentNumber -Value $Fields['gb_ram_min']) to $(Format-AgentNumber -Value $Fields['gb_ram_max']) GiB)"
}

function Initialize-JobMemory {
    # Gives a new virtual machine the memory of its definition.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields)

    $startup = [long]($Fields['gb_ram'] * 1GB)
    if (Test-DynamicMemory -Fields $Fields) {
        Set-VMMemory -VM $VM -DynamicMemoryEnabled $true -StartupBytes $startup `
            -MinimumBytes ([long]($Fields['gb_ram_min'] * 1GB)) -MaximumBytes ([long]($Fields['gb_ram_max'] * 1GB))
    } else {
        Set-VMMemory -VM $VM -DynamicMemoryEnabled $false -StartupBytes $startup
    }
}

function Get-MemoryPlan {
    # Gives the memory that a virtual machine has and is to have, in bytes, and which of the changed fields need it to be off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $State)

    $fields = $Job.Fields
    $before = @{ Dynamic = [bool]$VM.DynamicMemoryEnabled; gb_ram = [long]$VM.MemoryStartup; gb_ram_min = [long]$VM.MemoryMinimum; gb_ram_max = [long]$VM.MemoryMaximum }
    $after = $before.Clone()
    $changed = @($Job.Changed | Where-Object -FilterScript { @('gb_ram', 'gb_ram_min', 'gb_ram_max') -ccontains $_ })
    if ($changed -contains 'gb_ram_min' -or $changed -contains 'gb_ram_max') { $after.Dynamic = Test-DynamicMemory -Fields $fields }
    foreach ($name in 'gb_ram', 'gb_ram_min', 'gb_ram_max') {
        $turned = $after.Dynamic -and -not $before.Dynamic -and $name -ne 'gb_ram'
        if (($changed -contains $name -or $turned) -and $null -ne $fields[$name]) { $after[$name] = [long]($fields[$name] * 1GB) }
    }
    if ($changed.Count -gt 0 -and $after.Dynamic -and ($after.gb_ram_min -gt $after.gb_ram -or $after.gb_ram -gt $after.gb_ram_max)) {
        throw (New-AgentError -Code 'memory' -Field $changed[0] -Remedy 'set gb_ram_min and gb_ram_max to bounds that gb_ram is within' `
                -Message ("virtual machine '$($VM.Name)' would start with $(Format-AgentNumber -Value ($after.gb_ram / 1GB)) GiB of memory, " +
                "and its dynamic memory goes from $(Format-AgentNumber -Value ($after.gb_ram_min / 1GB)) to $(Format-AgentNumber -Value ($after.gb_ram_max / 1GB)) GiB"))
    }
    # A machine that runs takes a lower minimum and a higher maximum, if its memory is dynamic already.
    $flips = $after.Dynamic -ne $before.Dynamic
    $live = $State -eq 'running' -and $before.Dynamic -and $after.Dynamic
    $cycle = @(foreach ($name in $changed) {
            $differs = $after[$name] -ne $before[$name]
            if ($name -eq 'gb_ram') { if ($differs) { $name } }
            elseif ($flips) { $name }
            elseif ($after.Dynamic -and $differs -and -not ($live -and (($name -eq 'gb_ram_min') -eq ($after[$name] -lt $before[$name])))) { $name }
        })
    return @{ Before = $before; After = $after; Cycle = $cycle; Done = $false }
}

function Set-JobMemory {
    # Gives a virtual machine its memory, all of it at once: the parts must be in order at each moment. Tells what became of the
    # field of that name.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $before = $Plan.Before
    $after = $Plan.After
    if (-not $Plan.Done) {
        $parameters = @{}
        $flips = $after.Dynamic -ne $before.Dynamic
        if ($flips) { $parameters['DynamicMemoryEnabled'] = $after.Dynamic }
        if ($after.gb_ram -ne $before.gb_ram) { $parameters['StartupBytes'] = $after.gb_ram }
        if ($after.Dynamic -and ($flips -or $after.gb_ram_min -ne $before.gb_ram_min)) { $parameters['MinimumBytes'] = $after.gb_ram_min }
        if ($after.Dynamic -and ($flips -or $after.gb_ram_max -ne $before.gb_ram_max)) { $parameters['MaximumBytes'] = $after.gb_ram_max }
        if ($parameters.Count -gt 0) { Set-VMMemory -VM $VM @parameters }
        $Plan.Done = $true
    }
    $texts = foreach ($part in $after, $before) {
        if ($Name -eq 'gb_ram' -or $part.Dynamic) { "$(Format-AgentNumber -Value ($part[$Name] / 1GB)) GiB" } else { 'none' }
    }
    return "$($texts[0]), was $($texts[1])"
}

function Find-MaximumFinding {
    # Warns of a maximum that the host does not have.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Maximum)

    if ($null -eq $Maximum -or $Maximum * 1GB -le $Machine.MemoryCapacity) { return }
    $size = Format-AgentNumber -Value ([System.Math]::Floor($Machine.MemoryCapacity / 1GB))
    New-JobFinding -Field 'gb_ram_max' -Severity 'warning' -Code 'memory' -Remedy "ask for $size GiB or less" `
        -Message "host $($Machine.Name) has $size GiB of memory in all, so the virtual machine never gets its maximum"
}

function ConvertTo-ExactSize {
    # Gives bytes as GiB, exactly.
    param([Parameter(Mandatory)] [long] $Bytes)

    return $Bytes / 1GB
}
