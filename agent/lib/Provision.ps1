# Provisioning a virtual machine from an image. Each step saves what it is about to create in the job's journal first.

function Invoke-ProvisionJob {
    <#
    .SYNOPSIS
    Runs the steps of a provision job.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $Job.Steps = @(Get-ProvisionStep -Fields $fields)
    $plan = Invoke-ProvisionPreflight -Context $Context -Job $Job
    $vm = Invoke-ProvisionVM -Context $Context -Job $Job -Plan $plan
    $drive = Invoke-ProvisionDisk -Context $Context -Job $Job -Plan $plan -VM $vm
    if ($Job.Steps -contains 'data_disks') { Invoke-ProvisionDataDisk -Context $Context -Job $Job -Plan $plan -VM $vm }
    if ($Job.Steps -contains 'firmware') { Invoke-ProvisionFirmware -Context $Context -Job $Job -VM $vm -Drive $drive }
    Invoke-ProvisionNetwork -Context $Context -Job $Job -Plan $plan -VM $vm
    if ($Job.Steps -contains 'media') { Invoke-ProvisionMedia -Context $Context -Job $Job -Plan $plan -VM $vm -Drive $drive }
    if ($Job.Steps -contains 'guest_media') { Invoke-ProvisionGuestMedia -Context $Context -Job $Job -Plan $plan -VM $vm -Drive $drive }
    # Last, since each step that attaches a drive sets the first boot device. An ejected DVD does not change the order of the others.
    if ($null -ne $fields['boot_order']) { Set-BootOrder -VM $vm -Kinds $fields['boot_order'] }
    if ($Job.Steps -contains 'start') {
        Enter-JobStep -Context $Context -Job $Job -Name 'start' -MessageId 'step_start'
        Start-VM -VM $vm
    }
    if ($Job.Steps -contains 'wait') { Invoke-ProvisionWait -Context $Context -Job $Job }
    if ($Job.Steps -contains 'eject') { Invoke-ProvisionEject -Context $Context -Job $Job -Plan $plan -VM $vm }
    if ($Job.Steps -contains 'guest_direct') { Invoke-ProvisionGuestDirect -Context $Context -Job $Job }
    if ($Job.Steps -contains 'cluster') { Invoke-ProvisionCluster -Context $Context -Job $Job -VM $vm }
}

function Get-ProvisionStep {
    # Returns the steps of a definition. The cluster role comes last: an incomplete virtual machine must not fail over.
    param([Parameter(Mandatory)] $Fields)

    $waits = [bool](Get-WaitCondition -Fields $Fields)
    'preflight', 'vm', 'disk'
    if (@(Get-DataDiskSpec -Value $Fields['data_disks']).Count -gt 0) { 'data_disks' }
    if ((Get-JobGeneration -Fields $Fields) -eq 2) { 'firmware' }
    'network'
    if ($Fields.Contains('media_name')) { 'media' }
    $guest = [bool](Get-GuestSetup -Fields $Fields)
    if ($guest) { 'guest_media' }
    if ($Fields['power_state'] -ne 'off') { 'start' }
    if ($waits) { 'wait' }
    if (($waits -and $Fields.Contains('media_name')) -or ($guest -and (Test-GuestMediaEjected -Fields $Fields))) { 'eject' }
    if ($guest -and (Test-GuestDirect -Fields $Fields)) { 'guest_direct' }
    if ($Fields['vm_clustered'] -eq $true) { 'cluster' }
}

function Invoke-ProvisionPreflight {
    # Step preflight: checks the definition. Returns the folder, image, ISO file and switch for the later steps.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -MessageId 'step_preflight'
    if (-not (Get-GuestSetup -Fields $Job.Fields)) { Write-GuestWarning -Context $Context -Job $Job -Names $Job.Fields.Keys }
    $machine = Get-AgentHost
    $folders = Join-FolderSetting -Settings $Job.Settings -Fields $Job.Fields
    $findings = @(Get-JobFinding -Context $Context -Machine $machine -Definition @{ Operation = 'provision'; Fields = $Job.Fields } -Settings $Job.Settings)
    Assert-NoFinding -Findings $findings
    $folder = [System.IO.Path]::Combine((Get-AgentFolder -Machine $machine -Settings $folders -Name 'vm_path'), 'hypervvm', $Job.Id.ToLowerInvariant())
    Assert-NoJobLink -Folder $folder
    if ([System.IO.Directory]::Exists($folder) -or [System.IO.File]::Exists($folder)) {
        throw (New-AgentError -MessageId 'folder_exists' -Values @{ folder = $folder })
    }
    $library = Get-AgentFolder -Machine $machine -Settings $folders -Name 'image_path'
    $image = @(Find-NamedFile -File @(Get-ImageFile -Folder $library) -Name $Job.Fields['image_name'])[0]
    $media = ''
    if ($Job.Fields.Contains('media_name')) { $media = Find-MediaFile -Folder $library -Name $Job.Fields['media_name'] }
    return @{ Machine = $machine; Folder = $folder; Image = $image; Media = $media; Switch = (Find-HostSwitch -Name $Job.Fields['switch_name']) }
}

