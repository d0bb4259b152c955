# A stand-in for the FailoverClusters module, over the same state file as the one for Hyper-V, which stands beside it.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'State.ps1'))

function Get-Cluster {
    [CmdletBinding()]
    param()

    Invoke-StandIn -Cmdlet 'Get-Cluster' -Action {
        param($state)
        if (-not $state.host.cluster) {
            throw (New-StandInError -Cmdlet 'Get-Cluster' -Message "The cluster service is not running on node $($state.host.name).")
        }
        [pscustomobject]@{ PSTypeName = 'Microsoft.FailoverClusters.PowerShell.Cluster'; Name = $state.host.cluster }
    }
}

function Add-ClusterVirtualMachineRole {
    [CmdletBinding()]
    param([Parameter(ValueFromPipelineByPropertyName)] [guid] $VMId)

    process {
        $id = $VMId.ToString()
        Invoke-StandIn -Cmdlet 'Add-ClusterVirtualMachineRole' -Change -Action {
            param($state)
            if (-not $state.host.cluster) {
                throw (New-StandInError -Cmdlet 'Add-ClusterVirtualMachineRole' -Message "The cluster service is not running on node $($state.host.name).")
            }
            $vm = Find-StandInVM -State $state -Cmdlet 'Add-ClusterVirtualMachineRole' -Id $id
            $vm.clustered = $true
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
            (Find-StandInVM -State $state -Cmdlet 'Remove-ClusterGroup' -Id $id).clustered = $false
        }
    }
}
