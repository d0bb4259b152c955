# Get-CimInstance for the classes of Hyper-V's WMI provider (root/virtualization/v2), made from the state file that the stand-in for Hyper-V uses.

# The classes: a script for each, which returns the instances of the state as dictionaries.
$script:StandInClasses = @{}

function Get-CimInstance {
    [CmdletBinding(DefaultParameterSetName = 'ClassNameComputerSet')]
    param(
        [Parameter(ParameterSetName = 'ClassNameComputerSet', Mandatory, Position = 0)] [string] $ClassName,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [string] $Filter,
        [string] $Namespace = 'root/cimv2'
    )

    $class = $ClassName
    $condition = [regex]::Match($Filter, '^\s*(\w+)\s*=\s*''([^'']*)''\s*\z')
    Invoke-StandIn -Cmdlet 'Get-CimInstance' -Action {
        param($state)
        if ($Namespace.Replace('\', '/') -ne 'root/virtualization/v2' -or -not $script:StandInClasses.ContainsKey($class)) {
            throw "the stand-in for CimCmdlets has no class $class of namespace $Namespace"
        }
        foreach ($values in @(& $script:StandInClasses[$class] $state)) {
            if ($condition.Success -and $values[$condition.Groups[1].Value] -ne $condition.Groups[2].Value) { continue }
            $values['PSTypeName'] = "Microsoft.Management.Infrastructure.CimInstance#root/virtualization/v2/$class"
            [pscustomobject]$values
        }
    }
}
