# A stand-in for the FailoverClusters module. It shares the state file of the stand-in for Hyper-V, whose folder is next to this one.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'State.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'Volume.ps1'))

function Get-Cluster {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-Cluster' -Action {
        param($state)
        Assert-StandInCluster -State $state -Cmdlet 'Get-Cluster'
        [pscustomobject]@{ PSTypeName = 'Microsoft.FailoverClusters.PowerShell.Cluster'; Name = $state.host.cluster }
    }
}

function Assert-StandInCluster {
    # Throws when the host is not a cluster node.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet)

    if (-not $State.host.cluster) {
        throw (New-StandInError -Cmdlet $Cmdlet -Message "The cluster service is not running on node $($State.host.name).")
    }
}

function Get-StandInGroup {
    # Returns the names of all groups.
    param([Parameter(Mandatory)] $State)

    'Cluster Group'
    $State.host.cluster_groups
    foreach ($vm in $State.vms) {
        if (-not $vm.clustered) { continue }
        if ($vm.cluster_role) { $vm.cluster_role } else { $vm.name }
    }
}

function Get-ClusterGroup {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-ClusterGroup' -Action {
        param($state)
        Assert-StandInCluster -State $state -Cmdlet 'Get-ClusterGroup'
        foreach ($name in @(Get-StandInGroup -State $state)) {
            [pscustomobject]@{ PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterGroup'; Name = $name; OwnerNode = $state.host.name; State = 'Online' }
        }
    }
}

function Get-ClusterResource {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-ClusterResource' -Action {
        param($state)
        Assert-StandInCluster -State $state -Cmdlet 'Get-ClusterResource'
        [pscustomobject]@{
            PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterResource'
            Name = 'Cluster IP Address'; ResourceType = 'IP Address'; OwnerGroup = [pscustomobject]@{ Name = 'Cluster Group' }
        }
        foreach ($vm in $state.vms) {
            if (-not $vm.clustered) { continue }
            $role = $vm.name
            if ($vm.cluster_role) { $role = $vm.cluster_role }
            [pscustomobject]@{
                PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterResource'
                Name = "Virtual Machine $role"; ResourceType = 'Virtual Machine'; OwnerGroup = [pscustomobject]@{ Name = $role }; VMId = $vm.id
            }
        }
    }
}

function Get-ClusterParameter {
    # Supports the VmID parameter of virtual machines. All objects of the pipeline count as one call.
    [CmdletBinding()]
    param([Parameter(Position = 0)] [System.Collections.Specialized.StringCollection] $Name, [Parameter(ValueFromPipeline)] [psobject] $InputObject)

    begin { $objects = New-Object -TypeName System.Collections.ArrayList }
    process { $null = $objects.Add($InputObject) }
    end {
        Invoke-StandIn -Cmdlet 'Get-ClusterParameter' -Action {
            foreach ($object in $objects) {
                if ($Name -notcontains 'VmID') { continue }
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterParameter'
                    ClusterObject = $object; Name = 'VmID'; IsReadOnly = $false; ParameterType = 'String'; Value = $object.VMId
                }
            }
        }
    }
}

function Get-ClusterSharedVolume {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-ClusterSharedVolume' -Action {
        param($state)
        Assert-StandInCluster -State $state -Cmdlet 'Get-ClusterSharedVolume'
        foreach ($volume in $state.host.shared_volumes) {
            $partition = [pscustomobject]@{ Size = [long]$volume.size_bytes; FreeSpace = (Get-StandInFreeSpace -Volume $volume) }
            [pscustomobject]@{
                PSTypeName       = 'Microsoft.FailoverClusters.PowerShell.ClusterSharedVolume'
                Name             = 'Cluster Disk'
                State            = 'Online'
                SharedVolumeInfo = [object[]]@([pscustomobject]@{ FriendlyVolumeName = $volume.path; Partition = $partition })
            }
        }
    }
}

function Add-ClusterVirtualMachineRole {
    [CmdletBinding()]
    param([Parameter(ValueFromPipelineByPropertyName)] [guid] $VMId)

    process {
        $id = $VMId.ToString()
        Invoke-StandIn -Cmdlet 'Add-ClusterVirtualMachineRole' -Change -Action {
            param($state)
            Assert-StandInCluster -State $state -Cmdlet 'Add-ClusterVirtualMachineRole'
            $vm = Find-StandInVM -State $state -Cmdlet 'Add-ClusterVirtualMachineRole' -Id $id
            if (@(Get-StandInGroup -State $state) -contains $vm.name) {
                throw (New-StandInError -Cmdlet 'Add-ClusterVirtualMachineRole' -Message "A group with the name '$($vm.name)' exists already in the cluster.")
            }
            $vm.clustered = $true
            $vm.cluster_role = $vm.name
            [pscustomobject]@{ PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterGroup'; Name = $vm.name; OwnerNode = $state.host.name; State = 'Offline' }
        }
    }
}

function Remove-ClusterGroup {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(ValueFromPipelineByPropertyName)] [guid] $VMId, [switch] $RemoveResources, [switch] $Force)

    process {
        if (-not ($Force -or $PSCmdlet.ShouldProcess('cluster group'))) { return }
        if (-not $RemoveResources) { throw (New-StandInError -Cmdlet 'Remove-ClusterGroup' -Message 'The group holds resources.') }
        $id = $VMId.ToString()
        Invoke-StandIn -Cmdlet 'Remove-ClusterGroup' -Change -Action {
            param($state)
            $vm = Find-StandInVM -State $state -Cmdlet 'Remove-ClusterGroup' -Id $id
            $vm.clustered = $false
            $vm.cluster_role = ''
        }
    }
}
