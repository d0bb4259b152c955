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

function Get-StandInCheckpointValue {
    # Returns a property of a checkpoint or of a virtual machine in the state, or null in states that do not have it.
    param([Parameter(Mandatory)] $Of, [Parameter(Mandatory)] [string] $Name)

    $property = $Of.PSObject.Properties[$Name]
    if ($null -ne $property) { return $property.Value }
}

function New-StandInSnapshot {
    # Returns a checkpoint as the module does.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Checkpoint)

    $parent = [string](Get-StandInCheckpointValue -Of $Checkpoint -Name 'parent')
    $created = [string](Get-StandInCheckpointValue -Of $Checkpoint -Name 'creation_time')
    if (-not $created) { $created = [string]$VM.creation_time }
    $state = [string](Get-StandInCheckpointValue -Of $Checkpoint -Name 'state')
    [pscustomobject]@{
        PSTypeName = 'Microsoft.HyperV.PowerShell.VMSnapshot'
        Id = [guid]$Checkpoint.id; Name = $Checkpoint.name; VMId = [guid]$VM.id; VMName = $VM.name; SnapshotType = 'Standard'
        ParentSnapshotId = $(if ($parent) { [guid]$parent }); State = $(if ($state) { $state } else { 'Off' })
        CreationTime = ([System.DateTimeOffset]::Parse($created, [System.Globalization.CultureInfo]::InvariantCulture)).LocalDateTime
        IsAutomaticCheckpoint = Test-StandInAutomatic -Checkpoint $Checkpoint; IsDeleted = $false
    }
}

function Add-StandInCheckpointDisk {
    # Lets each drive of a virtual machine use a new differencing disk above a file: Parent are the files in the order of the drives.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Parent)

    $id = [guid]::NewGuid().ToString().ToUpperInvariant()
    for ($i = 0; $i -lt $Parent.Count; $i++) {
        $file = $Parent[$i]
        $name = [System.IO.Path]::GetFileNameWithoutExtension($file) -replace '_[0-9A-Fa-f-]{36}\z', ''
        $path = [System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($file), $name + "_$id.avhdx")
        Write-StandInDisk -Path $path -Disk @{ Type = 'Differencing'; Size = (Read-StandInDisk -Path $file).Size; Parent = $file; FileSize = $script:StandInDiskOverhead }
        $VM.drives[$i].path = $path
    }
}

function Checkpoint-VM {
    # Creates a checkpoint: from then on each drive uses a differencing disk. A standard one of a virtual machine that runs has its memory; a
    # production one has none, so that it is off after it was applied.
    # https://learn.microsoft.com/powershell/module/hyper-v/checkpoint-vm
    # https://github.com/MicrosoftDocs/Virtualization-Documentation/blob/main/virtualization/hyper-v-on-windows/user-guide/checkpoints.md
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [Parameter(Position = 1)] [Alias('CheckpointName')] [string] $SnapshotName = '',
        [switch] $Passthru
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($SnapshotName)) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Checkpoint-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Checkpoint-VM' -VM $given['VM'] -Name $given['Name'])) {
                if ($item.checkpoint_type -eq 'Disabled') {
                    throw (New-StandInError -Cmdlet 'Checkpoint-VM' -Id 'OperationFailed' -Category InvalidOperation -Message "Checkpoint operation for '$($item.name)' failed. Checkpoints have been disabled for '$($item.name)'.")
                }
                $files = [string[]]@($item.drives | ForEach-Object -Process { $_.path })
                $held = 'Off'
                if ($item.state -ne 'Off' -and ($item.checkpoint_type -eq 'Standard' -or $item.state -ne 'Running')) { $held = 'Saved' }
                $checkpoint = [pscustomobject]@{
                    id = [guid]::NewGuid().ToString(); name = [string]$given['SnapshotName']; state = $held; drives = [object[]]$files
                    parent = [string](Get-StandInCheckpointValue -Of $item -Name 'parent_checkpoint')
                    creation_time = [System.DateTime]::UtcNow.ToString('o', [System.Globalization.CultureInfo]::InvariantCulture)
                }
                Add-StandInCheckpointDisk -VM $item -Parent $files
                $item | Add-Member -Force -NotePropertyName 'checkpoints' -NotePropertyValue ([object[]](@(Get-StandInCheckpoint -VM $item) + $checkpoint))
                $item | Add-Member -Force -NotePropertyName 'parent_checkpoint' -NotePropertyValue $checkpoint.id
                if ($given.ContainsKey('Passthru')) { New-StandInSnapshot -VM $item -Checkpoint $checkpoint }
            }
        }
    }
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
                foreach ($checkpoint in @(Get-StandInCheckpoint -VM $item)) { New-StandInSnapshot -VM $item -Checkpoint $checkpoint }
            }
        }
    }
}

