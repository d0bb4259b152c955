# -Full: what Hyper-V did, compared with the facts that the agent relies on.

# By name: what the agent expects. Several possible values are separated by a vertical bar; * accepts any value, where no public source
# says which one it is. The sources are in internal/simhost/standin/facts of the repository.
$script:CheckFacts = @{
    'new-vm-networkadapters'       = '1'
    'new-vm-generation-2-dvd'      = '0'
    'new-vm-path'                  = 'True'
    'new-vm-heartbeat'             = ''
    'new-vm-secureboot'            = 'On'
    'new-vm-secureboottemplate'    = 'MicrosoftWindows'
    'new-vm-bootorder'             = 'Network'
    'boot-order'                   = 'accepted'
    'new-vm-checkpointtype'        = 'Production'
    'new-vm-automaticstartaction'  = '*'
    'new-vm-automaticstopaction'   = '*'
    'new-vm-processorcount'        = '*'
    'vm-states'                    = ''
    'get-vhd-missing'              = '*'
    'get-vm-missing-id'            = 'ObjectNotFound ObjectNotFound|InvalidParameter InvalidArgument'
    'get-vm-missing-name'          = 'InvalidParameter InvalidArgument'
    'alias-get-vmcheckpoint'       = 'Alias Get-VMSnapshot'
    'alias-remove-vmcheckpoint'    = 'Alias Remove-VMSnapshot'
    'key-protector-objects'        = '1|4'
    'key-protector-none-bytes'     = '4'
    'template-with-tpm'            = 'refused'
    'same-template-with-tpm'       = '*'
    'vmfirmware-vmid'              = 'True'
    'vmsecurity-vmid'              = 'False'
    'running-heartbeat'            = '*'
    'shutdown-components'          = '1'
    'shutdown-enabledstate'        = '2'
    'running-get-vhd'              = 'accepted'
    'running-notes'                = 'accepted'
    'running-start-action'         = 'accepted'
    'running-checkpoint-type'      = 'accepted'
    'running-stop-action'          = 'refused'
    'running-memory-wider'         = 'accepted'
    'running-memory-narrower'      = 'refused'
    'running-processor'            = 'refused'
    'running-secure-boot'          = 'refused'
    'running-boot-order'           = '*'
    'running-tpm'                  = 'refused'
    'running-mac-address'          = 'refused'
    'checkpoint-disk-extension'    = '.avhdx'
    'checkpoint-disk-name'         = 'True'
    'process-breakaway'            = '*'
    'disk-in-use'                  = '*'
}

# The states of virtual machines that the agent knows.
$script:CheckStates = 'Other Running Off Stopping Saved Paused Starting Reset Saving Pausing Resuming FastSaved FastSaving ForceShutdown ForceReboot Hibernated ComponentServicing RunningCritical OffCritical StoppingCritical SavedCritical PausedCritical StartingCritical ResetCritical SavingCritical PausingCritical ResumingCritical FastSavedCritical FastSavingCritical'

# The properties that the agent reads, by class.
$script:CheckProperties = @{
    VirtualMachine   = 'Id Name State Generation MemoryStartup MemoryAssigned DynamicMemoryEnabled MemoryMinimum MemoryMaximum ProcessorCount Notes Path CreationTime Heartbeat IntegrationServicesState CheckpointType AutomaticStartAction AutomaticStopAction IsClustered NetworkAdapters HardDrives'
    VMNetworkAdapter = 'Id Name VMId SwitchName MacAddress DynamicMacAddressEnabled IPAddresses VlanSetting'
    HardDiskDrive    = 'Path ControllerType ControllerNumber ControllerLocation VMId'
    DvdDrive         = 'Path ControllerType ControllerNumber ControllerLocation'
    VMFirmware       = 'VMId SecureBoot BootOrder'
    VMSecurity       = 'TpmEnabled'
    VMSnapshot       = 'Id Name VMId'
    VMSwitch         = 'Id Name SwitchType'
    VMHost           = 'Name LogicalProcessorCount MemoryCapacity VirtualHardDiskPath VirtualMachinePath'
    VirtualHardDisk  = 'Path VhdFormat VhdType FileSize Size ParentPath'
}

function Add-CheckFact {
    # Records a fact about Hyper-V as it was seen. Test-CheckFact compares it with the table.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Seen, [string] $Detail = '')

    $null = $script:CheckRun.Facts.Add(@{ Name = $Name; Seen = $Seen; Expected = [string]$script:CheckFacts[$Name]; Detail = $Detail })
}

function Add-CheckShape {
    # Records which properties of the table an object lacks.
    param([Parameter(Mandatory)] [string] $Class, [Parameter(Mandatory)] $Value)

    $lacks = @($script:CheckProperties[$Class] -split ' ' | Where-Object -FilterScript { $null -eq $Value.PSObject.Properties[$_] })
    $seen = 'all'
    if ($lacks.Count -gt 0) { $seen = "without $($lacks -join ', ')" }
    $null = $script:CheckRun.Facts.Add(@{ Name = "properties-$($Class.ToLowerInvariant())"; Seen = $seen; Expected = 'all'; Detail = '' })
}

function Add-CheckRefusal {
    # Records whether Hyper-V accepts a change, and the error of one that it refuses.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [scriptblock] $Change)

    try {
        $null = & $Change
        Add-CheckFact -Name $Name -Seen 'accepted'
    } catch {
        if (Test-CheckMissing -ErrorRecord $_) { return } # a command that does not exist refuses nothing
        Add-CheckFact -Name $Name -Seen 'refused' -Detail (Get-CheckErrorId -ErrorRecord $_)
    }
}

function Test-CheckFact {
    # Writes a finding for each fact that was seen.
    foreach ($fact in $script:CheckRun.Facts) {
        $name = "fact-$($fact.Name)"
        $detail = ''
        if ($fact.Detail) { $detail = " [$($fact.Detail)]" }
        if ($fact.Expected -eq '*' -or ($fact.Expected -split '\|') -contains $fact.Seen) {
            Write-Finding -Name $name -Status pass -Message "'$($fact.Seen)'$detail"
        } else {
            Write-Finding -Name $name -Status warn -Message "Hyper-V returned '$($fact.Seen)'$detail; the agent expects '$($fact.Expected)'." -Remedy 'Please report it with this line and the versions.'
        }
    }
}
