# Memory, static or dynamic: validating a definition's memory fields, and applying them to a virtual machine.

function Get-MemoryRequirement {
    # Returns what a memory field must be, or an empty string when its value is valid.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    if (@('gb_ram', 'gb_ram_min', 'gb_ram_max') -cnotcontains $Name) { return '' }
    # Hyper-V allocates memory in units of 2 MiB.
    if ((Test-Number -Value $Value) -and $Value -gt 0 -and $Value -le 1048576 -and ($Value * 512) -eq [System.Math]::Truncate($Value * 512)) { return '' }
    return (Get-AgentMessage -Id 'requirement_memory_size').Message
}

function Assert-MemoryOrder {
    # Throws when only one of minimum and maximum is set, or gb_ram is not between them. Partial is for checks, where fields may be
    # missing.
    param([Parameter(Mandatory)] $Fields, [switch] $Partial)

    $minimum = $Fields['gb_ram_min']
    $maximum = $Fields['gb_ram_max']
    if (-not $Partial) {
        if ($null -ne $minimum -and $null -eq $maximum) {
            throw (New-AgentError -Field 'gb_ram_max' -MessageId 'memory_bound_missing' -Values @{ field = 'gb_ram_min'; missing = 'gb_ram_max' })
        }
        if ($null -ne $maximum -and $null -eq $minimum) {
            throw (New-AgentError -Field 'gb_ram_min' -MessageId 'memory_bound_missing' -Values @{ field = 'gb_ram_max'; missing = 'gb_ram_min' })
        }
    }
    $names = @(foreach ($name in 'gb_ram_min', 'gb_ram', 'gb_ram_max') { if ($null -ne $Fields[$name]) { $name } })
    for ($index = 1; $index -lt $names.Count; $index++) {
        $low = $names[$index - 1]
        $high = $names[$index]
        if ($Fields[$low] -le $Fields[$high]) { continue }
        $field = if ($low -eq 'gb_ram_min') { $low } else { $high }
        throw (New-AgentError -Field $field -MessageId 'memory_order' -Values @{
                low = $low; low_gb = (Format-AgentNumber -Value $Fields[$low]); high = $high; high_gb = (Format-AgentNumber -Value $Fields[$high])
            })
    }
}

function Test-DynamicMemory {
    # Reports whether a definition requests dynamic memory.
    param([Parameter(Mandatory)] $Fields)

    return $null -ne $Fields['gb_ram_min'] -and $null -ne $Fields['gb_ram_max']
}

function Format-JobMemory {
    # Returns the memory of a definition as text.
    param([Parameter(Mandatory)] $Fields)

    $size = Format-AgentNumber -Value $Fields['gb_ram']
    if (-not (Test-DynamicMemory -Fields $Fields)) { return (Get-AgentMessage -Id 'memory_static' -Values @{ size = $size }).Message }
    return (Get-AgentMessage -Id 'memory_dynamic' -Values @{
            size = $size; minimum = (Format-AgentNumber -Value $Fields['gb_ram_min']); maximum = (Format-AgentNumber -Value $Fields['gb_ram_max'])
        }).Message
}

function Initialize-JobMemory {
    # Sets the memory of a new virtual machine.
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
    # Returns the current and the requested memory of a virtual machine in bytes, and in Cycle the changed fields that require it
    # to be off.
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
        throw (New-AgentError -Field $changed[0] -MessageId 'memory_out_of_bounds' -Values @{
                vm = $VM.Name; startup = (Format-AgentNumber -Value ($after.gb_ram / 1GB))
                minimum = (Format-AgentNumber -Value ($after.gb_ram_min / 1GB)); maximum = (Format-AgentNumber -Value ($after.gb_ram_max / 1GB))
            })
    }
    # A running virtual machine with dynamic memory accepts a lower minimum and a higher maximum.
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
    # Sets all memory fields of a virtual machine at once: they must be consistent at all times. Returns the change of one field as
    # text.
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
        if ($Name -eq 'gb_ram' -or $part.Dynamic) {
            (Get-AgentMessage -Id 'value_gib' -Values @{ size = (Format-AgentNumber -Value ($part[$Name] / 1GB)) }).Message
        } else {
            (Get-AgentMessage -Id 'value_none').Message
        }
    }
    return (Get-AgentMessage -Id 'change' -Values @{ after = $texts[0]; before = $texts[1] }).Message
}

function Get-MaximumMemoryFinding {
    # Returns a warning when the maximum exceeds the memory of the host.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Maximum)

    if ($null -eq $Maximum -or $Maximum * 1GB -le $Machine.MemoryCapacity) { return }
    $size = Format-AgentNumber -Value ([System.Math]::Floor($Machine.MemoryCapacity / 1GB))
    New-JobFinding -Field 'gb_ram_max' -Severity 'warning' -MessageId 'memory_maximum_exceeds_host' -Values @{ host = $Machine.Name; size = $size }
}

function ConvertTo-ExactGibibyte {
    # Converts bytes to GiB without rounding.
    param([Parameter(Mandatory)] [long] $Bytes)

    return $Bytes / 1GB
}
