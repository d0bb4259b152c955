# -Full: disks, the virtual machine and its settings, while it is off.

function Get-CheckPath {
    # Returns the path of a file in the folder of the check.
    param([Parameter(Mandatory)] [string] $Name)

    return [System.IO.Path]::Combine($script:CheckRun.Folder, $Name)
}

function Invoke-CheckDisk {
    # Calls a cmdlet for a disk, again while another process has the file open, and records how often that was.
    param([Parameter(Mandatory)] [scriptblock] $Action)

    for ($attempt = 1; ; $attempt++) {
        try {
            $result = & $Action
            if ($attempt -gt 1) { Add-CheckFact -Name 'disk-in-use' -Seen "$($attempt - 1) times" }
            return $result
        } catch {
            $busy = $_.CategoryInfo.Category -eq [System.Management.Automation.ErrorCategory]::ResourceBusy -or [string]$_.FullyQualifiedErrorId -like 'ObjectInUse,*'
            if (-not $busy -or $attempt -ge 60) { throw }
            Start-Sleep -Milliseconds 500
        }
    }
}

function Invoke-CheckDiskStep {
    # Creates and expands virtual hard disks.
    Invoke-CheckStep -Name 'full-folder' -Action {
        $null = [System.IO.Directory]::CreateDirectory($script:CheckRun.Folder)
        'A folder was created.'
    }
    Invoke-CheckStep -Name 'full-disk' -Needs 'full-folder' -Action {
        $path = Get-CheckPath -Name 'disk.vhdx'
        $null = New-VHD -Path $path -Dynamic -SizeBytes 64MB
        $disk = Invoke-CheckDisk -Action { Get-VHD -Path $path }
        Assert-CheckValue -What 'VhdType' -Value $disk.VhdType -Expected 'Dynamic'
        Assert-CheckValue -What 'Size' -Value $disk.Size -Expected (64MB)
        Add-CheckShape -Class 'VirtualHardDisk' -Value $disk
        'A dynamic disk was created and read.'
    }
    Invoke-CheckStep -Name 'full-disk-expand' -Needs 'full-disk' -Action {
        $path = Get-CheckPath -Name 'disk.vhdx'
        Invoke-CheckDisk -Action { Resize-VHD -Path $path -SizeBytes 128MB }
        Assert-CheckValue -What 'Size' -Value (Invoke-CheckDisk -Action { Get-VHD -Path $path }).Size -Expected (128MB)
        'The disk was expanded.'
    }
    Invoke-CheckStep -Name 'full-disk-fixed' -Needs 'full-folder' -Action {
        $path = Get-CheckPath -Name 'fixed.vhdx'
        $null = New-VHD -Path $path -Fixed -SizeBytes 16MB
        Assert-CheckValue -What 'VhdType' -Value (Invoke-CheckDisk -Action { Get-VHD -Path $path }).VhdType -Expected 'Fixed'
        'A fixed disk was created.'
    }
    Invoke-CheckStep -Name 'full-disk-differencing' -Needs 'full-disk' -Action {
        $path = Get-CheckPath -Name 'child.vhdx'
        $null = New-VHD -Path $path -ParentPath (Get-CheckPath -Name 'disk.vhdx') -Differencing
        Assert-CheckValue -What 'VhdType' -Value (Invoke-CheckDisk -Action { Get-VHD -Path $path }).VhdType -Expected 'Differencing'
        [System.IO.File]::Delete($path)
        'A differencing disk was created.'
    }
}

