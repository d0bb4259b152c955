# What calls of a busy host cost, after the latency in the state's behaviour: each cost is a line of the file <state>.costs with its
# kind, its name, a number of items, and milliseconds.

# The property groups of Get-VM's objects. The module queries each at the first access: the settings, memory, processors, drives and
# adapters of a virtual machine are different objects of WMI.
$script:StandInGroups = @{
    Generation = 'settings'; Notes = 'settings'; Path = 'settings'; ConfigurationLocation = 'settings'; CreationTime = 'settings'
    CheckpointType = 'settings'; AutomaticStartAction = 'settings'; AutomaticStopAction = 'settings'
    MemoryStartup = 'memory'; DynamicMemoryEnabled = 'memory'; MemoryMinimum = 'memory'; MemoryMaximum = 'memory'
    ProcessorCount = 'processor'; IsClustered = 'clustered'; NetworkAdapters = 'adapters'; HardDrives = 'drives'
    MemoryAssigned = 'summary'; Heartbeat = 'summary'; IntegrationServicesState = 'summary'
}

function Get-StandInLatency {
    # Returns the latency of the state's behaviour, or nothing.
    param([Parameter(Mandatory)] $State)

    $property = $State.behaviour.PSObject.Properties['latency']
    if ($null -ne $property) { return $property.Value }
}

function Add-StandInCost {
    # Records a cost, and waits for it when the latency says so.
    param([AllowNull()] $Latency, [Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Name, [int] $Count = 1, [int] $Milliseconds = 0)

    if ($null -eq $Latency) { return }
    $file = (Get-StandInPath) + '.costs'
    for ($attempt = 1; ; $attempt++) {
        try {
            [System.IO.File]::AppendAllText($file, "$Kind $Name $Count $Milliseconds`n")
            break
        } catch {
            # Another process is writing to the file.
            if ($attempt -ge 2000) { throw }
            Start-Sleep -Milliseconds 2
        }
    }
    if ($Latency.sleep) { Start-Sleep -Milliseconds $Milliseconds }
}

function Add-StandInGroupCost {
    # Records the access of a group of a virtual machine's properties.
    param([AllowNull()] $Latency, [Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string] $Group)

    if ($null -eq $Latency) { return }
    $cost = $Latency.group_ms
    if ($Group -eq 'summary') { $cost = $Latency.summary_ms }
    Add-StandInCost -Latency $Latency -Kind 'group' -Name $Id -Milliseconds $cost
}

function Get-StandInLazy {
    # Returns the value of a property that costs its group at the first access. Bag is the value store of the object.
    param([Parameter(Mandatory)] $Bag, [Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Group)

    if (-not $Bag.Seen.ContainsKey($Group)) {
        $Bag.Seen[$Group] = $true
        Add-StandInGroupCost -Latency $Bag.Latency -Id $Bag.Id -Group $Group
    }
    $value = $Bag.Values[$Name]
    if ($value -is [array] -or $value -is [System.Collections.ArrayList]) { return , $value }
    return $value
}

# A script property for each property. $this is the object.
$script:StandInProperties = @{
    Generation = { Get-StandInLazy -Bag $this.StandInBag -Name 'Generation' -Group 'settings' }
    Notes = { Get-StandInLazy -Bag $this.StandInBag -Name 'Notes' -Group 'settings' }
    Path = { Get-StandInLazy -Bag $this.StandInBag -Name 'Path' -Group 'settings' }
    ConfigurationLocation = { Get-StandInLazy -Bag $this.StandInBag -Name 'ConfigurationLocation' -Group 'settings' }
    CreationTime = { Get-StandInLazy -Bag $this.StandInBag -Name 'CreationTime' -Group 'settings' }
    CheckpointType = { Get-StandInLazy -Bag $this.StandInBag -Name 'CheckpointType' -Group 'settings' }
    AutomaticStartAction = { Get-StandInLazy -Bag $this.StandInBag -Name 'AutomaticStartAction' -Group 'settings' }
    AutomaticStopAction = { Get-StandInLazy -Bag $this.StandInBag -Name 'AutomaticStopAction' -Group 'settings' }
    MemoryStartup = { Get-StandInLazy -Bag $this.StandInBag -Name 'MemoryStartup' -Group 'memory' }
    DynamicMemoryEnabled = { Get-StandInLazy -Bag $this.StandInBag -Name 'DynamicMemoryEnabled' -Group 'memory' }
    MemoryMinimum = { Get-StandInLazy -Bag $this.StandInBag -Name 'MemoryMinimum' -Group 'memory' }
    MemoryMaximum = { Get-StandInLazy -Bag $this.StandInBag -Name 'MemoryMaximum' -Group 'memory' }
    ProcessorCount = { Get-StandInLazy -Bag $this.StandInBag -Name 'ProcessorCount' -Group 'processor' }
    IsClustered = { Get-StandInLazy -Bag $this.StandInBag -Name 'IsClustered' -Group 'clustered' }
    NetworkAdapters = { Get-StandInLazy -Bag $this.StandInBag -Name 'NetworkAdapters' -Group 'adapters' }
    HardDrives = { Get-StandInLazy -Bag $this.StandInBag -Name 'HardDrives' -Group 'drives' }
    MemoryAssigned = { Get-StandInLazy -Bag $this.StandInBag -Name 'MemoryAssigned' -Group 'summary' }
    Heartbeat = { Get-StandInLazy -Bag $this.StandInBag -Name 'Heartbeat' -Group 'summary' }
    IntegrationServicesState = { Get-StandInLazy -Bag $this.StandInBag -Name 'IntegrationServicesState' -Group 'summary' }
    IPAddresses = { Get-StandInLazy -Bag $this.StandInBag -Name 'IPAddresses' -Group 'addresses' }
    VlanSetting = { Get-StandInLazy -Bag $this.StandInBag -Name 'VlanSetting' -Group 'vlan' }
}

function Add-StandInLatency {
    # Returns an object whose properties cost as much as the latency says. Without latency, the object is unchanged. Seen shares the
    # groups that were read between the objects of one virtual machine.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $Object, [Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string[]] $Name, $Seen = @{})

    $latency = Get-StandInLatency -State $State
    if ($null -eq $latency) { return $Object }
    $bag = @{ Latency = $latency; Id = $Id; Seen = $Seen; Values = @{} }
    $members = $Object.PSObject.Properties
    foreach ($item in $Name) {
        if ($null -eq $members[$item]) { continue }
        $bag.Values[$item] = $members[$item].Value
        $members.Remove($item)
        $members.Add((New-Object -TypeName System.Management.Automation.PSScriptProperty -ArgumentList $item, $script:StandInProperties[$item]))
    }
    $members.Add((New-Object -TypeName System.Management.Automation.PSNoteProperty -ArgumentList 'StandInBag', $bag))
    return $Object
}
