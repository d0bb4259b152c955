# Making a virtual machine from an image, step by step. What a step makes is noted in $Job.Made, and that written down, before
# it is made.

function Invoke-ProvisionJob {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $Job.Steps = @(Get-ProvisionStep -Fields $fields)
    $plan = Invoke-ProvisionPreflight -Context $Context -Job $Job
    $vm = Invoke-ProvisionVM -Context $Context -Job $Job -Plan $plan
    $drive = Invoke-ProvisionDisk -Context $Context -Job $Job -Plan $plan -VM $vm
    Invoke-ProvisionFirmware -Context $Context -Job $Job -VM $vm -Drive $drive
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
    'preflight', 'vm', 'disk', 'firmware', 'network'
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
    $memory = [long]($fields['gb_ram'] * 1GB)
    Enter-JobStep -Context $Context -Job $Job -Name 'vm' `
        -Message ("create virtual machine '$name' in ${folder}: processors: $(Format-AgentNumber -Value $fields['cpu_cores']), " +
            "memory: $(Format-AgentNumber -Value $fields['gb_ram']) GiB, checkpoints: off")
    $lock = Lock-HostName
    try {
        Assert-NoFinding -Findings @(Find-NameFinding -Machine $Plan.Machine -Name $name -VMId '')
        # Until its id is known, the virtual machine is found by its folder, which is this job's alone.
        $Job.Made.Folder = $folder
        $Job.Made.Making = $true
        Save-JobState -Context $Context -Job $Job
        $null = [System.IO.Directory]::CreateDirectory($folder)
        $vm = New-VM -Name $name -MemoryStartupBytes $memory -Generation 2 -NoVHD -Path $folder
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
    Set-VMMemory -VM $vm -DynamicMemoryEnabled $false -StartupBytes $memory
    Set-VM -VM $vm -Notes ([string]$fields['notes']) -CheckpointType Disabled -AutomaticStartAction StartIfRunning -AutomaticStopAction ShutDown
    return $vm
}

function Invoke-ProvisionDisk {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $path = [System.IO.Path]::Combine($Plan.Folder, $Job.Fields['vm_name'] + '.vhdx')
    Enter-JobStep -Context $Context -Job $Job -Name 'disk' `
        -Message "copy image '$($Plan.Image.BaseName)' ($(Format-AgentSize -Bytes $Plan.Image.Length)) to $path"
    if ([System.IO.File]::Exists($path)) { throw (New-AgentError -Code 'step_failed' -Message "file $path exists already") }
    $null = $Job.Made.Files.Add($path)
    Save-JobState -Context $Context -Job $Job
    Copy-AgentImage -Context $Context -Job $Job -Source $Plan.Image.FullName -Target $path -Created {
        $null = $Job.Made.Manifest.Files.Add($path)
        Save-JobManifest -Manifest $Job.Made.Manifest
    }
    return Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $path -Passthru
}

function Invoke-ProvisionFirmware {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    $template = ''
    switch ($Job.Fields['os_family']) {
        'windows' { $template = 'MicrosoftWindows' }
        'linux' { $template = 'MicrosoftUEFICertificateAuthority' }
    }
    if ($template) {
        Enter-JobStep -Context $Context -Job $Job -Name 'firmware' -Message "start from the disk, secure boot with template $template"
        Set-VMFirmware -VM $VM -EnableSecureBoot On -SecureBootTemplate $template -FirstBootDevice $Drive
    } else {
        Enter-JobStep -Context $Context -Job $Job -Name 'firmware' -Message 'start from the disk, secure boot with the template of the host'
        Set-VMFirmware -VM $VM -EnableSecureBoot On -FirstBootDevice $Drive
    }
}