function Invoke-CheckMachineStep {
    # Creates the virtual machine and changes its settings.
    Invoke-CheckStep -Name 'full-create' -Needs 'full-folder' -Action {
        $run = $script:CheckRun
        $run.VM = New-VM -Name $run.Name -MemoryStartupBytes 256MB -Generation 2 -NoVHD -Path $run.Folder
        $adapters = @(Get-VMNetworkAdapter -VM $run.VM)
        Add-CheckFact -Name 'new-vm-networkadapters' -Seen $adapters.Count
        Add-CheckFact -Name 'new-vm-heartbeat' -Seen ([string]$run.VM.Heartbeat)
        foreach ($name in 'CheckpointType', 'AutomaticStartAction', 'AutomaticStopAction', 'ProcessorCount') {
            Add-CheckFact -Name "new-vm-$($name.ToLowerInvariant())" -Seen ([string]$run.VM.$name)
        }
        $firmware = Get-VMFirmware -VM $run.VM
        foreach ($name in 'SecureBoot', 'SecureBootTemplate') { Add-CheckFact -Name "new-vm-$($name.ToLowerInvariant())" -Seen ([string]$firmware.$name) }
        Add-CheckFact -Name 'new-vm-bootorder' -Seen (@($firmware.BootOrder | ForEach-Object -Process { $_.BootType }) -join ' ')
        if ($run.VM.State -is [System.Enum]) {
            $other = @([System.Enum]::GetNames($run.VM.State.GetType()) | Where-Object -FilterScript { ($script:CheckStates -split ' ') -notcontains $_ })
            Add-CheckFact -Name 'vm-states' -Seen ($other -join ' ')
        }
        Add-CheckShape -Class 'VirtualMachine' -Value $run.VM
        Add-CheckShape -Class 'VMHost' -Value $script:CheckMachine
        if ($adapters.Count -gt 0) { Add-CheckShape -Class 'VMNetworkAdapter' -Value $adapters[0] }
        Add-CheckFact -Name 'new-vm-generation-2-dvd' -Seen @(Get-VMDvdDrive -VM $run.VM).Count
        Add-CheckFact -Name 'new-vm-path' -Seen ([System.IO.Path]::GetFileName([string]$run.VM.Path) -eq $run.Name)
        'A virtual machine of generation 2 was created.'
    }
    Invoke-CheckStep -Name 'full-find' -Needs 'full-create' -Action {
        $found = Get-VM -Id $script:CheckRun.VM.Id
        Assert-CheckValue -What 'Name' -Value $found.Name -Expected $script:CheckRun.Name
        foreach ($case in @(@{ Fact = 'get-vm-missing-id'; By = @{ Id = [guid]::NewGuid() } }, @{ Fact = 'get-vm-missing-name'; By = @{ Name = "$($script:CheckRun.Name)-missing" } })) {
            $by = $case.By
            try {
                $null = Get-VM @by
                Add-CheckFact -Name $case.Fact -Seen 'no error'
            } catch {
                Add-CheckFact -Name $case.Fact -Seen (Get-CheckErrorId -ErrorRecord $_)
            }
        }
        try {
            $null = Get-VHD -Path (Get-CheckPath -Name 'missing.vhdx')
            Add-CheckFact -Name 'get-vhd-missing' -Seen 'no error'
        } catch {
            Add-CheckFact -Name 'get-vhd-missing' -Seen (Get-CheckErrorId -ErrorRecord $_)
        }
        # Functions of these names would never be called: aliases come first.
        foreach ($alias in 'Get-VMCheckpoint', 'Remove-VMCheckpoint') {
            $command = Get-Command -Name $alias -ErrorAction SilentlyContinue
            if ($null -eq $command) { continue }
            Add-CheckFact -Name "alias-$($alias.ToLowerInvariant())" -Seen "$($command.CommandType) $($command.Definition)".Trim()
        }
        'The virtual machine was found by its GUID.'
    }
    Invoke-CheckStep -Name 'full-processor' -Needs 'full-create' -Action {
        Set-VMProcessor -VM $script:CheckRun.VM -Count 1
        'The number of processors was set.'
    }
    Invoke-CheckStep -Name 'full-memory' -Needs 'full-create' -Action {
        Set-VMMemory -VM $script:CheckRun.VM -DynamicMemoryEnabled $false -StartupBytes 256MB
        Set-VMMemory -VM $script:CheckRun.VM -DynamicMemoryEnabled $true -StartupBytes 256MB -MinimumBytes 128MB -MaximumBytes 512MB
        Assert-CheckValue -What 'DynamicMemoryEnabled' -Value (Get-VM -Id $script:CheckRun.VM.Id).DynamicMemoryEnabled -Expected $true
        'Static and dynamic memory were set.'
    }
    Invoke-CheckStep -Name 'full-settings' -Needs 'full-create' -Action {
        Set-VM -VM $script:CheckRun.VM -Notes 'Created by Test-HypervvmHost.ps1, which removes it.' -AutomaticStartAction Nothing -AutomaticStopAction TurnOff
        # Production checkpoints need an operating system.
        Set-VM -VM $script:CheckRun.VM -CheckpointType Standard
        $vm = Get-VM -Id $script:CheckRun.VM.Id
        Assert-CheckValue -What 'CheckpointType' -Value $vm.CheckpointType -Expected 'Standard'
        Assert-CheckValue -What 'AutomaticStartAction' -Value $vm.AutomaticStartAction -Expected 'Nothing'
        'Notes, checkpoints, start and stop action were set.'
    }
    Invoke-CheckStep -Name 'full-attach' -Needs 'full-create', 'full-disk' -Action {
        $drive = Add-VMHardDiskDrive -VM $script:CheckRun.VM -ControllerType SCSI -Path (Get-CheckPath -Name 'disk.vhdx') -Passthru
        Assert-CheckValue -What 'The number of drives' -Value @(Get-VMHardDiskDrive -VM $script:CheckRun.VM).Count -Expected 1
        Add-CheckShape -Class 'HardDiskDrive' -Value $drive
        Set-VMFirmware -VM $script:CheckRun.VM -FirstBootDevice $drive
        Add-CheckRefusal -Name 'boot-order' -Change { Set-VMFirmware -VM $script:CheckRun.VM -BootOrder (Get-VMFirmware -VM $script:CheckRun.VM).BootOrder }
        'The disk was attached, and is the first boot device.'
    }
    Invoke-CheckStep -Name 'full-firmware' -Needs 'full-create' -Action {
        foreach ($template in 'MicrosoftUEFICertificateAuthority', 'MicrosoftWindows') { Set-VMFirmware -VM $script:CheckRun.VM -EnableSecureBoot On -SecureBootTemplate $template }
        $firmware = Get-VMFirmware -VM $script:CheckRun.VM
        Assert-CheckValue -What 'SecureBoot' -Value $firmware.SecureBoot -Expected 'On'
        Add-CheckShape -Class 'VMFirmware' -Value $firmware
        Add-CheckFact -Name 'vmfirmware-vmid' -Seen ($null -ne $firmware.PSObject.Properties['VMId'])
        'Secure boot was set with both templates.'
    }
}

