# A stand-in for the FailoverClusters module. It shares the state file of the stand-in for Hyper-V, whose folder is next to this one.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'State.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'Volume.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'State.ps1'))

# Get-ItemProperty for the registry: only it tells a stopped cluster service from that of a host which is not a node.
if ($null -eq (Get-Command -Name 'Get-ItemProperty' -CommandType Function -ErrorAction SilentlyContinue)) {
    Import-Module -Name ([System.IO.Path]::Combine($PSScriptRoot, '..', 'WindowsHost')) -Global -Verbose:$false
}

function Get-Cluster {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-Cluster' -Action {
        param($state)
        Assert-StandInCluster -State $state -Cmdlet 'Get-Cluster'
        [pscustomobject]@{ PSTypeName = 'Microsoft.FailoverClusters.PowerShell.Cluster'; Name = $state.host.cluster }
    }
}

function Get-ClusterGroup {
    [CmdletBinding()]
    param([guid] $VMId)

    $byId = $PSBoundParameters.ContainsKey('VMId')
    Invoke-StandIn -Cmdlet 'Get-ClusterGroup' -Action {
        param($state)
        Assert-StandInCluster -State $state -Cmdlet 'Get-ClusterGroup'
        $roles = @(Get-StandInRole -State $state | Where-Object -FilterScript { -not $byId -or $_.Id -eq $VMId.ToString() })
        if ($byId -and $roles.Count -eq 0 -and (Get-StandInClusterFlag -State $state -Name 'missing_vm_fails')) {
            throw (New-StandInClusterError -State $state -Cmdlet 'Get-ClusterGroup' -Id 'ClusterObjectNotFound' -Category ObjectNotFound `
                    -Message "Failed to find the virtual machine '$VMId' in the cluster.")
        }
        foreach ($role in $roles) { ConvertTo-StandInGroup -Role $role }
    }
}

function Get-ClusterResource {
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline)] [psobject] $InputObject)

    begin { $groups = New-Object -TypeName System.Collections.ArrayList }
    process { if ($null -ne $InputObject) { $null = $groups.Add($InputObject.Name) } }
    end {
        Invoke-StandIn -Cmdlet 'Get-ClusterResource' -Action {
            param($state)
            Assert-StandInCluster -State $state -Cmdlet 'Get-ClusterResource'
            foreach ($role in @(Get-StandInRole -State $state)) {
                if ($groups.Count -gt 0 -and $groups -notcontains $role.Name) { continue }
                $types = @('IP Address')
                if ($role.Id) { $types = @('Virtual Machine', 'Virtual Machine Configuration') } elseif ($role.Name -ne 'Cluster Group') { continue }
                foreach ($type in $types) {
                    $name = 'Cluster IP Address'
                    if ($role.Id) { $name = "$type $($role.Name)" }
                    [pscustomobject]@{
                        PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterResource'
                        Name = $name; ResourceType = $type; OwnerGroup = (ConvertTo-StandInGroup -Role $role); OwnerNode = (New-StandInNode -Name $role.Node); State = $role.State
                    }
                }
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
            param($state)
            Assert-StandInCluster -State $state -Cmdlet 'Get-ClusterParameter'
            $ids = @{}
            foreach ($role in @(Get-StandInRole -State $state)) { $ids[$role.Name] = $role.Id }
            foreach ($object in $objects) {
                if ($Name -notcontains 'VmID' -or $object.ResourceType -notlike 'Virtual Machine*') { continue }
                [pscustomobject]@{
                    PSTypeName = 'Microsoft.FailoverClusters.PowerShell.ClusterParameter'
                    ClusterObject = $object; Name = 'VmID'; IsReadOnly = $false; ParameterType = 'String'; Value = $ids[$object.OwnerGroup.Name]
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
            if (@(Get-StandInRole -State $state | ForEach-Object -Process { $_.Name }) -contains $vm.name) {
                throw (New-StandInError -Cmdlet 'Add-ClusterVirtualMachineRole' -Message "A group with the name '$($vm.name)' exists already in the cluster.")
            }
            $vm.clustered = $true
            $vm.cluster_role = $vm.name
            ConvertTo-StandInGroup -Role @{ Name = $vm.name; Node = [string]$state.host.name; State = 'Offline'; Type = 'VirtualMachine' }
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
            Assert-StandInCluster -State $state -Cmdlet 'Remove-ClusterGroup'
            $vm = Find-StandInVM -State $state -Cmdlet 'Remove-ClusterGroup' -Id $id
            $vm.clustered = $false
            $vm.cluster_role = ''
        }
    }
}
