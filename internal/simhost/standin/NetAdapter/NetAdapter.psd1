@{
    ModuleVersion     = '2.0.0.0'
    GUID              = '7d1f0c52-31a4-4f0e-9a5a-5d2b6c8e4a21'
    Description       = 'A stand-in for the NetAdapter module: the network adapters of a simulated host'
    PowerShellVersion = '5.1'
    RootModule        = 'NetAdapter.psm1'
    FunctionsToExport = @('Get-NetAdapter')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
