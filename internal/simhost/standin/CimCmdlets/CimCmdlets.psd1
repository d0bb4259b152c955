@{
    ModuleVersion     = '1.0.0.0'
    GUID              = '7b1f4f1e-0a5e-4d7c-8f43-3f0c2d9f6a55'
    Description       = 'A stand-in for the CimCmdlets module: it starts processes that outlive their parent, and has the classes of Hyper-V'
    PowerShellVersion = '5.1'
    RootModule        = 'CimCmdlets.psm1'
    FunctionsToExport = @('Get-CimInstance', 'Invoke-CimMethod', 'New-CimInstance')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
