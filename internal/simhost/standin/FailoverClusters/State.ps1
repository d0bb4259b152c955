# The state of the cluster: the virtual machines in the state files of all nodes, and the errors of the cluster cmdlets.

# The classes of the cmdlets, which are part of the error ids. Those without a public source are derived from the others.
$script:StandInClusterCommands = @{ 'Get-Cluster' = 'GetClusterCommand'; 'Get-ClusterResource' = 'GetResourceCommand'; 'Get-ClusterGroup' = 'GetGroupCommand' }

function Get-StandInClusterFlag {
    # Reports whether a behaviour of the cluster is set.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Name)

    $cluster = $State.behaviour.PSObject.Properties['cluster']
    if ($null -eq $cluster) { return $false }
    $flag = $cluster.Value.PSObject.Properties[$Name]
    return $null -ne $flag -and [bool]$flag.Value
}

function New-StandInClusterError {
    # Returns an error record of a cluster cmdlet. Since Windows Server 2016 its id names the cause; before, it names the cmdlet.
    param(
        [Parameter(Mandatory)] $State,
        [Parameter(Mandatory)] [string] $Cmdlet,
        [Parameter(Mandatory)] [string] $Message,
        [Parameter(Mandatory)] [string] $Id,
        [int] $Code = 0,
        [System.Management.Automation.ErrorCategory] $Category = [System.Management.Automation.ErrorCategory]::NotSpecified
    )

    if (Get-StandInClusterFlag -State $State -Name 'old_errors') {
        $Id = $Cmdlet
        $Category = [System.Management.Automation.ErrorCategory]::NotSpecified
    }
    $class = $script:StandInClusterCommands[$Cmdlet]
    if (-not $class) { $class = $Cmdlet.Replace('-', '') + 'Command' }
    if ($Code -ne 0 -and (Get-StandInClusterFlag -State $State -Name 'localized')) { $Message = "Fehler bei Cmdlet $Cmdlet." }
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    if ($Code -ne 0) { $exception | Add-Member -MemberType NoteProperty -Name ErrorCode -Value $Code }
    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, "$Id,Microsoft.FailoverClusters.PowerShell.$class", $Category, $null
}

function Assert-StandInCluster {
    # Throws when this host is not a cluster node, its cluster service is stopped, or the account has no access. The first two look the same.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet)

    if (-not $State.host.cluster -or (Get-StandInClusterFlag -State $State -Name 'service_stopped')) {
        throw (New-StandInClusterError -State $State -Cmdlet $Cmdlet -Id 'ClusterEndpointNotRegistered' -Code 0x800706D9 -Category ConnectionError -Message (
                "The cluster service is not running.  Make sure that the service is running on all nodes in the cluster.`r`n" +
                '    There are no more endpoints available from the endpoint mapper'))
    }
    if (Get-StandInClusterFlag -State $State -Name 'access_denied') {
        throw (New-StandInClusterError -State $State -Cmdlet $Cmdlet -Id 'ClusterAccessDenied' -Code 0x80070005 -Category PermissionDenied -Message (
                "You do not have administrative privileges on the cluster. Contact your network administrator to request access.`r`n    Access is denied"))
    }
}

function New-StandInNode {
    # Returns the object of a node. As text it is its name.
    param([Parameter(Mandatory)] [string] $Name)

    $node = [pscustomobject]@{ PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterNode'; Name = $Name; State = 'Up' }
    return $node | Add-Member -MemberType ScriptMethod -Name ToString -Value { $this.Name } -Force -PassThru
}

function Get-StandInRole {
    # Returns the roles of the cluster: those of the virtual machines of all nodes, and the other groups, which this node owns.
    param([Parameter(Mandatory)] $State)

    foreach ($name in @('Cluster Group') + @($State.host.cluster_groups)) {
        @{ Name = $name; Node = [string]$State.host.name; Id = ''; Type = 'Cluster'; State = 'Online' }
    }
    $states = New-Object -TypeName System.Collections.ArrayList
    $null = $states.Add($State)
    $nodes = $State.host.PSObject.Properties['cluster_nodes']
    if ($null -ne $nodes) {
        # The files of other nodes are read without their locks: a file is replaced as a whole, and two nodes never wait for each other.
        foreach ($path in @($nodes.Value)) { $null = $states.Add((ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path)))) }
    }
    foreach ($node in $states) {
        foreach ($vm in $node.vms) {
            if (-not $vm.clustered) { continue }
            $name = $vm.name
            if ($vm.cluster_role) { $name = $vm.cluster_role }
            $online = 'Offline'
            if ($vm.state -eq 'Running') { $online = 'Online' }
            @{ Name = $name; Node = [string]$node.host.name; Id = $vm.id; Type = 'VirtualMachine'; State = $online }
        }
    }
}

function ConvertTo-StandInGroup {
    # Returns the object of a role.
    param([Parameter(Mandatory)] $Role)

    $group = [pscustomobject]@{
        PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterGroup'
        Name = $Role.Name; OwnerNode = (New-StandInNode -Name $Role.Node); State = $Role.State; GroupType = $Role.Type; IsCoreGroup = ($Role.Type -eq 'Cluster')
    }
    return $group | Add-Member -MemberType ScriptMethod -Name ToString -Value { $this.Name } -Force -PassThru
}
