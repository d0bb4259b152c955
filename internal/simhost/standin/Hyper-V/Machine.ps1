# Virtual machines: create, change, start, stop, rename and remove.

function Get-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    param(
        [Parameter(ParameterSetName = 'Name', Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name = '*',
        [Parameter(ParameterSetName = 'Id', Mandatory = $false, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [guid] $Id
    )

    process {
        $wanted = ''
        if ($PSCmdlet.ParameterSetName -eq 'Id') { $wanted = $Id.ToString() }
        $patterns = $Name
        Invoke-StandIn -Cmdlet 'Get-VM' -Action {
            param($state)
            if ($wanted) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Get-VM' -Id $wanted
                $latency = Get-StandInLatency -State $state
                if ($null -ne $latency) { Add-StandInCost -Latency $latency -Kind 'call' -Name 'Get-VM' -Milliseconds $latency.vm_ms }
                Add-StandInLook -State $state -VM $vm
                ConvertTo-StandInVM -State $state -VM (Select-StandInKept -State $state -VM $vm)
                return
            }
            $latency = Get-StandInLatency -State $state
            if ($null -ne $latency) { Add-StandInCost -Latency $latency -Kind 'list' -Name 'Get-VM' -Milliseconds ($latency.vm_ms * @($state.vms).Count) }
            foreach ($vm in @(Select-StandInVM -State $state -Cmdlet 'Get-VM' -Name $patterns)) {
                if (Test-StandInVanished -State $state -VM $vm) {
                    Write-StandInError -Record (New-StandInAccessError -State $state -Cmdlet 'Get-VM')
                } else {
                    ConvertTo-StandInVM -State $state -VM (Select-StandInKept -State $state -VM $vm)
                }
            }
            Complete-StandInVanishing -State $state
        }
    }
}

function New-VM {
    [CmdletBinding(DefaultParameterSetName = 'No VHD', SupportsShouldProcess)]
    param(
        [Parameter(Position = 0, ValueFromPipelineByPropertyName)] [Alias('VMName')] [string] $Name = 'New Virtual Machine',
        [Parameter(Position = 1)] [long] $MemoryStartupBytes = 1GB,
        [Parameter(Position = 2)] [ValidateSet(1, 2)] [int16] $Generation = 1,
        [Parameter(ParameterSetName = 'No VHD')] [switch] $NoVHD,
        [string] $Path = ''
    )

    if (-not $PSCmdlet.ShouldProcess($Name) -or ($NoVHD -and $PSCmdlet.ParameterSetName -ne 'No VHD')) { return }
    $values = @{ Name = $Name; Memory = $MemoryStartupBytes; Generation = $Generation; Path = $Path }
    Assert-StandInName -Cmdlet 'New-VM' -Name $Name
    Invoke-StandIn -Cmdlet 'New-VM' -Change -Action {
        param($state)
        $id = [guid]::NewGuid().ToString()
        $parent = $values.Path
        if (-not $parent) { $parent = $state.host.virtual_machine_path }
        $parent = Get-StandInPathForm -State $state -Path $parent
        $folder = [System.IO.Path]::Combine($parent, $values.Name)
        $machines = [System.IO.Path]::Combine($folder, 'Virtual Machines')
        $null = [System.IO.Directory]::CreateDirectory($machines)
        foreach ($ending in 'vmcx', 'vmgs') { [System.IO.File]::WriteAllText([System.IO.Path]::Combine($machines, $id.ToUpperInvariant() + ".$ending"), '') }
        $dvds = @()
        if ($values.Generation -eq 1) {
            $dvds = @([pscustomobject]@{ controller_type = 'IDE'; controller_number = 1; controller_location = 0; path = '' })
        }
        $template = ''
        $secure = 'Off'
        if ($values.Generation -eq 2) {
            $template = 'MicrosoftWindows'
            $secure = 'On'
        }
        $vm = [pscustomobject]@{
            id = $id; name = $values.Name; state = 'Off'; generation = [int]$values.Generation; memory_startup_bytes = $values.Memory
            dynamic_memory = $false; memory_minimum_bytes = 512MB; memory_maximum_bytes = 1TB; memory_assigned_bytes = 0
            heartbeat = ''; integration_services_state = ''; processor_count = 1; notes = ''; path = $folder
            creation_time = [System.DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
            checkpoint_type = 'Production'; automatic_start_action = 'StartIfRunning'; automatic_stop_action = 'Save'
            secure_boot = $secure; secure_boot_template = $template; first_boot = ''
            key_protector = $false; tpm = $false
            adapters = [object[]]@([pscustomobject]@{
                    id = [guid]::NewGuid().ToString(); name = 'Network Adapter'; switch_name = ''; mac_address = $script:StandInNoMac; dynamic_mac = $true
                    vlan_mode = 'Untagged'; vlan_id = 0; ip_addresses = [object[]]@()
                })
            drives = [object[]]@(); dvd_drives = [object[]]$dvds; startup_order = [object[]]@(); looks = 0; clustered = $false; cluster_role = ''
        }
        $state.vms = [object[]](@($state.vms) + $vm)
        ConvertTo-StandInVM -State $state -VM $vm
    }
}

function Set-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [string] $Notes,
        [ValidateSet('Disabled', 'Production', 'ProductionOnly', 'Standard')] [string] $CheckpointType,
        [ValidateSet('Nothing', 'StartIfRunning', 'Start')] [string] $AutomaticStartAction,
        [ValidateSet('TurnOff', 'Save', 'ShutDown')] [string] $AutomaticStopAction,
        [string] $SmartPagingFilePath,
        [string] $SnapshotFileLocation
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('virtual machine')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Set-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Set-VM' -VM $given['VM'] -Name $given['Name'])) {
                if ($given.ContainsKey('AutomaticStopAction')) { Assert-StandInOff -VM $item -Cmdlet 'Set-VM' -What 'automatic stop action' }
                Set-StandInFolder -State $state -VM $item -Given $given
                if ($given.ContainsKey('Notes')) { $item.notes = [string]$given['Notes'] }
                if ($given.ContainsKey('CheckpointType')) { $item.checkpoint_type = $given['CheckpointType'] }
                if ($given.ContainsKey('AutomaticStartAction')) { $item.automatic_start_action = $given['AutomaticStartAction'] }
                if ($given.ContainsKey('AutomaticStopAction')) { $item.automatic_stop_action = $given['AutomaticStopAction'] }
            }
        }
    }
}

