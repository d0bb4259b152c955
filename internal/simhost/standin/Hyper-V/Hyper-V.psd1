@{
    ModuleVersion     = '2.0.0.0'
    GUID              = '5a3f3a52-7f0e-4a1c-9c0d-0f6b6a1d2e11'
    Description       = 'A stand-in for the Hyper-V module, over the state file of a simulated host'
    PowerShellVersion = '5.1'
    RootModule        = 'Hyper-V.psm1'
    FunctionsToExport = @(
        'Checkpoint-VM',
        'Add-VMDvdDrive', 'Add-VMHardDiskDrive', 'Add-VMNetworkAdapter', 'Connect-VMNetworkAdapter', 'Disable-VMIntegrationService', 'Disable-VMTPM', 'Disconnect-VMNetworkAdapter',
        'Enable-VMEventing', 'Enable-VMIntegrationService', 'Enable-VMTPM', 'Export-VM', 'Get-VHD', 'Get-VM', 'Get-VMBios', 'Get-VMDvdDrive', 'Get-VMFirmware', 'Get-VMHardDiskDrive', 'Get-VMHost', 'Get-VMHostNumaNode',
        'Get-VMIntegrationService', 'Get-VMKeyProtector', 'Get-VMMemory', 'Get-VMNetworkAdapter', 'Get-VMNetworkAdapterVlan', 'Get-VMProcessor', 'Get-VMSecurity', 'Get-VMSnapshot', 'Get-VMSwitch', 'New-VHD',
        'New-VM', 'New-VMSwitch', 'Remove-VM', 'Remove-VMSwitch', 'Set-VMSwitch', 'Remove-VMDvdDrive', 'Remove-VMHardDiskDrive', 'Remove-VMNetworkAdapter', 'Remove-VMSnapshot', 'Rename-VM',
        'Resize-VHD', 'Restart-VM', 'Restore-VMSnapshot', 'Resume-VM', 'Save-VM', 'Set-VM', 'Set-VMBios', 'Set-VMDvdDrive', 'Set-VMFirmware', 'Set-VMKeyProtector', 'Set-VMMemory', 'Set-VMNetworkAdapter',
        'Set-VMNetworkAdapterVlan', 'Set-VMProcessor', 'Start-VM', 'Stop-VM', 'Suspend-VM'
    )
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @(
        'Export-VMCheckpoint', 'Get-VMCheckpoint', 'Remove-VMCheckpoint', 'Rename-VMCheckpoint', 'Restore-VMCheckpoint', 'gvm', 'gvmr', 'gvmrs', 'mvmr',
        'savm', 'spvm'
    )
}
