# Roles of virtual machines in the host's failover cluster.

function Get-ClusterFinding {
    # Returns the findings about a virtual machine that is to become a role of the host's cluster. Name is empty when it already has
    # its role, or its name is not known yet.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Machine, [AllowEmptyString()] [string] $Name)

    $cluster = Get-AgentCluster -Context $Context
    if (-not $cluster) {
        New-JobFinding -Field 'vm_clustered' -MessageId 'host_not_clustered' -Values @{ host = $Machine.Name }
        return
    }
    if (-not $Name) { return }
    foreach ($group in @(Get-ClusterGroup)) {
        if (-not (Test-SameName -Left $group.Name -Right $Name)) { continue }
        New-JobFinding -Field 'vm_name' -MessageId 'cluster_group_exists' -Values @{ cluster = $cluster; name = $Name }
        return
    }
}

function Invoke-ProvisionCluster {
    # Step cluster: makes the virtual machine a role of the cluster.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM)

    Enter-JobStep -Context $Context -Job $Job -Name 'cluster' -MessageId 'step_cluster_add' -Values @{ cluster = (Get-AgentCluster -Context $Context) }
    $Job.Journal.Clustered = $true
    Save-JobState -Context $Context -Job $Job
    Add-ClusterRoleOfVM -Context $Context -VM $VM
}

function Add-ClusterRoleOfVM {
    # Makes a virtual machine a role of the cluster and verifies it: a group of its name may belong to another.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $VM)

    $null = Add-ClusterVirtualMachineRole -VMId $VM.Id
    if ((Get-ClusterRoleName).ContainsKey($VM.Id.ToString())) { return }
    throw (New-AgentError -MessageId 'cluster_role_missing' -Values @{ cluster = (Get-AgentCluster -Context $Context); id = $VM.Id })
}

function Get-ClusterRoleName {
    # Returns the role names of all virtual machines in the cluster, by virtual machine GUID.
    $roles = @{}
    $resources = @(Get-ClusterResource | Where-Object -FilterScript { [string]$_.ResourceType -eq 'Virtual Machine' })
    foreach ($parameter in @($resources | Get-ClusterParameter -Name 'VmID')) {
        $roles[([string]$parameter.Value).Trim('{', '}').ToLowerInvariant()] = [string]$parameter.ClusterObject.OwnerGroup.Name
    }
    return $roles
}

function Set-JobCluster {
    # Adds the role of a virtual machine, or removes it. Returns the change as text.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [bool] $Clustered)

    $before = ([string]$VM.IsClustered).ToLowerInvariant()
    if ($Clustered -and -not $VM.IsClustered) {
        Add-ClusterRoleOfVM -Context $Context -VM $VM
    } elseif ($VM.IsClustered -and -not $Clustered) {
        $null = Remove-ClusterGroup -VMId $VM.Id -RemoveResources -Force
    }
    return (Get-AgentMessage -Id 'change' -Values @{ after = ([string]$Clustered).ToLowerInvariant(); before = $before }).Message
}