function Set-StandInFolder {
    # Sets the folders of a virtual machine. That of checkpoints is refused while it has any:
    # https://www.altaro.com/hyper-v/how-to-change-a-vms-checkpoint-location-hyper-v/
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Given)

    if ($Given.ContainsKey('SmartPagingFilePath')) { Assert-StandInOff -VM $VM -Cmdlet 'Set-VM' -What 'smart paging file' }
    if ($Given.ContainsKey('SnapshotFileLocation') -and @(Get-StandInCheckpoint -VM $VM).Count -gt 0) {
        throw (New-StandInError -Cmdlet 'Set-VM' -Message "The checkpoint location of virtual machine '$($VM.name)' cannot be changed while it has checkpoints.")
    }
    foreach ($name in 'SmartPagingFilePath', 'SnapshotFileLocation') {
        if ($Given.ContainsKey($name)) { Set-StandInSetting -Of $VM -Name $name -Value (Get-StandInPathForm -State $State -Path $Given[$name]) }
    }
}

function Assert-StandInName {
    # Names of virtual machines have at most 100 characters: https://github.com/microsoft/openvmm/issues/1647
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Name)

    if ($Name.Length -gt 100) { throw (New-StandInError -Cmdlet $Cmdlet -Message 'The parameter is incorrect. (0x80070057).') }
}

function Rename-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [Parameter(Mandatory, Position = 1)] [string] $NewName
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($NewName)) { return }
        $given = $PSBoundParameters
        Assert-StandInName -Cmdlet 'Rename-VM' -Name $NewName
        Invoke-StandIn -Cmdlet 'Rename-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Rename-VM' -VM $given['VM'] -Name $given['Name'])) { $item.name = $given['NewName'] }
        }
    }
}