function Invoke-CheckTpmStep {
    # Turns a TPM on and off.
    Invoke-CheckStep -Name 'full-tpm' -Needs 'full-create' -Action {
        $vm = $script:CheckRun.VM
        # As one object: the number of objects that the cmdlet returns is a fact as well.
        $protector = @(Get-VMKeyProtector -VM $vm)
        $bytes = @($protector | ForEach-Object -Process { $_ }).Count
        Add-CheckFact -Name 'key-protector-objects' -Seen $protector.Count
        Add-CheckFact -Name 'key-protector-none-bytes' -Seen $bytes
        Set-VMKeyProtector -VM $vm -NewLocalKeyProtector
        Enable-VMTPM -VM $vm
        $security = Get-VMSecurity -VM $vm
        Assert-CheckValue -What 'TpmEnabled' -Value $security.TpmEnabled -Expected $true
        Add-CheckShape -Class 'VMSecurity' -Value $security
        Add-CheckFact -Name 'vmsecurity-vmid' -Seen ($null -ne $security.PSObject.Properties['VMId'])
        Add-CheckRefusal -Name 'same-template-with-tpm' -Change { Set-VMFirmware -VM $vm -SecureBootTemplate 'MicrosoftWindows' }
        Add-CheckRefusal -Name 'template-with-tpm' -Change { Set-VMFirmware -VM $vm -SecureBootTemplate 'MicrosoftUEFICertificateAuthority' }
        Disable-VMTPM -VM $vm
        'A key protector was created, and the TPM was turned on and off.'
    }
}

