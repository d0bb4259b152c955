@{
    ModuleVersion     = '1.0.0.0'
    GUID              = '0f6a3c1e-9b6d-4d3f-8c57-2a9e4b7d1c35'
    Description       = 'A stand-in for the NetTCPIP module: addresses, routes and connections of a simulated host'
    PowerShellVersion = '5.1'
    RootModule        = 'NetTCPIP.psm1'
    FunctionsToExport = @('Get-NetIPAddress', 'Get-NetRoute', 'Get-NetTCPConnection')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
