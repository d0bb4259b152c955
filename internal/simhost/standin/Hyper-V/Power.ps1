# Shutting down guests, and resuming virtual machines.

function Get-StandInShutdown {
    # Returns how the shutdown service of a guest behaves, or nothing when it works.
    param([Parameter(Mandatory)] $VM)

    $property = $VM.PSObject.Properties['shutdown']
    if ($null -eq $property -or $null -eq $property.Value) { return }
    return $property.Value
}

function Test-StandInShutdownReady {
    # Reports whether the shutdown service of a guest responds.
    param([Parameter(Mandatory)] $VM)

    $service = Get-StandInShutdown -VM $VM
    return $null -eq $service -or -not ($service.not_ready -or $service.disabled -or $service.ready_after -gt 0)
}

function Test-StandInShutdownIgnored {
    # Reports whether a guest keeps running when it is asked to shut down.
    param([Parameter(Mandatory)] $VM)

    $service = Get-StandInShutdown -VM $VM
    return $null -ne $service -and $service.ignored
}

function Stop-StandInGuest {
    <#
    .SYNOPSIS
    Shuts down a guest as Stop-VM without -TurnOff and -Save does.
    .DESCRIPTION
    Where the shutdown service does not respond, the cmdlet asks whether to turn the virtual machine off, and -Force answers yes. With
    -Force it also turns the virtual machine off when the guest refuses. https://github.com/kubev2v/forklift/pull/8407, and
    https://learn.microsoft.com/powershell/module/hyper-v/stop-vm for the time that the guest has.
    #>
    param([Parameter(Mandatory)] $VM, [switch] $Force)

    if ((Test-StandInShutdownReady -VM $VM) -and -not (Test-StandInShutdownIgnored -VM $VM)) { return }
    if (-not $Force) {
        if (Test-StandInShutdownReady -VM $VM) { throw (New-StandInError -Cmdlet 'Stop-VM' -Message "'$($VM.name)' failed to shut down.") }
        throw (New-StandInError -Cmdlet 'Stop-VM' -Id 'InvalidOperation' -Category InvalidOperation `
                -Message 'Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.')
    }
    Add-Member -InputObject $VM -MemberType NoteProperty -Name 'power_cut' -Value $true -Force
}

function Resume-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('virtual machine')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Resume-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Resume-VM' -VM $given['VM'] -Name $given['Name'])) {
                if ($item.state -eq 'Running') { continue }
                if ($item.state -ne 'Paused') {
                    throw (New-StandInError -Cmdlet 'Resume-VM' -Id 'InvalidState' -Category InvalidOperation `
                            -Message "The operation cannot be performed while the virtual machine is in its current state. '$($item.name)' is $($item.state).")
                }
                $item.state = 'Running'
                Update-StandInGuest -State $state -VM $item
            }
        }
    }
}
