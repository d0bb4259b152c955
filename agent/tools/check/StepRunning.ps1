# -Full: the virtual machine while it runs, checkpoints, the process of a job, and the cluster.

function Invoke-CheckRunningStep {
    # Starts the virtual machine and changes it while it runs.
    Invoke-CheckStep -Name 'full-start' -Needs 'full-create', 'full-attach' -Action {
        Start-VM -VM $script:CheckRun.VM
        Assert-CheckValue -What 'State' -Value (Get-VM -Id $script:CheckRun.VM.Id).State -Expected 'Running'
        'The virtual machine was started.'
    }
    Invoke-CheckStep -Name 'full-running-settings' -Needs 'full-start' -Action {
        $vm = $script:CheckRun.VM
        Add-CheckFact -Name 'running-heartbeat' -Seen ([string](Get-VM -Id $vm.Id).Heartbeat)
        # The agent finds the shutdown service by its class: the name of the integration service is localised.
        $filter = "SystemName = '$($vm.Id.ToString().ToUpperInvariant())'"
        $components = @(Get-CimInstance -Namespace 'root/virtualization/v2' -ClassName 'Msvm_ShutdownComponent' -Filter $filter)
        Add-CheckFact -Name 'shutdown-components' -Seen $components.Count
        if ($components.Count -gt 0) { Add-CheckFact -Name 'shutdown-enabledstate' -Seen $components[0].EnabledState -Detail "OperationalStatus $(@($components[0].OperationalStatus) -join ' ')" }
        Add-CheckRefusal -Name 'running-get-vhd' -Change { Get-VHD -Path (Get-CheckPath -Name 'disk.vhdx') }
        Add-CheckRefusal -Name 'running-notes' -Change { Set-VM -VM $vm -Notes 'Changed by Test-HypervvmHost.ps1.' }
        Add-CheckRefusal -Name 'running-start-action' -Change { Set-VM -VM $vm -AutomaticStartAction Start }
        Add-CheckRefusal -Name 'running-stop-action' -Change { Set-VM -VM $vm -AutomaticStopAction Save }
        Add-CheckRefusal -Name 'running-checkpoint-type' -Change {
            Set-VM -VM $vm -CheckpointType Disabled
            Set-VM -VM $vm -CheckpointType Standard
        }
        if ($script:CheckRun.Done.ContainsKey('full-memory')) {
            Add-CheckRefusal -Name 'running-memory-wider' -Change { Set-VMMemory -VM $vm -MinimumBytes 64MB -MaximumBytes 768MB }
            Add-CheckRefusal -Name 'running-memory-narrower' -Change { Set-VMMemory -VM $vm -MaximumBytes 640MB }
        }
        Add-CheckRefusal -Name 'running-processor' -Change { Set-VMProcessor -VM $vm -Count 2 }
        Add-CheckRefusal -Name 'running-boot-order' -Change { Set-VMFirmware -VM $vm -BootOrder (Get-VMFirmware -VM $vm).BootOrder }
        Add-CheckRefusal -Name 'running-secure-boot' -Change { Set-VMFirmware -VM $vm -EnableSecureBoot Off }
        if ($script:CheckRun.Done.ContainsKey('full-tpm')) { Add-CheckRefusal -Name 'running-tpm' -Change { Enable-VMTPM -VM $vm } }
        $adapter = @(Get-VMNetworkAdapter -VM $vm)[0]
        Add-CheckRefusal -Name 'running-mac-address' -Change { Set-VMNetworkAdapter -VMNetworkAdapter $adapter -StaticMacAddress '02155DFFFF02' }
        'Changes of a running virtual machine were tried.'
    }
    Invoke-CheckStep -Name 'full-running-disk' -Needs 'full-start', 'full-disk-fixed' -Action {
        $path = Get-CheckPath -Name 'fixed.vhdx'
        $drive = Add-VMHardDiskDrive -VM $script:CheckRun.VM -ControllerType SCSI -Path $path -Passthru
        Invoke-CheckDisk -Action { Resize-VHD -Path $path -SizeBytes 32MB }
        Assert-CheckValue -What 'Size' -Value (Invoke-CheckDisk -Action { Get-VHD -Path $path }).Size -Expected (32MB)
        Remove-VMHardDiskDrive -VMHardDiskDrive $drive
        'A disk was attached, expanded and detached while the virtual machine runs.'
    }
    Invoke-CheckStep -Name 'full-running-adapter' -Needs 'full-start' -Action {
        Add-VMNetworkAdapter -VM $script:CheckRun.VM -Name 'running'
        $adapter = @(Get-VMNetworkAdapter -VM $script:CheckRun.VM | Where-Object -FilterScript { $_.Name -eq 'running' })[0]
        Remove-VMNetworkAdapter -VMNetworkAdapter $adapter
        'A network adapter was added and removed while the virtual machine runs.'
    }
    Invoke-CheckStep -Name 'full-running-media' -Needs 'full-start' -Action {
        Add-VMDvdDrive -VM $script:CheckRun.VM
        Remove-VMDvdDrive -VMDvdDrive @(Get-VMDvdDrive -VM $script:CheckRun.VM)[0]
        'A DVD drive was added and removed while the virtual machine runs.'
    }
    Invoke-CheckStep -Name 'full-pause' -Needs 'full-start' -Action {
        Suspend-VM -VM $script:CheckRun.VM
        Assert-CheckValue -What 'State' -Value (Get-VM -Id $script:CheckRun.VM.Id).State -Expected 'Paused'
        Resume-VM -VM $script:CheckRun.VM
        Assert-CheckValue -What 'State' -Value (Get-VM -Id $script:CheckRun.VM.Id).State -Expected 'Running'
        'The virtual machine was paused and resumed.'
    }
}

