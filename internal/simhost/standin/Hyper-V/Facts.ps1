# How the real module differs from a well-behaved database: errors of virtual machines that are gone, objects that are kept, aliases.
# facts/*.tsv has the sources. What the sources do not settle is selected by behaviour.facts of the state.

# The virtual machines that this process has read, by id, while behaviour.facts.keeps_objects is set.
$script:StandInKept = @{}

function Get-StandInFact {
    # Returns a member of the state's behaviour.facts, or nothing when it is not set.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Name)

    $facts = $State.behaviour.PSObject.Properties['facts']
    if ($null -eq $facts -or $null -eq $facts.Value) { return }
    $value = $facts.Value.PSObject.Properties[$Name]
    if ($null -ne $value) { $value.Value }
}

function Get-StandInVariant {
    # Returns which of the possible behaviours of an unknown fact the host has, or nothing for the first one.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Name)

    $variants = Get-StandInFact -State $State -Name 'variants'
    if ($null -eq $variants) { return '' }
    $variant = $variants.PSObject.Properties[$Name]
    if ($null -eq $variant) { return '' }
    return $variant.Value
}

function Get-StandInPathForm {
    # Returns a path in the form in which the host keeps it.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Path)

    if ($Path -and (Get-StandInVariant -State $State -Name 'path_form') -eq 'canonical') { return [System.IO.Path]::GetFullPath($Path) }
    return $Path
}

function New-StandInMissingError {
    # Returns the error of a virtual machine that is not found by its id, or by an object of it.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Id)

    $message = "Hyper-V was unable to find a virtual machine with id `"$Id`"."
    switch (Get-StandInVariant -State $State -Name 'missing_by_id') {
        'not_specified' { return New-StandInError -Cmdlet $Cmdlet -Id 'Unspecified' -Message $message }
        'invalid_parameter' { return New-StandInError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument -Message $message }
    }
    return New-StandInError -Cmdlet $Cmdlet -Id 'ObjectNotFound' -Category ObjectNotFound -Message $message
}

function New-StandInAccessError {
    # Returns the error of an object that the service does not have any more. It is also the error while the service does not run.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet)

    return New-StandInError -Cmdlet $Cmdlet -Id 'ObjectNotFound' -Category ObjectNotFound -Message (
        "Hyper-V encountered an error trying to access an object on computer '$($State.host.name)' because the object was not found. " +
        'The object might have been deleted. Verify that the Virtual Machine Management service on the computer is running.')
}

function Write-StandInError {
    # Writes a non-terminating error: the cmdlet continues with the next object, unless its caller's preference is Stop.
    [CmdletBinding()]
    param([Parameter(Mandatory)] [System.Management.Automation.ErrorRecord] $Record)

    $ErrorActionPreference = $StandInPreference
    $PSCmdlet.WriteError($Record)
}

function Hide-StandInProperty {
    # Makes the properties fail that the real module queries at each access: the virtual machine was removed since it was listed.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $Object)

    $problem = New-StandInAccessError -State $State -Cmdlet 'Get-VM'
    foreach ($name in 'HardDrives', 'NetworkAdapters', 'MemoryAssigned', 'Heartbeat', 'Notes') {
        $Object.PSObject.Properties.Remove($name)
        Add-Member -InputObject $Object -MemberType ScriptProperty -Name $name -Value { throw $problem }.GetNewClosure()
    }
}

function Test-StandInVanished {
    # Reports whether a virtual machine is removed while Get-VM lists the host.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    return @(Get-StandInFact -State $State -Name 'vanishing') -contains $VM.id
}

function Complete-StandInVanishing {
    # Removes the virtual machines that disappear while the host is listed, or directly after, unless behaviour.facts.vanishing_always
    # is set.
    param([Parameter(Mandatory)] $State)

    $gone = @(Get-StandInFact -State $State -Name 'vanishing') + @(Get-StandInFact -State $State -Name 'unreadable')
    if ($gone.Count -eq 0 -or (Get-StandInFact -State $State -Name 'vanishing_always')) { return }
    $State.vms = [object[]]@($State.vms | Where-Object -FilterScript { $gone -notcontains $_.id })
    foreach ($name in 'vanishing', 'unreadable') { $State.behaviour.facts.PSObject.Properties.Remove($name) }
    Save-StandIn -Path (Get-StandInPath) -State $State
}

function Select-StandInKept {
    # Returns the state of a virtual machine as this process knows it: the one that it read first, while the host keeps objects.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    if (-not (Get-StandInFact -State $State -Name 'keeps_objects')) { return $VM }
    if (-not $script:StandInKept.ContainsKey($VM.id)) { $script:StandInKept[$VM.id] = $VM }
    return $script:StandInKept[$VM.id]
}
