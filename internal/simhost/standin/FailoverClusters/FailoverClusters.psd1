@{
    ModuleVersion     = '2.0.0.0'
    GUID              = '8f0d2f3e-58a2-4b0e-8a70-0c1f5f0c7d42'
    Description       = 'A stand-in for the FailoverClusters module, over the state file of a simulated host'
    PowerShellVersion = '5.1'
    RootModule        = 'FailoverClusters.psm1'
    FunctionsToExport = @(
        'Add-ClusterVirtualMachineRole', 'Get-Cluster', 'Get-ClusterGroup', 'Get-ClusterParameter', 'Get-ClusterResource', 'Get-ClusterSharedVolume',
        'Remove-ClusterGroup'
    )
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
