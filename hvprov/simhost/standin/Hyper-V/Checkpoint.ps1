# Checkpoints. Since a checkpoint was created, the drives of the virtual machine use differencing disks.

function Get-StandInCheckpoint {
    # Returns the checkpoints of a virtual machine. Call it within @( ).
    param([Parameter(Mandatory)] $VM)

    $property = $VM.PSObject.Properties['checkpoints']
    if ($null -ne $property) { $property.Value }
}

function Test-StandInAutomatic {
    # Reports whether a checkpoint is an automatic one.
    param([Parameter(Mandatory)] $Checkpoint)

    $property = $Checkpoint.PSObject.Properties['automatic']
    return $null -ne $property -and [bool]$property.Value
}

function Complete-StandInCheckpoint {
    # Ends the automatic checkpoints of a virtual machine that stops. Whether they also end when it is turned off is not documented.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [bool] $TurnedOff)

    $all = @(Get-StandInCheckpoint -VM $VM)
    if ($all.Count -eq 0 -or ($TurnedOff -and (Get-StandInVariant -State $State -Name 'automatic_checkpoint_turn_off') -eq 'kept')) { return }
    $VM.checkpoints = [object[]]@($all | Where-Object -FilterScript { -not (Test-StandInAutomatic -Checkpoint $_) })
    if ($VM.checkpoints.Count -eq 0 -and $all.Count -gt 0) { Merge-StandInDisk -VM $VM }
}

function Get-VMSnapshot {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMSnapshot' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMSnapshot' -VM $given['VM'] -Name $given['VMName'])) {
                foreach ($checkpoint in @(Get-StandInCheckpoint -VM $item)) {
                    [pscustomobject]@{
                        PSTypeName = 'Microsoft.HyperV.PowerShell.VMSnapshot'
                        Id = [guid]$checkpoint.id; Name = $checkpoint.name; VMId = [guid]$item.id; VMName = $item.name; SnapshotType = 'Standard'
                        IsAutomaticCheckpoint = Test-StandInAutomatic -Checkpoint $checkpoint; IsDeleted = $false
                    }
                }
            }
        }
    }
}

function Remove-VMSnapshot {
    [CmdletBinding(DefaultParameterSetName = 'SnapshotObject', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'SnapshotObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMSnapshot)

    process {
        if (-not $PSCmdlet.ShouldProcess('checkpoint')) { return }
        $given = $VMSnapshot
        Invoke-StandIn -Cmdlet 'Remove-VMSnapshot' -Change -Action {
            param($state)
            foreach ($item in $given) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Remove-VMSnapshot' -Id $item.VMId.ToString()
                if (@(Get-StandInCheckpoint -VM $vm | Where-Object -FilterScript { $_.id -eq $item.Id.ToString() }).Count -eq 0) {
                    throw (New-StandInAccessError -State $state -Cmdlet 'Remove-VMSnapshot')
                }
                $vm.checkpoints = [object[]]@(Get-StandInCheckpoint -VM $vm | Where-Object -FilterScript { $_.id -ne $item.Id.ToString() })
                if ($vm.checkpoints.Count -eq 0) { Merge-StandInDisk -VM $vm }
            }
        }
    }
}

function Merge-StandInDisk {
    # Merges checkpoint disks into their parents. The real Hyper-V merges in the background, also while the virtual machine runs.
    param([Parameter(Mandatory)] $VM)

    foreach ($drive in $VM.drives) {
        while ($drive.path -like '*.avhdx' -and [System.IO.File]::Exists($drive.path)) {
            $parent = (Read-StandInDisk -Path $drive.path).Parent
            if (-not $parent) { break }
            [System.IO.File]::Delete($drive.path)
            $drive.path = $parent
        }
    }
}
