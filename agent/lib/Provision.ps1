# Making a virtual machine from an image, step by step. What a step makes is noted in $Job.Made, and that written down, before
# it is made.

function Invoke-ProvisionJob {
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
    if ($Job.Steps -contains 'start') {
        Enter-JobStep -Context $Context -Job $Job -Name 'start' -Message 'start the virtual machine'
        Start-VM -VM $vm
    }
    if ($Job.Steps -contains 'wait') { Invoke-ProvisionWait -Context $Context -Job $Job }
    if ($Job.Steps -contains 'eject') { Invoke-ProvisionEject -Context $Context -Job $Job -Plan $plan -VM $vm }
    if ($Job.Steps -contains 'cluster') { Invoke-ProvisionCluster -Context $Context -Job $Job -VM $vm }
}

function Get-ProvisionStep {
    # Gives the steps of the definition. The role in the cluster is last: what is not whole is nothing to fail over.
    param([Parameter(Mandatory)] $Fields)

    $waits = [bool](Get-JobWait -Fields $Fields)
    'preflight', 'vm', 'disk'
    if (@(Get-WantedDisk -Value $Fields['data_disks']).Count -gt 0) { 'data_disks' }
    if ((Get-JobGeneration -Fields $Fields) -eq 2) { 'firmware' }
    'network'
    if ($Fields.Contains('media_name')) { 'media' }
    if ($Fields['power_state'] -ne 'off') { 'start' }
    if ($waits) { 'wait' }
    if ($waits -and $Fields.Contains('media_name')) { 'eject' }
    if ($Fields['vm_clustered'] -eq $true) { 'cluster' }
}

function Invoke-ProvisionPreflight {
    # Gives the folder, the image and the switch that the later steps need.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -Message 'check the definition against the host'
    Write-GuestWarning -Context $Context -Job $Job -Names $Job.Fields.Keys
    $machine = Get-AgentHost
    $findings = @(Get-JobFinding -Context $Context -Machine $machine -Definition @{ Operation = 'provision'; Fields = $Job.Fields } -Settings $Job.Settings)
    Assert-NoFinding -Findings $findings
    $folder = [System.IO.Path]::Combine((Get-AgentFolder -Machine $machine -Settings $Job.Settings -Name 'vm_path'), 'hypervvm', $Job.Id.ToLowerInvariant())
    if ([System.IO.Directory]::Exists($folder) -or [System.IO.File]::Exists($folder)) {
        throw (New-AgentError -Code 'step_failed' -Message "folder $folder exists already" -Remedy 'a job of this id ran before: use a new id')
    }
    $library = Get-AgentFolder -Machine $machine -Settings $Job.Settings -Name 'image_path'
    $image = @(Get-AgentImage -Folder $library | Where-Object -FilterScript { Test-SameName -Left $_.BaseName -Right $Job.Fields['image_name'] })[0]
    $media = ''
    if ($Job.Fields.Contains('media_name')) { $media = Find-AgentMedia -Folder $library -Name $Job.Fields['media_name'] }
    return @{ Machine = $machine; Folder = $folder; Image = $image; Media = $media; Switch = (Find-HostSwitch -Name $Job.Fields['switch_name']) }
}

function Assert-NoFinding {
    # Fails with the first finding, if there is any.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Findings)

    foreach ($finding in $Findings) {
        throw (New-AgentError -Code $finding['code'] -Message $finding['message'] -Field $finding['field'] -Remedy $finding['remedy'])
    }
}

function Write-GuestWarning {
    # Names the settings that this version takes and does not apply.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [AllowEmptyCollection()] $Names)

    $ignored = @($Names | Where-Object -FilterScript { $_ -match '^(guest|cnf)_' })
    if ($ignored.Count -gt 0) {
        Write-JobEvent -Context $Context -Job $Job -Kind 'warning' `
            -Message ('settings inside the guest are not applied by this version: ' + [string]::Join(', ', $ignored))
    }
}

function Invoke-ProvisionVM {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $fields = $Job.Fields
    $name = $fields['vm_name']
    $folder = $Plan.Folder
    $generation = Get-JobGeneration -Fields $fields
    $kind = if ($generation -eq 2) { '' } else { " of generation $generation" }
    Enter-JobStep -Context $Context -Job $Job -Name 'vm' `
        -Message ("create virtual machine '$name'$kind in ${folder}: processors: $(Format-AgentNumber -Value $fields['cpu_cores']), " +
            "$(Format-JobMemory -Fields $fields), $(Format-JobCheckpoint -Fields $fields)")
    $lock = Lock-HostName
    try {
        Assert-NoFinding -Findings @(Find-NameFinding -Machine $Plan.Machine -Name $name -VMId '')
        # Until its id is known, the virtual machine is found by its folder, which is this job's alone.
        $Job.Made.Folder = $folder
        $Job.Made.Making = $true
        Save-JobState -Context $Context -Job $Job
        $null = [System.IO.Directory]::CreateDirectory($folder)
        $vm = New-VM -Name $name -MemoryStartupBytes ([long]($fields['gb_ram'] * 1GB)) -Generation $generation -NoVHD -Path $folder
        $Job.VMId = $vm.Id.ToString()
        $Job.Made.VM = $Job.VMId
        Save-JobState -Context $Context -Job $Job
    } finally {
        Unlock-HostName -Lock $lock
    }
    Write-JobEvent -Context $Context -Job $Job -Kind 'vm' -Message "virtual machine '$name' has id $($Job.VMId)" -More @{ vm_id = $Job.VMId }
    $Job.Made.Manifest = New-JobManifest -Job $Job -Folder $folder -VMId $Job.VMId
    Save-JobManifest -Manifest $Job.Made.Manifest
    Set-VMProcessor -VM $vm -Count $fields['cpu_cores']
    Initialize-JobMemory -VM $vm -Fields $fields
    Initialize-JobAction -VM $vm -Fields $fields
    return $vm
}

function Invoke-ProvisionDisk {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $path = [System.IO.Path]::Combine($Plan.Folder, $Job.Fields['vm_name'] + '.vhdx')
    Enter-JobStep -Context $Context -Job $Job -Name 'disk' -Message (Format-ImageDisk -Job $Job -Image $Plan.Image -Path $path)
    if ([System.IO.File]::Exists($path)) { throw (New-AgentError -Code 'step_failed' -Message "file $path exists already") }
    $null = $Job.Made.Files.Add($path)
    Save-JobState -Context $Context -Job $Job
    New-ImageDisk -Context $Context -Job $Job -Image $Plan.Image -Path $path
    # The BIOS of generation 1 starts from IDE only.
    if ((Get-JobGeneration -Fields $Job.Fields) -eq 1) {
        return Add-VMHardDiskDrive -VM $VM -ControllerType IDE -ControllerNumber 0 -ControllerLocation 0 -Path $path -Passthru
    }
    return Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $path -Passthru
}
