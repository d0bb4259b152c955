# Get-CimInstance for the classes of Hyper-V's WMI provider (root/virtualization/v2), made from the state file that the stand-in for Hyper-V uses.

function Get-CimInstance {
    [CmdletBinding(DefaultParameterSetName = 'ClassNameComputerSet')]
    param(
        [Parameter(ParameterSetName = 'ClassNameComputerSet', Mandatory, Position = 0)] [string] $ClassName,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [string] $Filter,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [Alias('SelectProperties')] [string[]] $Property,
        [Parameter(ParameterSetName = 'QueryComputerSet', Mandatory)] [string] $Query,
        [string] $Namespace = 'root/cimv2',
        [uint32] $OperationTimeoutSec
    )

    $class = $ClassName
    $condition = $Filter
    $columns = $Property
    if ($Query) {
        $match = [regex]::Match($Query, '^\s*SELECT\s+(.+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?\s*\z', 'IgnoreCase')
        if (-not $match.Success) { throw (New-StandInCimError -Id 'HRESULT 0x80041017' -Message 'Invalid query ') }
        $class = $match.Groups[2].Value
        $condition = $match.Groups[3].Value
        $columns = @($match.Groups[1].Value -split '\s*,\s*')
        if ($columns[0] -eq '*') { $columns = $null }
    }
    Invoke-StandIn -Cmdlet 'Get-CimInstance' -Action {
        param($state)
        if ($Namespace.Replace('\', '/') -ne 'root/virtualization/v2') {
            throw (New-StandInCimError -Id 'HRESULT 0x8004100e' -Message "the stand-in for CimCmdlets has no classes of namespace $Namespace")
        }
        $cim = $state.behaviour.PSObject.Properties['cim']
        if ($null -ne $cim -and $cim.Value.denied) { throw (New-StandInCimError -Id 'HRESULT 0x80041003' -Message 'Access denied ' -Category PermissionDenied) }
        $missing = $null -ne $cim -and $null -ne $cim.Value.PSObject.Properties['missing'] -and $cim.Value.missing -contains $class
        if ($missing -or -not $script:StandInClasses.ContainsKey($class)) {
            throw (New-StandInCimError -Id 'HRESULT 0x80041010' -Message 'Invalid class ' -Category MetadataError)
        }
        $all = @(& $script:StandInClasses[$class] $state)
        if ($null -ne $cim -and $cim.Value.empty) { $all = @() }
        $latency = Get-StandInLatency -State $state
        # The provider makes every instance of the class and leaves the comparison to WMI.
        if ($null -ne $latency) {
            Add-StandInCost -Latency $latency -Kind 'query' -Name $class -Count $all.Count -Milliseconds ($latency.query_ms + $latency.instance_ms * $all.Count)
        }
        foreach ($values in $all) {
            if ($condition -and -not (Test-StandInCondition -Values $values -Condition $condition)) { continue }
            if ($script:StandInQueried.ContainsKey($class)) { & $script:StandInQueried[$class] $state $values }
            if ($columns) {
                $chosen = [ordered]@{}
                foreach ($column in $columns) {
                    if (-not $values.Contains($column)) { throw (New-StandInCimError -Id 'HRESULT 0x80041017' -Message 'Invalid query ') }
                    $chosen[$column] = $values[$column]
                }
                $values = $chosen
            }
            $values['PSTypeName'] = "Microsoft.Management.Infrastructure.CimInstance#root/virtualization/v2/$class"
            [pscustomobject]$values
        }
    }
}

function New-StandInCimError {
    # Returns an error record as of Get-CimInstance: its identifier begins with the code of WMI.
    param([Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string] $Message, [System.Management.Automation.ErrorCategory] $Category = 'NotSpecified')

    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    return New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, "$Id,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand", $Category, $null
}

function Test-StandInCondition {
    # Reports whether an instance fulfils a WHERE clause: comparisons with = that are joined by OR. WQL compares text without regard to case,
    # and escapes a quote and a backslash with a backslash.
    param([Parameter(Mandatory)] $Values, [Parameter(Mandatory)] [string] $Condition)

    $rest = $Condition
    while ($true) {
        $match = [regex]::Match($rest, '^\s*(\w+)\s*=\s*(?:(\d+)|''((?:[^''\\]|\\.)*)'')\s*(?:OR\b|\z)', 'IgnoreCase')
        if (-not $match.Success -or -not $Values.Contains($match.Groups[1].Value)) { throw (New-StandInCimError -Id 'HRESULT 0x80041017' -Message 'Invalid query ') }
        $wanted = $match.Groups[2].Value
        if (-not $match.Groups[2].Success) { $wanted = [regex]::Replace($match.Groups[3].Value, '\\(.)', '$1') }
        if ([string]::Equals([string]$Values[$match.Groups[1].Value], $wanted, [System.StringComparison]::OrdinalIgnoreCase)) { return $true }
        $rest = $rest.Substring($match.Length)
        if (-not $rest) { return $false }
    }
}

# The numbers of the states (Msvm_ComputerSystem.EnabledState; from 32781 on as RequestStateChange documents them).
$script:StandInStates = @{
    Other = 1; Running = 2; Off = 3; Stopping = 4; Saved = 6; Paused = 9; Starting = 10; Reset = 11; Saving = 32773; Pausing = 32776; Resuming = 32777
    FastSaved = 32779; FastSaving = 32780; RunningCritical = 32781; OffCritical = 32782; StoppingCritical = 32783; SavedCritical = 32784; PausedCritical = 32785
}

# The fixed parts of the identifiers of devices.
$script:StandInIde = '83F8638B-8DCA-4152-9EDA-2CA8B33039B4'
$script:StandInMemoryDevice = '4764334d-e001-4176-82ee-5594ec9b530e'
$script:StandInProcessorDevice = 'b637f346-6a0e-4dec-af52-bd70cb80a21d'
$script:StandInVlanFeature = '952C5004-4465-451C-8CB8-FA9AB382B773'

function Get-StandInOwner {
    # Returns the owners of settings: each virtual machine, and each of its checkpoints, which has a copy of all settings under its own id.
    param([Parameter(Mandatory)] $State)

    $hidden = @(foreach ($name in 'vanishing', 'unreadable', 'deleted') { Get-StandInFact -State $State -Name $name })
    foreach ($vm in $State.vms) {
        if ($hidden -contains $vm.id) { continue }
        @{ Id = $vm.id.ToUpperInvariant(); VM = $vm; Name = $vm.name; Checkpoint = $false }
        $property = $vm.PSObject.Properties['checkpoints']
        if ($null -eq $property) { continue }
        foreach ($checkpoint in $property.Value) { @{ Id = $checkpoint.id.ToUpperInvariant(); VM = $vm; Name = $checkpoint.name; Checkpoint = $true } }
    }
}

function Get-StandInReference {
    # Returns the path of an object, as properties Parent and HostResource contain it.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Class, [Parameter(Mandatory)] [string] $Key)

    return "\\$($State.host.name)\root\virtualization\v2:$Class.$Key"
}

function Get-StandInController {
    # Returns the identifier of a controller, without the owner.
    param([Parameter(Mandatory)] $Owner, [Parameter(Mandatory)] [string] $Type, [Parameter(Mandatory)] [int] $Number)

    if ($Type -eq 'IDE') { return "$script:StandInIde\$Number" }
    $id = $Owner.VM.id.ToUpperInvariant()
    return $id.Substring(0, 32) + $Number.ToString('X4') + '\0'
}

function Get-StandInResource {
    # Returns the instances of Msvm_ResourceAllocationSettingData: controllers, and the drives that are attached to them.
    param([Parameter(Mandatory)] $State)

    foreach ($owner in @(Get-StandInOwner -State $State)) {
        $prefix = "Microsoft:$($owner.Id)"
        $controllers = @()
        if ($owner.VM.generation -eq 1) { $controllers += @(@{ Type = 'IDE'; Number = 0 }, @{ Type = 'IDE'; Number = 1 }) }
        $highest = 0
        foreach ($drive in @($owner.VM.drives) + @($owner.VM.dvd_drives)) {
            if ($null -ne $drive -and $drive.controller_type -eq 'SCSI' -and $drive.controller_number -gt $highest) { $highest = [int]$drive.controller_number }
        }
        for ($number = 0; $number -le $highest; $number++) { $controllers += @{ Type = 'SCSI'; Number = $number } }
        foreach ($item in $controllers) {
            $type = [uint16]6
            $kind = 'Microsoft:Hyper-V:Synthetic SCSI Controller'
            $address = $null
            if ($item.Type -eq 'IDE') {
                $type = [uint16]5
                $kind = 'Microsoft:Hyper-V:Emulated IDE Controller'
                $address = [string]$item.Number
            }
            [ordered]@{
                InstanceID = "$prefix\$(Get-StandInController -Owner $owner -Type $item.Type -Number $item.Number)"; ResourceType = $type
                ResourceSubType = $kind; Address = $address; AddressOnParent = $null; Parent = $null; HostResource = $null
            }
        }
        foreach ($pair in @(@('drives', 17, 'Microsoft:Hyper-V:Synthetic Disk Drive'), @('dvd_drives', 16, 'Microsoft:Hyper-V:Synthetic DVD Drive'))) {
            foreach ($drive in $owner.VM.($pair[0])) {
                $controller = "$prefix\$(Get-StandInController -Owner $owner -Type $drive.controller_type -Number $drive.controller_number)"
                [ordered]@{
                    InstanceID = "$controller\$($drive.controller_location)\D"; ResourceType = [uint16]$pair[1]; ResourceSubType = $pair[2]
                    Address = $null; AddressOnParent = [string]$drive.controller_location; HostResource = $null
                    Parent = (Get-StandInReference -State $State -Class 'Msvm_ResourceAllocationSettingData' -Key "InstanceID=`"$($controller.Replace('\', '\\'))`"")
                }
            }
        }
    }
}

function Get-StandInStorage {
    # Returns the instances of Msvm_StorageAllocationSettingData: the files in the drives.
    param([Parameter(Mandatory)] $State)

    foreach ($owner in @(Get-StandInOwner -State $State)) {
        foreach ($pair in @(@('drives', 31, 'Microsoft:Hyper-V:Virtual Hard Disk'), @('dvd_drives', 16, 'Microsoft:Hyper-V:Virtual CD/DVD Disk'))) {
            foreach ($drive in $owner.VM.($pair[0])) {
                if (-not $drive.path) { continue }
                $place = "Microsoft:$($owner.Id)\$(Get-StandInController -Owner $owner -Type $drive.controller_type -Number $drive.controller_number)\$($drive.controller_location)"
                [ordered]@{
                    InstanceID = "$place\L"; ResourceType = [uint16]$pair[1]; ResourceSubType = $pair[2]; HostResource = [string[]]@($drive.path)
                    Parent = (Get-StandInReference -State $State -Class 'Msvm_ResourceAllocationSettingData' -Key "InstanceID=`"$("$place\D".Replace('\', '\\'))`"")
                }
            }
        }
    }
}

# The classes: a script for each, which returns the instances of the state as dictionaries. Names, units and numbers are those of
# https://learn.microsoft.com/windows/win32/hyperv_v2/windows-virtualization-portal and the pages of the classes; the forms of InstanceID
# are those of a public dump of Msvm_SettingsDefineState and of https://github.com/microsoft/SdnDiagnostics/pull/605.
$script:StandInClasses = @{
    Msvm_ComputerSystem = {
        param($state)
        [ordered]@{ Caption = 'Hosting Computer System'; Name = $state.host.name; ElementName = $state.host.name; EnabledState = [uint16]2; HealthState = [uint16]5 }
        foreach ($vm in $state.vms) {
            [ordered]@{
                Caption = 'Virtual Machine'; Name = $vm.id.ToUpperInvariant(); ElementName = $vm.name
                EnabledState = [uint16]$script:StandInStates[$vm.state]; HealthState = [uint16]5
            }
        }
    }
    Msvm_VirtualSystemSettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            $vm = $owner.VM
            $type = 'Microsoft:Hyper-V:System:Realized'
            if ($owner.Checkpoint) { $type = 'Microsoft:Hyper-V:Snapshot:Realized' }
            [ordered]@{
                InstanceID = "Microsoft:$($owner.Id)"; ElementName = $owner.Name; VirtualSystemIdentifier = $vm.id.ToUpperInvariant(); VirtualSystemType = $type
                VirtualSystemSubType = "Microsoft:Hyper-V:SubType:$($vm.generation)"; Notes = [string[]]@($vm.notes); ConfigurationDataRoot = $vm.path
                AutomaticStartupAction = [uint16]@{ Nothing = 2; StartIfRunning = 3; Start = 4 }[[string]$vm.automatic_start_action]
                AutomaticShutdownAction = [uint16]@{ TurnOff = 2; Save = 3; ShutDown = 4 }[[string]$vm.automatic_stop_action]
                UserSnapshotType = [uint16]@{ Disabled = 2; Production = 3; ProductionOnly = 4; Standard = 5 }[[string]$vm.checkpoint_type]
                SecureBootEnabled = ($vm.generation -eq 2 -and $vm.secure_boot -eq 'On')
            }
        }
    }
    Msvm_SummaryInformation = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            $vm = $owner.VM
            $heartbeat = $null
            $health = $null
            if ($vm.state -eq 'Running' -and -not $owner.Checkpoint) {
                $heartbeat = 2
                $health = 32896
                switch ([string]$vm.heartbeat) {
                    'OkApplicationsHealthy' { $health = 2 }
                    'OkApplicationsCritical' { $health = 32782 }
                    'Error' { $heartbeat = 6 }
                    'NoContact' { $heartbeat = 12 }
                    'LostCommunication' { $heartbeat = 13 }
                }
            }
            [ordered]@{
                Name = $owner.Id; ElementName = $owner.Name; EnabledState = [uint16]$script:StandInStates[$vm.state]; HealthState = [uint16]5
                Heartbeat = $heartbeat; ApplicationHealth = $health; MemoryUsage = [uint64]((Get-StandInMemory -VM $vm) / 1MB); NumberOfProcessors = [uint16]$vm.processor_count
                IntegrationServicesVersionState = [uint16]$(if ($vm.integration_services_state -eq 'Up to date') { 1 } elseif ($vm.integration_services_state) { 2 } else { 0 })
            }
        }
    }
    Msvm_MemorySettingData = {
        param($state)
        [ordered]@{
            InstanceID = "Microsoft:Definition\$script:StandInMemoryDevice\Default"; VirtualQuantity = [uint64]512; Reservation = [uint64]512; Limit = [uint64]1048576; DynamicMemoryEnabled = $false
        }
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            [ordered]@{
                InstanceID = "Microsoft:$($owner.Id)\$script:StandInMemoryDevice"; VirtualQuantity = [uint64]($owner.VM.memory_startup_bytes / 1MB)
                Reservation = [uint64]($owner.VM.memory_minimum_bytes / 1MB); Limit = [uint64]($owner.VM.memory_maximum_bytes / 1MB)
                DynamicMemoryEnabled = [bool]$owner.VM.dynamic_memory
            }
        }
    }
    Msvm_ProcessorSettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            [ordered]@{ InstanceID = "Microsoft:$($owner.Id)\$script:StandInProcessorDevice\0"; VirtualQuantity = [uint64]$owner.VM.processor_count }
        }
    }
    Msvm_ResourceAllocationSettingData = { param($state) Get-StandInResource -State $state }
    Msvm_StorageAllocationSettingData = { param($state) Get-StandInStorage -State $state }
    Msvm_SyntheticEthernetPortSettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            foreach ($adapter in $owner.VM.adapters) {
                [ordered]@{
                    InstanceID = "Microsoft:$($owner.Id)\$($adapter.id.ToUpperInvariant())"; ElementName = $adapter.name; Address = $adapter.mac_address
                    StaticMacAddress = -not [bool]$adapter.dynamic_mac
                }
            }
        }
    }
    # Legacy network adapters: no stand-in virtual machine has one.
    Msvm_EmulatedEthernetPortSettingData = { }
    Msvm_VirtualEthernetSwitch = {
        param($state)
        foreach ($item in $state.switches) { [ordered]@{ Name = $item.id.ToUpperInvariant(); ElementName = $item.name } }
    }
    Msvm_EthernetPortAllocationSettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            foreach ($adapter in $owner.VM.adapters) {
                $port = "Microsoft:$($owner.Id)\$($adapter.id.ToUpperInvariant())"
                $resource = $null
                $connected = 3
                foreach ($item in $state.switches) {
                    if (-not $adapter.switch_name -or $item.name -ne $adapter.switch_name) { continue }
                    $connected = 2
                    $resource = [string[]]@(Get-StandInReference -State $state -Class 'Msvm_VirtualEthernetSwitch' -Key "CreationClassName=`"Msvm_VirtualEthernetSwitch`",Name=`"$($item.id.ToUpperInvariant())`"")
                }
                [ordered]@{
                    InstanceID = "$port\C"; EnabledState = [uint16]$connected; HostResource = $resource
                    Parent = (Get-StandInReference -State $state -Class 'Msvm_SyntheticEthernetPortSettingData' -Key "InstanceID=`"$($port.Replace('\', '\\'))`"")
                }
            }
        }
    }
    Msvm_EthernetSwitchPortVlanSettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            foreach ($adapter in $owner.VM.adapters) {
                if ($adapter.vlan_mode -eq 'Untagged') { continue }
                [ordered]@{
                    InstanceID = "Microsoft:$($owner.Id)\$($adapter.id.ToUpperInvariant())\C\$script:StandInVlanFeature"
                    OperationMode = [uint32]@{ Access = 1; Trunk = 2; Private = 3 }[[string]$adapter.vlan_mode]; AccessVlanId = [uint16]$adapter.vlan_id
                }
            }
        }
    }
    Msvm_GuestNetworkAdapterConfiguration = {
        param($state)
        foreach ($vm in $state.vms) {
            foreach ($adapter in $vm.adapters) {
                [ordered]@{ InstanceID = "Microsoft:GuestNetwork\$($vm.id.ToUpperInvariant())\$($adapter.id.ToUpperInvariant())"; IPAddresses = [string[]]@($adapter.ip_addresses) }
            }
        }
    }
    Msvm_SecuritySettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            [ordered]@{ InstanceID = "Microsoft:$($owner.Id)\04F81CBE-4B8D-4D7C-8E3A-5C3F0F7B7B3E"; TpmEnabled = ($owner.VM.generation -eq 2 -and [bool]$owner.VM.tpm) }
        }
    }
    Msvm_KvpExchangeComponentSettingData = {
        param($state)
        foreach ($owner in @(Get-StandInOwner -State $state)) {
            $items = @()
            if ($owner.VM.clustered) {
                $items = @('<INSTANCE CLASSNAME="Msvm_KvpExchangeDataItem"><PROPERTY NAME="Caption" PROPAGATED="true" TYPE="string"></PROPERTY>' +
                    '<PROPERTY NAME="Data" TYPE="string"><VALUE>True</VALUE></PROPERTY><PROPERTY NAME="Name" TYPE="string"><VALUE>VirtualMachineIsClustered</VALUE></PROPERTY>' +
                    '<PROPERTY NAME="Source" TYPE="uint16"><VALUE>4</VALUE></PROPERTY></INSTANCE>')
            }
            [ordered]@{ InstanceID = "Microsoft:$($owner.Id)\2A34B1C2-FD73-4043-8A5B-DD2159BC743F"; HostOnlyItems = [string[]]$items }
        }
    }
}
