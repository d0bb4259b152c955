# Pausing, saving and resetting virtual machines.

function Assert-StandInState {
    # Throws the error of a cmdlet that the state of a virtual machine does not allow.
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string[]] $Allowed)

    if ($Allowed -contains $VM.state) { return }
    throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidState' -Category InvalidOperation `
            -Message "The operation cannot be performed while the object is in its current state: $($VM.state).")
}

function Suspend-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('virtual machine')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Suspend-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Suspend-VM' -VM $given['VM'] -Name $given['Name'])) {
                Assert-StandInState -Cmdlet 'Suspend-VM' -VM $item -Allowed 'Running'
                $item.state = 'Paused'
            }
        }
    }
}

function Save-VM {
    # https://learn.microsoft.com/powershell/module/hyper-v/save-vm
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('virtual machine')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Save-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Save-VM' -VM $given['VM'] -Name $given['Name'])) {
                Assert-StandInState -Cmdlet 'Save-VM' -VM $item -Allowed 'Running', 'Paused'
                $item.state = 'Saved'
                Update-StandInGuest -State $state -VM $item
            }
        }
    }
}

function Restart-VM {
    # A hard restart: the virtual machine stays running. https://learn.microsoft.com/powershell/module/hyper-v/restart-vm
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [switch] $Force
    )

    process {
        if (-not ($Force -or $PSCmdlet.ShouldProcess('virtual machine'))) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Restart-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Restart-VM' -VM $given['VM'] -Name $given['Name'])) {
                Assert-StandInState -Cmdlet 'Restart-VM' -VM $item -Allowed 'Running'
                $resets = $item.PSObject.Properties['resets']
                $before = 0
                if ($null -ne $resets) { $before = $resets.Value }
                $item | Add-Member -Force -NotePropertyName 'resets' -NotePropertyValue ($before + 1)
                Update-StandInGuest -State $state -VM $item
            }
        }
    }
}
