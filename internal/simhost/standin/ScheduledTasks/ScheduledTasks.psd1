@{
    ModuleVersion     = '1.0.0.0'
    GUID              = '2c0a6b0e-5a0b-4b55-9d2f-6f3b7f2f4c11'
    Description       = 'A stand-in for the ScheduledTasks module: tasks that start a process once'
    PowerShellVersion = '5.1'
    RootModule        = 'ScheduledTasks.psm1'
    FunctionsToExport = @('New-ScheduledTaskAction', 'New-ScheduledTaskPrincipal', 'New-ScheduledTaskSettingsSet', 'Register-ScheduledTask', 'Start-ScheduledTask', 'Unregister-ScheduledTask')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
}
