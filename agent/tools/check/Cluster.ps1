# The failover cluster of the host.

function Test-CheckCluster {
    # Checks the cluster, if the host is a node of one.
    param([AllowEmptyString()] [string] $VMPath)

    $script:CheckCluster = ''
    Invoke-Check -Name 'cluster-membership' -Check {
        $state = Get-CheckService -Name 'ClusSvc'
        if ($state -eq 'Running') {
            $script:CheckCluster = $state
            Write-Finding -Name 'cluster-membership' -Status pass -Message 'The host is a node of a failover cluster.'
        } elseif ($state -and [string](Get-CheckRegistry -Key 'SYSTEM\CurrentControlSet\Services\ClusSvc' -Name 'Start') -eq '2') {
            # A service that starts automatically is that of a cluster node.
            Write-Finding -Name 'cluster-membership' -Status warn -Message "The host is a node of a failover cluster, but the cluster service is $state." -Remedy 'Start-Service -Name ClusSvc'
        } else {
            Write-Finding -Name 'cluster-membership' -Status pass -Message 'The host is not a node of a failover cluster.'
        }
    }
    if (-not $script:CheckCluster) { return }
    Invoke-Check -Name 'cluster-access' -Check {
        try {
            $cluster = Get-Cluster
        } catch {
            if (Test-CheckMissing -ErrorRecord $_) {
                Write-Finding -Name 'cluster-access' -Status fail -Message 'The FailoverClusters module for PowerShell is not installed.' -Remedy 'Install-WindowsFeature -Name RSAT-Clustering-PowerShell'
                return
            }
            Write-Finding -Name 'cluster-access' -Status fail -Message "The account cannot query the cluster: $($_.Exception.Message)" `
                -Remedy 'Run as administrator of the cluster: Grant-ClusterAccess -User ''<account>'' -Full'
            return
        }
        Hide-CheckName -Placeholder '<cluster>' -Name ([string]$cluster.Name)
        Write-Finding -Name 'cluster-access' -Status pass -Message 'The account can query the cluster.'
        Test-CheckClusterFolder -VMPath $VMPath
    }
}

function Test-CheckClusterFolder {
    # Checks that clustered virtual machines are on a cluster shared volume, which all nodes reach.
    param([AllowEmptyString()] [string] $VMPath)

    Invoke-Check -Name 'cluster-vm-path' -Check {
        $folder = Get-CheckFolder -Name 'vm-path' -Given $VMPath
        if (-not $folder) { Write-Finding -Name 'cluster-vm-path' -Status unknown -Message 'The folder of virtual machines is not known.'; return }
        $volume = Get-CheckSharedVolume -Folder $folder
        if ($null -ne $volume) {
            $mount = [System.IO.File]::GetAttributes($volume.FriendlyVolumeName).HasFlag([System.IO.FileAttributes]::ReparsePoint)
            Write-Finding -Name 'cluster-vm-path' -Status pass -Message "The folder of virtual machines is on a cluster shared volume (reparse point: $mount)."
            return
        }
        Write-Finding -Name 'cluster-vm-path' -Status warn -Message 'The folder of virtual machines is not on a cluster shared volume: clustered virtual machines cannot move to another node.' `
            -Remedy 'Set vm_path to a folder below C:\ClusterStorage.'
    }
}
