# The role of a virtual machine in the host's failover cluster.

function Find-ClusterFinding {
    # Gives the findings about a machine that is to be a role of the host's cluster. Name is empty when it has its role already, or
    # will be named later.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Machine, [AllowEmptyString()] [string] $Name)

    $cluster = Get-AgentCluster -Context $Context
    if (-not $cluster) {
        New-JobFinding -Field 'vm_clustered' -Code 'cluster' -Message "host $($Machine.Name) is not a member of a failover cluster" `
            -Remedy 'set vm_clustered to false, or use a clustered host'
        return
    }
    if (-not $Name) { return }
    foreach ($group in @(Get-ClusterGroup)) {
        if (-not (Test-SameName -Left $group.Name -Right $Name)) { continue }
        New-JobFinding -Field 'vm_name' -Code 'cluster' -Message "cluster '$cluster' has a group named '$Name' already" `
            -Remedy 'choose another name, or remove that group'
        return
    }
}

function Invoke-ProvisionCluster {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM)

    Enter-JobStep -Context $Context -Job $Job -Name 'cluster' -Message "add the virtual machine to cluster '$(Get-AgentCluster -Context $Context)'"
    $Job.Made.Clustered = $true
    Save-JobState -Context $Context -Job $Job
    Add-AgentRole -Context $Context -VM $VM
}

function Add-AgentRole {
    # Makes a machine a role of the cluster, and looks whether it is one: a group of its name may be another's.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $VM)

    $null = Add-ClusterVirtualMachineRole -VMId $VM.Id
    if ((Get-ClusterRole).ContainsKey($VM.Id.ToString())) { return }
    throw (New-AgentError -Code 'step_failed' `
            -Message "cluster '$(Get-AgentCluster -Context $Context)' has no role of virtual machine $($VM.Id), though it was added")
}

function Get-ClusterRole {
    # Gives the names of the roles of all virtual machines in the cluster, by the machines' GUIDs.
    $roles = @{}
    $resources = @(Get-ClusterResource | Where-Object -FilterScript { [string]$_.ResourceType -eq 'Virtual Machine' })
    foreach ($parameter in @($resources | Get-ClusterParameter -Name 'VmID')) {
        $roles[([string]$parameter.Value).Trim('{', '}').ToLowerInvariant()] = [string]$parameter.ClusterObject.OwnerGroup.Name
    }
    return $roles
}

function Set-JobCluster {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [bool] $Clustered)

    $before = ([string]$VM.IsClustered).ToLowerInvariant()
    if ($Clustered -and -not $VM.IsClustered) {
        Add-AgentRole -Context $Context -VM $VM
    } elseif ($VM.IsClustered -and -not $Clustered) {
        $null = Remove-ClusterGroup -VMId $VM.Id -RemoveResources -Force
    }
    return "$(([string]$Clustered).ToLowerInvariant()), was $before"
}
