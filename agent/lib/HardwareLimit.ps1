# The largest virtual machines that Hyper-V supports.

function Get-HardwareLimit {
    <#
    .SYNOPSIS
    Returns how many processors, and how much memory in GiB, a build of Windows supports in a virtual machine of a generation.
    .DESCRIPTION
    Hyper-V's cmdlets do not report them. https://learn.microsoft.com/windows-server/virtualization/hyper-v/maximum-scale-limits
    #>
    param([Parameter(Mandatory)] [int] $Generation, [Parameter(Mandatory)] [int] $Build)

    if ($Generation -eq 1) { return @{ Processors = 64; MemoryGb = 1024 } }
    if ($Build -ge 26100) { return @{ Processors = 2048; MemoryGb = 245760 } } # Windows Server 2025
    if ($Build -ge 20348) { return @{ Processors = 1024; MemoryGb = 245760 } } # Windows Server 2022
    return @{ Processors = 240; MemoryGb = 12288 }
}

function Get-HardwareLimitFinding {
    # Returns the findings about more processors or memory than the host supports in one virtual machine. What exceeds the host itself
    # has a finding already.
    param(
        [Parameter(Mandatory)] $Machine,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown
    )

    $fields = $Definition.Fields
    $asked = @{ cpu_cores = $Machine.LogicalProcessorCount; gb_ram = $Machine.MemoryCapacity / 1GB; gb_ram_max = [double]::MaxValue }
    $generation = 0
    foreach ($name in 'gb_ram', 'gb_ram_max', 'cpu_cores') {
        $value = $fields[$name]
        # Less than the lowest limit needs no look at the generation.
        if ($null -eq $value -or $value -gt $asked[$name] -or $value -le 64) { continue }
        if ($generation -eq 0) { $generation = Get-CheckGeneration -Definition $Definition -VMId $VMId -Unknown $Unknown }
        $limit = Get-HardwareLimit -Generation $generation -Build ([System.Environment]::OSVersion.Version.Build)
        $most = if ($name -eq 'cpu_cores') { $limit.Processors } else { $limit.MemoryGb }
        if ($value -le $most) { continue }
        $id = if ($name -eq 'cpu_cores') { 'cpu_exceeds_limit' } else { 'memory_exceeds_limit' }
        New-JobFinding -Field $name -MessageId $id -Values @{ host = $Machine.Name; generation = $generation; limit = (Format-AgentNumber -Value $most) }
    }
}
