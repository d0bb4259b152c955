@{
    ModuleVersion     = '1.0.0.0'
    GUID              = 'c1f5a7d0-1f0a-4d8e-9f43-2f8b8f2f6e31'
    Description       = 'A stand-in for commands of Windows outside of Hyper-V that the check of a host calls'
    PowerShellVersion = '5.1'
    RootModule        = 'WindowsHost.psm1'
    FunctionsToExport = @(
        'Get-ExecutionPolicy', 'Get-ItemProperty', 'Get-MpPreference', 'Get-Service', 'Get-WSManInstance', 'whoami.exe'
    )
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
