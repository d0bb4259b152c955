# The host's failover cluster: roles of virtual machines, the node that owns one, and the folders that all nodes share.

function Get-ClusterState {
    # Returns the Name of the host's cluster; without a name, Problem is the message id of why there is none, and Reason its error.
    if ($null -eq (Get-Module -Name 'FailoverClusters') -and $null -eq (Get-Module -Name 'FailoverClusters' -ListAvailable)) {
        $problem = 'host_not_clustered'
        if (Test-ClusterMember) { $problem = 'cluster_tools_missing' }
        return @{ Name = ''; Problem = $problem; Reason = '' }
    }
    try {
        return @{ Name = [string](Get-Cluster).Name; Problem = ''; Reason = '' }
    } catch {
        return @{ Name = ''; Problem = (Get-ClusterProblem -ErrorRecord $_); Reason = (Get-FailureMessage -ErrorRecord $_) }
    }
}

function Get-ClusterProblem {
    # Returns the message id for an error of a cluster cmdlet. Its ids and categories differ between versions of Windows and its texts are
    # localised, so that the error code and the system's own text for it are compared as well.
    param([Parameter(Mandatory)] $ErrorRecord)

    $id = [string]$ErrorRecord.FullyQualifiedErrorId
    if ($id -like 'ClusterAccessDenied*' -or (Test-ErrorCode -Exception $ErrorRecord.Exception -Code 5 -Text 'Access is denied')) { return 'cluster_access_denied' }
    if ($id -like 'ClusterEndpointNotRegistered,*' -or (Test-ErrorCode -Exception $ErrorRecord.Exception -Code 1753 -Text 'no more endpoints available')) {
        # A host with the tools that is not a node fails in the same way as a node whose cluster service is stopped.
        if (Test-ClusterMember) { return 'cluster_service_stopped' }
        return 'host_not_clustered'
    }
    return 'cluster_unreachable'
}

function Test-ErrorCode {
    # Reports whether an exception of a cluster cmdlet has a code of Windows, its HRESULT included, or a message with the system's text
    # for the code, or with Text, which is a part of the English one.
    param([Parameter(Mandatory)] [System.Exception] $Exception, [Parameter(Mandatory)] [int] $Code, [Parameter(Mandatory)] [string] $Text)

    $found = Get-OptionalProperty -Value $Exception -Name 'ErrorCode'
    if ($null -ne $found -and ($found -band 0xFFFF) -eq $Code) { return $true }
    $own = (New-Object -TypeName System.ComponentModel.Win32Exception -ArgumentList $Code).Message.TrimEnd('.')
    foreach ($part in $own, $Text) { if ($Exception.Message.IndexOf($part, [System.StringComparison]::OrdinalIgnoreCase) -ge 0) { return $true } }
    return $false
}

function Test-ClusterMember {
    # Reports whether the host has joined a cluster: until then, and after it has left, its cluster service is disabled (4). An
    # administrator can disable the service of a node too, which keeps the name of its cluster.
    foreach ($value in @{ Path = ''; Name = 'Start' }, @{ Path = '\Parameters'; Name = 'ClusterName' }) {
        try {
            $found = Get-MemberValue -Name $value.Name -Value (
                Get-ItemProperty -LiteralPath ('HKLM:\SYSTEM\CurrentControlSet\Services\ClusSvc' + $value.Path) -Name $value.Name)
        } catch {
            $null = $_ # Without the failover clustering feature there is no such service, and before a node joins there is no name.
            continue
        }
        if ($value.Name -eq 'Start') { if ([int]$found -lt 4) { return $true } } elseif ($found) { return $true }
    }
    return $false
}

function New-ClusterFinding {
    # Returns the finding about a field for a state of the cluster that has a problem.
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $State)

    $values = @{ host = $Machine.Name; reason = $State.Reason }
    return New-JobFinding -Field $Field -MessageId $State.Problem -Values $values
}

