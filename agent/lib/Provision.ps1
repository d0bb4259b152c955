# Making a virtual machine from an image, step by step. What a step makes is noted in $Job.Made, and that written down, before
# it is made.

function Invoke-ProvisionJob {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $Job.Steps = @('preflight', 'vm', 'disk')
    if ((Get-JobGeneration -Fields $fields) -eq 2) { $Job.Steps += 'firmware' }
    $Job.Steps += 'network'
    if ($fields['vm_clustered'] -eq $true) { $Job.Steps += 'cluster' }
    if ($fields['power_state'] -ne 'off') { $Job.Steps += 'start' }

    $plan = Invoke-ProvisionPreflight -Context $Context -Job $Job
    $vm = Invoke-ProvisionVM -Context $Context -Job $Job -Plan $plan
    $drive = Invoke-ProvisionDisk -Context $Context -Job $Job -Plan $plan -VM $vm
    if ($Job.Steps -contains 'firmware') { Invoke-ProvisionFirmware -Context $Context -Job $Job -VM $vm -Drive $drive }
    Invoke-ProvisionNetwork -Context $Context -Job $Job -Plan $plan -VM $vm
    if ($Job.Steps -contains 'cluster') {
        Enter-JobStep -Context $Context -Job $Job -Name 'cluster' -Message "add the virtual machine to cluster '$(Get-AgentCluster -Context $Context)'"
        $Job.Made.Clustered = $true
        Save-JobState -Context $Context -Job $Job
        $null = Add-ClusterVirtualMachineRole -VMId $vm.Id
    }
    if ($Job.Steps -contains 'start') {
        Enter-JobStep -Context $Context -Job $Job -Name 'start' -Message 'start the virtual machine'
        Start-VM -VM $vm
    }
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
    $image = @(Get-AgentImage -Folder (Get-AgentFolder -Machine $machine -Settings $Job.Settings -Name 'image_path') |
            Where-Object -FilterScript { Test-SameName -Left $_.BaseName -Right $Job.Fields['image_name'] })[0]
    return @{ Machine = $machine; Folder = $folder; Image = $image; Switch = (Find-HostSwitch -Name $Job.Fields['switch_name']) }
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
    Enter-JobStep -Context $Context -Job $Job -Name 'disk' `
        -Message "copy image '$($Plan.Image.BaseName)' ($(Format-AgentSize -Bytes $Plan.Image.Length)) to $path"
    if ([System.IO.File]::Exists($path)) { throw (New-AgentError -Code 'step_failed' -Message "file $path exists already") }
    $null = $Job.Made.Files.Add($path)
    Save-JobState -Context $Context -Job $Job
    Copy-AgentImage -Context $Context -Job $Job -Source $Plan.Image.FullName -Target $path -Created {
        $null = $Job.Made.Manifest.Files.Add($path)
        Save-JobManifest -Manifest $Job.Made.Manifest
    }
    # The BIOS of generation 1 starts from IDE only.
    if ((Get-JobGeneration -Fields $Job.Fields) -eq 1) {
        return Add-VMHardDiskDrive -VM $VM -ControllerType IDE -ControllerNumber 0 -ControllerLocation 0 -Path $path -Passthru
    }
    return Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $path -Passthru
}

function Invoke-ProvisionNetwork {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $vlan = [int]$Job.Fields['vlan_id']
    $virtualSwitch = $Plan.Switch
    Enter-JobStep -Context $Context -Job $Job -Name 'network' -Message "connect to switch '$($virtualSwitch.Name)', $(Format-Vlan -Id $vlan)"
    $adapter = @(Get-VMNetworkAdapter -VM $VM)[0]
    Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -VMSwitch $virtualSwitch
    if ($vlan -gt 0) { Set-VMNetworkAdapterVlan -VMNetworkAdapter $adapter -Access -VlanId $vlan }
}

function Format-Vlan {
    param([Parameter(Mandatory)] [int] $Id)

    if ($Id -gt 0) { return "VLAN $Id" }
    return 'untagged'
}