function Remove-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [switch] $Force
    )

    process {
        if (-not ($Force -or $PSCmdlet.ShouldProcess('virtual machine'))) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Remove-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Remove-VM' -VM $given['VM'] -Name $given['Name'])) {
                if ($item.clustered -or @('Off', 'Saved', 'Hibernated', 'OffCritical', 'SavedCritical') -notcontains $item.state) {
                    $why = "it is $($item.state)"
                    if ($item.clustered) { $why = 'it is a role of a cluster' }
                    throw (New-StandInError -Cmdlet 'Remove-VM' -Message "Virtual machine '$($item.name)' cannot be removed: $why.")
                }
                if (@(Get-StandInCheckpoint -VM $item).Count -gt 0) { Merge-StandInDisk -VM $item }
                foreach ($ending in 'vmcx', 'vmgs') {
                    $file = [System.IO.Path]::Combine($item.path, 'Virtual Machines', $item.id.ToUpperInvariant() + ".$ending")
                    if ([System.IO.File]::Exists($file)) { [System.IO.File]::Delete($file) }
                }
                $state.vms = [object[]]@($state.vms | Where-Object -FilterScript { $_.id -ne $item.id })
                foreach ($drive in $item.drives) { Lock-StandInFile -State $state -Cmdlet 'Remove-VM' -Path $drive.path }
            }
        }
    }
}

function Start-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('virtual machine')) { return }
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Start-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Start-VM' -VM $given['VM'] -Name $given['Name'])) { Start-StandInVM -State $state -VM $item }
        }
    }
}

function Start-StandInVM {
    # Starts a virtual machine, or throws when memory or a file is missing.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    if ($VM.state -eq 'Running') { return }
    $why = ''
    if ($VM.state -eq 'Paused') { $why = 'it is Paused' }
    $id = 'OperationFailed'
    if ($VM.memory_startup_bytes -gt (Get-StandInAvailable -State $State)) {
        $id = 'OutOfMemory'
        $why = "not enough memory in the system to start it with $([long]($VM.memory_startup_bytes / 1MB)) megabytes (0x800705AA)"
    }
    foreach ($drive in $VM.drives) { if (-not [System.IO.File]::Exists($drive.path)) { $why = "attachment '$($drive.path)' was not found" } }
    foreach ($dvd in $VM.dvd_drives) {
        if ($dvd.path -and -not [System.IO.File]::Exists($dvd.path)) { $why = "attachment '$($dvd.path)' was not found" }
    }
    if ($why) { throw (New-StandInError -Cmdlet 'Start-VM' -Id $id -Message "Virtual machine '$($VM.name)' could not be started: $why.") }
    Set-StandInMac -State $State -VM $VM
    if ($VM.state -eq 'Off') { Start-StandInGuest -State $State -VM $VM }
    $VM.state = 'Running'
    $VM.looks = 0
    Update-StandInGuest -State $State -VM $VM
}

function Stop-VM {
    [CmdletBinding(DefaultParameterSetName = 'Name', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)] [Alias('VMName')] [string[]] $Name,
        [switch] $TurnOff,
        [switch] $Save,
        [switch] $Force
    )

    process {
        if (-not ($Force -or $TurnOff -or $Save -or $PSCmdlet.ShouldProcess('virtual machine'))) { return }
        $given = $PSBoundParameters
        $force = $Force
        Invoke-StandIn -Cmdlet 'Stop-VM' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Stop-VM' -VM $given['VM'] -Name $given['Name'])) {
                if ($item.state -eq 'Off') { continue }
                if (-not $given.ContainsKey('TurnOff') -and $item.state -ne 'Running') {
                    throw (New-StandInError -Cmdlet 'Stop-VM' -Message "Virtual machine '$($item.name)' could not be shut down: it is $($item.state).")
                }
                if (-not $given.ContainsKey('TurnOff') -and -not $given.ContainsKey('Save')) { Stop-StandInGuest -VM $item -Force:$force }
                $item.state = 'Off'
                if ($given.ContainsKey('Save')) { $item.state = 'Saved' }
                if ($item.state -eq 'Off') { Complete-StandInCheckpoint -State $state -VM $item -TurnedOff $given.ContainsKey('TurnOff') }
                Update-StandInGuest -State $state -VM $item
            }
        }
    }
}
