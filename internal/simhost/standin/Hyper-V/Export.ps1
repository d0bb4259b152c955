# Exports. With -AsJob, Export-VM returns a job of PowerShell with State, Progress and Error:
# https://learn.microsoft.com/dotnet/api/system.management.automation.job. What Hyper-V does with the files of an export that is stopped is not
# documented: they stay here.

function Export-VM {
    # Creates a folder with the name of the virtual machine, and in it the folders Virtual Machines, Virtual Hard Disks and Snapshots.
    # https://learn.microsoft.com/powershell/module/hyper-v/export-vm
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [Parameter(Mandatory, Position = 1)] [string] $Path,
        [ValidateSet('CaptureCrashConsistentState', 'CaptureSavedState', 'CaptureDataConsistentState')] [string] $CaptureLiveState,
        [switch] $AsJob
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Path)) { return }
        if (-not $AsJob) { throw 'the stand-in exports with -AsJob only' }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Export-VM' -Action {
            param($state)
            $item = @(Select-StandInVM -State $state -Cmdlet 'Export-VM' -VM $given['VM'] -Name $given['Name'])[0]
            $folder = [System.IO.Path]::Combine($given['Path'], $item.name)
            if ([System.IO.Directory]::Exists($folder)) {
                throw (New-StandInError -Cmdlet 'Export-VM' -Message "Failed to export virtual machine '$($item.name)': Cannot create a file when that file already exists. (0x800700B7)")
            }
            foreach ($part in 'Virtual Machines', 'Virtual Hard Disks', 'Snapshots') { $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::Combine($folder, $part)) }
            $looks = 0
            $fail = ''
            $property = $state.behaviour.PSObject.Properties['export']
            if ($null -ne $property) {
                $looks = $property.Value.looks
                $fail = $property.Value.fail
            }
            $task = [pscustomobject]@{ VM = $item; Folder = $folder; Looks = $looks; Look = 0; Fail = $fail; Ended = ''; Error = [object[]]@() }
            Add-Member -InputObject $task -MemberType ScriptProperty -Name 'State' -Value { Get-StandInExportState -Task $this }
            Add-Member -InputObject $task -MemberType ScriptProperty -Name 'Progress' -Value {
                if ($this.Look -gt 1) { [pscustomobject]@{ PercentComplete = [int][System.Math]::Floor(($this.Look - 1) * 100 / $this.Looks) } }
            }
            Add-Member -InputObject $task -MemberType ScriptMethod -Name 'StopJob' -Value { if (-not $this.Ended) { $this.Ended = 'Stopped' } }
            $task
        }
    }
}

function Get-StandInExportState {
    # Returns the state of an export, which ends after a number of looks.
    param([Parameter(Mandatory)] $Task)

    if ($Task.Ended) { return $Task.Ended }
    $Task.Look++
    if ($Task.Look -le $Task.Looks) { return 'Running' }
    if ($Task.Fail) {
        $Task.Error = [object[]]@(New-StandInError -Cmdlet 'Export-VM' -Message $Task.Fail)
        $Task.Ended = 'Failed'
        return 'Failed'
    }
    $configurations = @([System.IO.Path]::Combine($Task.Folder, 'Virtual Machines', $Task.VM.id.ToUpperInvariant() + '.vmcx'))
    foreach ($checkpoint in @(Get-StandInCheckpoint -VM $Task.VM)) {
        $configurations += [System.IO.Path]::Combine($Task.Folder, 'Snapshots', $checkpoint.id.ToUpperInvariant() + '.vmcx')
    }
    foreach ($file in $configurations) { [System.IO.File]::WriteAllText($file, 'vmcx') }
    foreach ($drive in $Task.VM.drives) {
        $path = $drive.path
        while ($path) {
            $copy = [System.IO.Path]::Combine($Task.Folder, 'Virtual Hard Disks', [System.IO.Path]::GetFileName($path))
            if ([System.IO.File]::Exists($copy)) { break }
            [System.IO.File]::Copy($path, $copy)
            $path = (Read-StandInDisk -Path $path).Parent
        }
    }
    $Task.Ended = 'Completed'
    return 'Completed'
}