function Invoke-CheckCheckpointStep {
    # Creates a checkpoint and removes it, which merges its disks.
    Invoke-CheckStep -Name 'full-checkpoint' -Needs 'full-start' -Action {
        Checkpoint-VM -VM $script:CheckRun.VM -SnapshotName 'check'
        $checkpoints = @(Get-VMSnapshot -VM $script:CheckRun.VM)
        Assert-CheckValue -What 'The number of checkpoints' -Value $checkpoints.Count -Expected 1
        Add-CheckShape -Class 'VMSnapshot' -Value $checkpoints[0]
        $path = [string]@(Get-VMHardDiskDrive -VM $script:CheckRun.VM)[0].Path
        Add-CheckFact -Name 'checkpoint-disk-extension' -Seen ([System.IO.Path]::GetExtension($path).ToLowerInvariant())
        Add-CheckFact -Name 'checkpoint-disk-name' -Seen ([System.IO.Path]::GetFileName($path) -match '^disk_[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\.avhdx$')
        Remove-VMSnapshot -VMSnapshot $checkpoints[0]
        $merged = Wait-CheckCondition -Condition {
            @(Get-VMHardDiskDrive -VM $script:CheckRun.VM | Where-Object -FilterScript { $_.Path -like '*.avhdx' }).Count -eq 0
        }
        if (-not $merged) { throw 'the disk of the removed checkpoint was not merged within a minute' }
        'A checkpoint was created and removed, and its disk was merged.'
    }
}

function Invoke-CheckStopStep {
    # Turns the virtual machine off: without an operating system it cannot shut down.
    Invoke-CheckStep -Name 'full-stop' -Needs 'full-start' -Action {
        Stop-VM -VM $script:CheckRun.VM -TurnOff -Force
        Assert-CheckValue -What 'State' -Value (Get-VM -Id $script:CheckRun.VM.Id).State -Expected 'Off'
        'The virtual machine was turned off.'
    }
    Invoke-CheckStep -Name 'full-detach' -Needs 'full-attach' -Action {
        foreach ($drive in @(Get-VMHardDiskDrive -VM $script:CheckRun.VM)) { Remove-VMHardDiskDrive -VMHardDiskDrive $drive }
        Assert-CheckValue -What 'The number of drives' -Value @(Get-VMHardDiskDrive -VM $script:CheckRun.VM).Count -Expected 0
        'The disk was detached.'
    }
}

