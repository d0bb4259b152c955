# Automatic start and stop actions, and the checkpoint type.

# The fields with their values, the first of which is the default, and the parameter and property of each in the Hyper-V module.
$script:AgentActions = @{
    checkpoint_type = @{ Values = @('disabled', 'standard', 'production', 'production_only'); Name = 'CheckpointType' }
    start_action    = @{ Values = @('start_if_running', 'nothing', 'start'); Name = 'AutomaticStartAction' }
    stop_action     = @{ Values = @('shut_down', 'turn_off', 'save'); Name = 'AutomaticStopAction' }
}

function Get-ActionRequirement {
    # Returns what an action field must be, or an empty string when its value is valid.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    foreach ($key in 'checkpoint_type', 'start_action', 'stop_action') {
        if ($key -ceq $Name) { return Get-ChoiceRequirement -Value $Value -Choices $script:AgentActions[$key].Values }
    }
    return ''
}

function Get-JobAction {
    # Returns the value of an action field, or its default.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    if ($null -ne $Fields[$Name]) { return [string]$Fields[$Name] }
    return $script:AgentActions[$Name].Values[0]
}

function ConvertFrom-SnakeCase {
    # Converts a value of a definition to the name that Hyper-V uses: start_if_running to StartIfRunning.
    param([Parameter(Mandatory)] [string] $Name)

    $words = foreach ($word in $Name.Split('_')) { $word.Substring(0, 1).ToUpperInvariant() + $word.Substring(1) }
    return [string]::Join('', [string[]]@($words))
}

function Format-JobCheckpoint {
    # Returns the checkpoint type as text.
    param([Parameter(Mandatory)] $Fields)

    return (Get-AgentMessage -Id 'checkpoints' -Values @{ type = (Get-JobAction -Fields $Fields -Name 'checkpoint_type') }).Message
}

function Initialize-JobAction {
    # Sets the notes, actions and checkpoint type of a new virtual machine.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields)

    Set-VM -VM $VM -Notes ([string]$Fields['notes']) `
        -CheckpointType (ConvertFrom-SnakeCase -Name (Get-JobAction -Fields $Fields -Name 'checkpoint_type')) `
        -AutomaticStartAction (ConvertFrom-SnakeCase -Name (Get-JobAction -Fields $Fields -Name 'start_action')) `
        -AutomaticStopAction (ConvertFrom-SnakeCase -Name (Get-JobAction -Fields $Fields -Name 'stop_action'))
}

function Test-ActionDiffers {
    # Reports whether a virtual machine's action differs from the definition.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    return (Get-JobAction -Fields $Fields -Name $Name) -ne (ConvertTo-SnakeCase -Value (Get-MemberValue -Value $VM -Name $script:AgentActions[$Name].Name))
}

function Set-JobAction {
    # Changes one action field. Returns the change as text.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    $property = $script:AgentActions[$Name].Name
    $before = ConvertTo-SnakeCase -Value (Get-MemberValue -Value $VM -Name $property)
    $after = Get-JobAction -Fields $Fields -Name $Name
    if ($after -ne $before) {
        $parameters = @{ $property = (ConvertFrom-SnakeCase -Name $after) }
        Set-VM -VM $VM @parameters
    }
    return (Get-AgentMessage -Id 'change' -Values @{ after = $after; before = $before }).Message
}