function Get-ClusterFinding {
    # Returns the findings about a virtual machine that is to become a role of the host's cluster. Name is empty when it already has
    # its role, or its name is not known yet. Folders are those of its files.
    param(
        [Parameter(Mandatory)] $Machine, [AllowEmptyString()] [string] $Name, [AllowEmptyString()] [string] $VMId,
        [AllowEmptyCollection()] [string[]] $Folders = @()
    )

    $state = Get-ClusterState
    if ($state.Problem) { return New-ClusterFinding -Field 'vm_clustered' -Machine $Machine -State $state }
    try {
        if ($Name) {
            foreach ($group in @(Get-ClusterGroup)) {
                if ((Test-SameName -Left $group.Name -Right $Name) -and [string]$group.GroupType -ne 'VirtualMachine') {
                    New-JobFinding -Field 'vm_name' -MessageId 'cluster_group_exists' -Values @{ cluster = $state.Name; name = $Name }
                }
            }
            Get-ClusterNameFinding -Machine $Machine -Cluster $state.Name -Name $Name -VMId $VMId
        }
        Get-SharedFolderFinding -Folders $Folders
    } catch {
        $state.Problem = Get-ClusterProblem -ErrorRecord $_
        $state.Reason = Get-FailureMessage -ErrorRecord $_
        New-ClusterFinding -Field 'vm_clustered' -Machine $Machine -State $state
    }
}

function Get-ClusterNameFinding {
    # Returns a finding when a virtual machine of another node has a role of the name: it can move to this host at any time.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Cluster, [Parameter(Mandatory)] [string] $Name, [AllowEmptyString()] [string] $VMId)

    foreach ($group in @(Get-ClusterGroup)) {
        if (-not (Test-SameName -Left $group.Name -Right $Name) -or [string]$group.GroupType -ne 'VirtualMachine') { continue }
        $id = Get-ClusterRoleId -Group $group
        if ($id -eq $VMId) { continue }
        $node = [string]$group.OwnerNode.Name
        if ((Test-SameName -Left $node -Right $Machine.Name) -and $null -ne (Find-VMByName -Name $Name -ExceptId $VMId)) { continue } # reported with the names of this host
        New-JobFinding -Field 'vm_name' -VMId $id -MessageId 'vm_name_taken_cluster' -Values @{ name = $group.Name; cluster = $Cluster; node = $node; id = $id }
    }
}

function Get-ClusterRoleId {
    # Returns the GUID of the virtual machine of a group, or an empty string.
    param([Parameter(Mandatory)] $Group)

    $resources = @($Group | Get-ClusterResource | Where-Object -FilterScript { [string]$_.ResourceType -eq 'Virtual Machine' })
    foreach ($parameter in @($resources | Get-ClusterParameter -Name 'VmID')) { return ([string]$parameter.Value).Trim('{', '}').ToLowerInvariant() }
    return ''
}

function Get-SharedFolderFinding {
    # Returns a finding for the first folder that other nodes cannot reach: one that is neither on a cluster shared volume nor on a share.
    param([AllowEmptyCollection()] [string[]] $Folders)

    $volumes = @(Get-SharedVolume | ForEach-Object -Process { $_.FriendlyVolumeName })
    foreach ($folder in $Folders) {
        if (-not $folder -or $folder -match '^\\\\[^?.\\]' -or $null -ne (Find-SharedVolume -Folder $folder)) { continue }
        $id = 'folder_not_shared'
        if ($volumes.Count -eq 0) { $id = 'folder_not_shared_no_volume' }
        New-JobFinding -Field 'vm_clustered' -MessageId $id -Values @{ folder = $folder; volumes = (Join-AgentText -Text $volumes) }
        return
    }
}

function Get-SharedVolume {
    # Returns the SharedVolumeInfo of each cluster shared volume.
    foreach ($volume in @(Get-ClusterSharedVolume)) { @($volume.SharedVolumeInfo) }
}

function Find-SharedVolume {
    # Returns the SharedVolumeInfo of the cluster shared volume that contains a folder, or nothing.
    param([Parameter(Mandatory)] [string] $Folder)

    foreach ($info in @(Get-SharedVolume)) {
        $root = $info.FriendlyVolumeName
        if ((Test-SamePath -Left $root -Right $Folder) -or (Test-WithinFolder -Folder $root -Path $Folder)) { return $info }
    }
}