function Invoke-CheckProcessStep {
    # Starts a process as the agent does for a job: through WMI, or else by a scheduled task.
    $argument = '-NoProfile -NonInteractive -Command exit'
    $shell = [System.IO.Path]::Combine($PSHOME, 'powershell.exe')
    Invoke-CheckStep -Name 'full-process' -Remedy 'See cimv2-remote-enable and asr-process-creation. If full-task passes, jobs start by a scheduled task instead.' -Action {
        $call = @{ CommandLine = "`"$shell`" $argument" }
        # 16777216 is CREATE_BREAKAWAY_FROM_JOB. Return values: 2 denied, 3 privilege, 8 unknown, 9 path, 21 parameter.
        # https://learn.microsoft.com/windows/win32/cimwin32prov/create-method-in-class-win32-process
        $call['ProcessStartupInformation'] = New-CimInstance -Namespace 'root/cimv2' -ClassName 'Win32_ProcessStartup' -ClientOnly -Property @{ CreateFlags = [uint32]16777216 }
        $process = Invoke-CimMethod -Namespace 'root/cimv2' -ClassName 'Win32_Process' -MethodName 'Create' -Arguments $call
        Add-CheckFact -Name 'process-breakaway' -Seen ([string]$process.ReturnValue)
        if ($process.ReturnValue -ne 0) {
            $call.Remove('ProcessStartupInformation')
            $process = Invoke-CimMethod -Namespace 'root/cimv2' -ClassName 'Win32_Process' -MethodName 'Create' -Arguments $call
            Assert-CheckValue -What 'The result of Win32_Process.Create' -Value $process.ReturnValue -Expected 0
        }
        $id = [int]$process.ProcessId
        $ended = Wait-CheckCondition -Condition { @(Get-Process -Id $id -ErrorAction SilentlyContinue).Count -eq 0 }
        if (-not $ended) { throw 'the process that was started did not end within a minute' }
        'A process was started through WMI and ended.'
    }
    if ($script:CheckRun.Done.ContainsKey('full-process')) { return }
    Invoke-CheckStep -Name 'full-task' -Remedy 'Only administrators may register tasks that run without a session of their account.' -Action {
        $name = $script:CheckRun.Name
        $action = New-ScheduledTaskAction -Execute $shell -Argument $argument
        $principal = New-ScheduledTaskPrincipal -UserId ([System.Environment]::UserDomainName + '\' + [System.Environment]::UserName) -LogonType S4U -RunLevel Highest
        $null = Register-ScheduledTask -TaskName $name -Action $action -Principal $principal
        try { Start-ScheduledTask -TaskName $name } finally { Unregister-ScheduledTask -TaskName $name -Confirm:$false }
        'A process was started by a scheduled task, which was removed.'
    }
}

function Invoke-CheckClusterStep {
    # Makes the virtual machine a role of the cluster, and removes the role.
    Invoke-CheckStep -Name 'full-cluster' -Needs 'full-create' -Action {
        $script:CheckRun.Clustered = $true
        $null = Add-ClusterVirtualMachineRole -VMId $script:CheckRun.VM.Id
        $resources = @(Get-ClusterResource | Where-Object -FilterScript { [string]$_.ResourceType -eq 'Virtual Machine' })
        $ids = @($resources | Get-ClusterParameter -Name 'VmID' | ForEach-Object -Process { ([string]$_.Value).Trim('{', '}') })
        Assert-CheckValue -What 'The cluster has the role' -Value ($ids -contains $script:CheckRun.VM.Id.ToString()) -Expected $true
        $null = Remove-ClusterGroup -VMId $script:CheckRun.VM.Id -RemoveResources -Force
        $script:CheckRun.Clustered = $false
        'The role was added and removed.'
    }
}