function Invoke-CheckNetworkStep {
    # Adds, connects and removes network adapters. The virtual machine does not run, so that it sends nothing to the network.
    Invoke-CheckStep -Name 'full-adapter' -Needs 'full-create' -Action {
        $adapter = Add-VMNetworkAdapter -VM $script:CheckRun.VM -Name 'check' -Passthru
        Set-VMNetworkAdapter -VMNetworkAdapter $adapter -StaticMacAddress '02155DFFFF01'
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $adapter -Access -VlanId 4000
        $seen = @(Get-VMNetworkAdapter -VM $script:CheckRun.VM | Where-Object -FilterScript { $_.Name -eq 'check' })[0]
        Assert-CheckValue -What 'MacAddress' -Value $seen.MacAddress -Expected '02155DFFFF01'
        Assert-CheckValue -What 'AccessVlanId' -Value (Get-VMNetworkAdapterVlan -VMNetworkAdapter $seen).AccessVlanId -Expected 4000
        'A network adapter with an address and a VLAN was added.'
    }
    Invoke-CheckStep -Name 'full-connect' -Needs 'full-adapter' -Action {
        $switches = @(Get-VMSwitch)
        if ($switches.Count -eq 0) { return 'The host has no virtual switch.' }
        $adapter = @(Get-VMNetworkAdapter -VM $script:CheckRun.VM | Where-Object -FilterScript { $_.Name -eq 'check' })[0]
        Hide-CheckName -Placeholder '<switch>' -Name $switches[0].Name
        Add-CheckShape -Class 'VMSwitch' -Value $switches[0]
        Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -VMSwitch $switches[0]
        Disconnect-VMNetworkAdapter -VMNetworkAdapter $adapter
        'The network adapter was connected and disconnected.'
    }
    Invoke-CheckStep -Name 'full-adapter-remove' -Needs 'full-adapter' -Action {
        $adapter = @(Get-VMNetworkAdapter -VM $script:CheckRun.VM | Where-Object -FilterScript { $_.Name -eq 'check' })[0]
        Remove-VMNetworkAdapter -VMNetworkAdapter $adapter
        'The network adapter was removed.'
    }
}

function Write-CheckIso {
    # Writes an ISO file without content: the volume descriptors of ISO 9660 (ECMA-119, 8.1), at sector 16.
    param([Parameter(Mandatory)] [string] $Path)

    $bytes = New-Object -TypeName byte[] -ArgumentList (2048 * 20)
    foreach ($sector in @(@(16, 1), @(17, 255))) {
        $at = 2048 * $sector[0]
        $bytes[$at] = [byte]$sector[1]
        [System.Text.Encoding]::ASCII.GetBytes('CD001').CopyTo($bytes, $at + 1)
        $bytes[$at + 6] = 1
    }
    [System.IO.File]::WriteAllBytes($Path, $bytes)
}

function Invoke-CheckMediaStep {
    # Adds a DVD drive with an ISO file, ejects and removes it.
    Invoke-CheckStep -Name 'full-media' -Needs 'full-create' -Action {
        $path = Get-CheckPath -Name 'media.iso'
        Write-CheckIso -Path $path
        Add-VMDvdDrive -VM $script:CheckRun.VM -Path $path
        $dvd = @(Get-VMDvdDrive -VM $script:CheckRun.VM)[0]
        Add-CheckShape -Class 'DvdDrive' -Value $dvd
        Set-VMDvdDrive -VMDvdDrive $dvd -Path $null
        Assert-CheckValue -What 'Path of the empty drive' -Value @(Get-VMDvdDrive -VM $script:CheckRun.VM)[0].Path -Expected ''
        Set-VMDvdDrive -VMDvdDrive $dvd -Path $path
        Remove-VMDvdDrive -VMDvdDrive @(Get-VMDvdDrive -VM $script:CheckRun.VM)[0]
        'An ISO file was attached and ejected, and the drive was removed.'
    }
    Invoke-CheckStep -Name 'full-rename' -Needs 'full-create' -Action {
        Rename-VM -VM $script:CheckRun.VM -NewName "$($script:CheckRun.Name)-renamed"
        Assert-CheckValue -What 'Name' -Value (Get-VM -Id $script:CheckRun.VM.Id).Name -Expected "$($script:CheckRun.Name)-renamed"
        Rename-VM -VM $script:CheckRun.VM -NewName $script:CheckRun.Name
        'The virtual machine was renamed.'
    }
}
