# What the module does when it is imported, and the objects that it keeps in a process.

function Enable-VMEventing {
    # Forgets the objects that the process keeps, so that they are read anew.
    [CmdletBinding(SupportsShouldProcess)]
    param([switch] $Force)

    if (-not ($Force -or $PSCmdlet.ShouldProcess('eventing'))) { return }
    Invoke-StandIn -Cmdlet 'Enable-VMEventing' -Action { $script:StandInKept = @{} }
}

# The module creates these aliases when it is imported. An alias comes before a function of its name.
foreach ($pair in @(
        @('gvm', 'Get-VM'), @('savm', 'Start-VM'), @('spvm', 'Stop-VM'), @('gvmr', 'Get-VMReplication'), @('mvmr', 'Measure-VMReplication'),
        @('gvmrs', 'Get-VMReplicationServer'), @('Export-VMCheckpoint', 'Export-VMSnapshot'), @('Get-VMCheckpoint', 'Get-VMSnapshot'),
        @('Remove-VMCheckpoint', 'Remove-VMSnapshot'), @('Rename-VMCheckpoint', 'Rename-VMSnapshot'), @('Restore-VMCheckpoint', 'Restore-VMSnapshot')
    )) {
    New-Alias -Name $pair[0] -Value $pair[1]
}