function Assert-NoFinding {
    # Throws the first finding, if any.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Findings)

    foreach ($finding in $Findings) {
        throw (New-AgentException -Code $finding['code'] -Message $finding['message'] -Field $finding['field'] -Remedy $finding['remedy'] -VMId ([string]$finding['vm_id']))
    }
}

function Write-GuestWarning {
    # Writes a warning that names the settings of the guest which are only recorded: in a definition without a set-up, and in an update.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [AllowEmptyCollection()] $Names)

    $ignored = @($Names | Where-Object -FilterScript { $_ -match '^(guest|cnf)_' -and $_ -ne 'guest_setup' })
    if ($ignored.Count -gt 0) {
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'guest_settings_recorded' -Values @{ fields = (Join-AgentText -Text $ignored) }
    }
}

function Invoke-ProvisionVM {
    # Step vm: creates and configures the virtual machine, without disks.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $fields = $Job.Fields
    $name = $fields['vm_name']
    $folder = $Plan.Folder
    $generation = Get-JobGeneration -Fields $fields
    Enter-JobStep -Context $Context -Job $Job -Name 'vm' -MessageId 'step_vm' -Values @{
        generation = $generation; vm = $name; folder = $folder; processors = (Format-AgentNumber -Value $fields['cpu_cores'])
        memory = (Format-JobMemory -Fields $fields); checkpoints = (Format-JobCheckpoint -Fields $fields)
    }
    $lock = Lock-VMName -Context $Context -Job $Job
    try {
        Assert-NoFinding -Findings @(Get-NameFinding -Machine $Plan.Machine -Name $name -VMId '')
        # Until its id is known, the virtual machine is identified by its folder, which only this job uses.
        $Job.Journal.Folder = $folder
        $Job.Journal.Making = $true
        Save-JobState -Context $Context -Job $Job
        $null = [System.IO.Directory]::CreateDirectory($folder)
        Assert-NoJobLink -Folder $folder
        $vm = New-VM -Name $name -MemoryStartupBytes ([long]($fields['gb_ram'] * 1GB)) -Generation $generation -NoVHD -Path $folder
        $Job.VMId = $vm.Id.ToString()
        $Job.Journal.VM = $Job.VMId
        Save-JobState -Context $Context -Job $Job
    } finally {
        Unlock-VMName -Lock $lock
    }
    Write-JobEvent -Context $Context -Job $Job -Kind 'vm' -MessageId 'vm_created' -Values @{ vm = $name; id = $Job.VMId } -Detail @{ vm_id = $Job.VMId }
    $Job.Journal.Manifest = New-JobManifest -Job $Job -Folder $folder -VMId $Job.VMId
    Save-JobManifest -Manifest $Job.Journal.Manifest
    Set-VMProcessor -VM $vm -Count $fields['cpu_cores']
    Initialize-JobMemory -VM $vm -Fields $fields
    Initialize-JobAction -VM $vm -Fields $fields
    foreach ($part in 'processor', 'memory', 'vm', 'service') { Initialize-JobSetting -VM $vm -Fields $fields -Part $part -Device $vm }
    return $vm
}

function Invoke-ProvisionDisk {
    # Step disk: creates the image's disk and attaches it. Returns its drive.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $path = [System.IO.Path]::Combine($Plan.Folder, (Get-DiskBaseName -VMName $Job.Fields['vm_name']) + '.vhdx')
    Enter-DiskStep -Context $Context -Job $Job -Image $Plan.Image -Path $path
    if ([System.IO.File]::Exists($path)) { throw (New-AgentError -MessageId 'file_exists' -Values @{ path = $path }) }
    $null = $Job.Journal.Files.Add($path)
    Save-JobState -Context $Context -Job $Job
    New-ImageDisk -Context $Context -Job $Job -Image $Plan.Image -Path $path
    # The BIOS of generation 1 boots from IDE only.
    if ((Get-JobGeneration -Fields $Job.Fields) -eq 1) {
        return Add-VMHardDiskDrive -VM $VM -ControllerType IDE -ControllerNumber 0 -ControllerLocation 0 -Path $path -Passthru
    }
    return Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $path -Passthru
}