function Get-MachineFolder {
    # Returns the folders of an existing virtual machine: of its configuration and of its disks. Call it within @( ).
    param([Parameter(Mandatory)] [string] $VMId)

    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm) { return }
    if ($vm.Path) { [string]$vm.Path }
    foreach ($drive in @($vm.HardDrives)) {
        # A physical disk has no path; it is a separate resource of the cluster.
        if ([System.IO.Path]::IsPathRooted([string]$drive.Path)) { [System.IO.Path]::GetDirectoryName([string]$drive.Path) }
    }
}

function Get-VMLocation {
    # Returns where a virtual machine is that Get-VM does not show: Node is the node that owns its role, or an empty string. Problem is
    # the message id of why the cluster cannot be asked; a host without a cluster has none.
    param([Parameter(Mandatory)] [string] $Id)

    $state = Get-ClusterState
    if ($state.Problem -eq 'host_not_clustered') { return @{ Node = ''; Problem = ''; Reason = '' } }
    if ($state.Problem) { return @{ Node = ''; Problem = $state.Problem; Reason = $state.Reason } }
    $node = ''
    try {
        $groups = @(Get-ClusterGroup -VMId $Id)
        if ($groups.Count -gt 0) { $node = [string]$groups[0].OwnerNode.Name }
    } catch {
        # Whether the cmdlet fails or returns nothing for a virtual machine without a role is not documented: all roles show it.
        try {
            foreach ($group in @(Get-ClusterGroup | Where-Object -FilterScript { [string]$_.GroupType -eq 'VirtualMachine' })) {
                if ((Get-ClusterRoleId -Group $group) -ne $Id) { continue }
                $node = [string]$group.OwnerNode.Name
                break
            }
        } catch {
            return @{ Node = ''; Problem = (Get-ClusterProblem -ErrorRecord $_); Reason = (Get-FailureMessage -ErrorRecord $_) }
        }
    }
    return @{ Node = $node; Problem = ''; Reason = '' }
}

function Find-OwnedVM {
    # Returns the virtual machine with a GUID, or nothing when neither the host nor another node of its cluster has it. Throws
    # vm_elsewhere when another node has it, and when the cluster cannot be asked.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Id)

    $vm = Find-HostVM -Id $Id
    if ($null -ne $vm) { return $vm }
    $location = Get-VMLocation -Id $Id
    if ($location.Problem) {
        $problem = Get-AgentMessage -Id $location.Problem -Values @{ host = $Machine.Name; reason = $location.Reason }
        throw (New-AgentError -MessageId 'vm_location_unknown' -Values @{ id = $Id; host = $Machine.Name; reason = $problem.Message; remedy = $problem.Remedy })
    }
    if (-not $location.Node) { return }
    if (Test-SameName -Left $location.Node -Right $Machine.Name) { return Find-HostVM -Id $Id } # it arrived meanwhile, or only its role is left
    throw (New-AgentError -MessageId 'vm_elsewhere' -Values @{ id = $Id; host = $Machine.Name; node = $location.Node })
}

function Get-ElsewhereList {
    # Returns what is known of virtual machines that a client asked for and that are not on this host: the node that owns each, or the
    # message and remedy of why the cluster cannot be asked. Those that no node has are missing. Call it within @( ).
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Missing)

    foreach ($id in $Missing) {
        $location = Get-VMLocation -Id $id
        if ($location.Problem) {
            $problem = Get-AgentMessage -Id $location.Problem -Values @{ host = $Machine.Name; reason = $location.Reason }
            [ordered]@{ id = $id; node = ''; message = $problem.Message; remedy = $problem.Remedy }
        } elseif ($location.Node -and (-not (Test-SameName -Left $location.Node -Right $Machine.Name) -or $null -ne (Find-HostVM -Id $id))) {
            [ordered]@{ id = $id; node = $location.Node } # this host, if it arrived meanwhile: the client asks again
        }
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