function Find-StandInSnapshot {
    # Returns the virtual machine of a result of Get-VMSnapshot, and its checkpoint. Throws when the checkpoint is gone.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] $Snapshot)

    $vm = Find-StandInVM -State $State -Cmdlet $Cmdlet -Id $Snapshot.VMId.ToString()
    $found = @(Get-StandInCheckpoint -VM $vm | Where-Object -FilterScript { $_.id -eq $Snapshot.Id.ToString() })
    if ($found.Count -eq 0) { throw (New-StandInAccessError -State $State -Cmdlet $Cmdlet) }
    return @{ VM = $vm; Checkpoint = $found[0] }
}

function Restore-VMSnapshot {
    # Applies a checkpoint: each drive uses a new differencing disk above the disk of the checkpoint. All checkpoints remain.
    # https://learn.microsoft.com/powershell/module/hyper-v/restore-vmsnapshot
    # What it does with a virtual machine that runs is not documented: it is refused here.
    [CmdletBinding(DefaultParameterSetName = 'SnapshotObject', SupportsShouldProcess, ConfirmImpact = 'High')]
    param([Parameter(ParameterSetName = 'SnapshotObject', Mandatory, Position = 0, ValueFromPipeline)] [object] $VMSnapshot)

    process {
        if (-not $PSCmdlet.ShouldProcess('checkpoint')) { return }
        $given = $VMSnapshot
        Invoke-StandIn -Cmdlet 'Restore-VMSnapshot' -Change -Action {
            param($state)
            $found = Find-StandInSnapshot -State $state -Cmdlet 'Restore-VMSnapshot' -Snapshot $given
            $vm = $found.VM
            if ('Off', 'Saved' -notcontains $vm.state) {
                throw (New-StandInError -Cmdlet 'Restore-VMSnapshot' -Id 'InvalidState' -Category InvalidOperation -Message "The operation cannot be performed while the object is in its current state: $($vm.state).")
            }
            $files = [string[]]@(Get-StandInCheckpointValue -Of $found.Checkpoint -Name 'drives')
            foreach ($drive in $vm.drives) { if ($drive.path -like '*.avhdx' -and $files -notcontains $drive.path) { [System.IO.File]::Delete($drive.path) } }
            Add-StandInCheckpointDisk -VM $vm -Parent $files
            $held = [string](Get-StandInCheckpointValue -Of $found.Checkpoint -Name 'state')
            $vm.state = $(if ($held) { $held } else { 'Off' })
            $vm | Add-Member -Force -NotePropertyName 'parent_checkpoint' -NotePropertyValue $found.Checkpoint.id
            Update-StandInGuest -State $state -VM $vm
        }
    }
}

function Remove-VMSnapshot {
    # Without its children, the disks of a checkpoint are merged; here only once none is left.
    # https://learn.microsoft.com/powershell/module/hyper-v/remove-vmsnapshot
    [CmdletBinding(DefaultParameterSetName = 'SnapshotObject', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'SnapshotObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMSnapshot,
        [switch] $IncludeAllChildSnapshots
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('checkpoint')) { return }
        $given = $VMSnapshot
        $children = [bool]$IncludeAllChildSnapshots
        Invoke-StandIn -Cmdlet 'Remove-VMSnapshot' -Change -Action {
            param($state)
            foreach ($item in $given) {
                $found = Find-StandInSnapshot -State $state -Cmdlet 'Remove-VMSnapshot' -Snapshot $item
                $vm = $found.VM
                $above = [string](Get-StandInCheckpointValue -Of $found.Checkpoint -Name 'parent')
                $gone = @($found.Checkpoint.id)
                do {
                    $before = $gone.Count
                    foreach ($other in @(Get-StandInCheckpoint -VM $vm)) {
                        if ($children -and $gone -notcontains $other.id -and $gone -contains (Get-StandInCheckpointValue -Of $other -Name 'parent')) { $gone += $other.id }
                    }
                } while ($gone.Count -gt $before)
                $files = @(Get-StandInCheckpoint -VM $vm | ForEach-Object -Process { Get-StandInCheckpointValue -Of $_ -Name 'drives' })
                $vm.checkpoints = [object[]]@(Get-StandInCheckpoint -VM $vm | Where-Object -FilterScript { $gone -notcontains $_.id })
                foreach ($other in @($vm.checkpoints)) { if ($gone -contains (Get-StandInCheckpointValue -Of $other -Name 'parent')) { $other.parent = $above } }
                if ($gone -contains (Get-StandInCheckpointValue -Of $vm -Name 'parent_checkpoint')) { $vm.parent_checkpoint = $above }
                if ($vm.checkpoints.Count -eq 0) {
                    Merge-StandInDisk -VM $vm
                    foreach ($file in $files) { if ($file -like '*.avhdx') { [System.IO.File]::Delete($file) } } # of another branch
                }
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
