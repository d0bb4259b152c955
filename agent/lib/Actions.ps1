# What becomes of a virtual machine when its host starts and stops, and of its checkpoints.

# The fields with their values, the first of which holds where none is given, and the parameter and property of each.
$script:AgentActions = @{
    checkpoint_type = @{ Values = @('disabled', 'standard', 'production', 'production_only'); Name = 'CheckpointType' }
    start_action    = @{ Values = @('start_if_running', 'nothing', 'start'); Name = 'AutomaticStartAction' }
    stop_action     = @{ Values = @('shut_down', 'turn_off', 'save'); Name = 'AutomaticStopAction' }
}

function Get-ActionWant {
    # Says what a field about actions must be when a value is not that.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    foreach ($key in 'checkpoint_type', 'start_action', 'stop_action') {
        if ($key -cne $Name) { continue }
        $values = [string[]]$script:AgentActions[$key].Values
        if ($values -cnotcontains $Value) { return 'one of: ' + [string]::Join(', ', $values) }
    }
    return ''
}

function Get-JobAction {
    # Gives the value of a field about actions, or what a new virtual machine has without one.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    if ($null -ne $Fields[$Name]) { return [string]$Fields[$Name] }
    return $script:AgentActions[$Name].Values[0]
}

function ConvertFrom-AgentName {
    # Gives a name that clients know as Hyper-V has it: start_if_running is StartIfRunning.
    param([Parameter(Mandatory)] [string] $Name)

    $words = foreach ($word in $Name.Split('_')) { $word.Substring(0, 1).ToUpperInvariant() + $word.Substring(1) }
    return [string]::Join('', [string[]]@($words))
}

function Format-JobCheckpoint {
    param([Parameter(Mandatory)] $Fields)

    $type = Get-JobAction -Fields $Fields -Name 'checkpoint_type'
    if ($type -eq 'disabled') { return 'checkpoints: off' }
    return "checkpoints: $type"
}

function Initialize-JobAction {
    # Gives a new virtual machine its notes, and what is to become of it.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields)

    Set-VM -VM $VM -Notes ([string]$Fields['notes']) `
        -CheckpointType (ConvertFrom-AgentName -Name (Get-JobAction -Fields $Fields -Name 'checkpoint_type')) `
        -AutomaticStartAction (ConvertFrom-AgentName -Name (Get-JobAction -Fields $Fields -Name 'start_action')) `
        -AutomaticStopAction (ConvertFrom-AgentName -Name (Get-JobAction -Fields $Fields -Name 'stop_action'))
}

function Test-ActionDiffers {
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    return (Get-JobAction -Fields $Fields -Name $Name) -ne (ConvertTo-AgentName -Value $VM.($script:AgentActions[$Name].Name))
}

function Set-JobAction {
    # Changes one field about actions. Tells what became of it.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    $property = $script:AgentActions[$Name].Name
    $before = ConvertTo-AgentName -Value $VM.$property
    $after = Get-JobAction -Fields $Fields -Name $Name
    if ($after -ne $before) {
        $parameters = @{ $property = (ConvertFrom-AgentName -Name $after) }
        Set-VM -VM $VM @parameters
    }
    return "$after, was $before"
}
