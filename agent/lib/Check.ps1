# The dry run: what stands in a definition's way on this host.

function Get-JobFinding {
    # Gives the findings in the order in which a user would meet them. Call it within @( ). Machine is what Get-AgentHost
    # gave; Unknown names the fields that will have a value later. With Warn come also those that may have gone when a job begins.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Machine,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId = '',
        [AllowEmptyCollection()] [string[]] $Unknown = @(),
        [AllowNull()] $Settings,
        [switch] $Warn
    )

    $fields = $Definition.Fields
    if ($fields.Contains('vm_name')) { Find-NameFinding -Machine $Machine -Name $fields['vm_name'] -VMId $VMId }
    if ($Definition.Operation -eq 'provision' -and $fields.Contains('image_name')) {
        Find-ImageFinding -Folder (Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path') -Name $fields['image_name'] `
            -Target (Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'vm_path') -Fields $fields -Warn:$Warn
    }
    if ($Definition.Operation -eq 'update' -and $VMId -and ($fields.Contains('disk_size_gb') -or $fields.Contains('data_disks'))) {
        Find-DiskUpdateFinding -VMId $VMId -Fields $fields -Warn:$Warn
    }
    if ($Definition.Operation -eq 'provision' -and $fields.Contains('media_name')) {
        Find-MediaFinding -Folder (Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path') -Name $fields['media_name']
    }
    if ($fields['switch_name'] -or ($Definition.Operation -eq 'provision' -and $Unknown -notcontains 'switch_name')) {
        Find-SwitchFinding -Machine $Machine -Name $fields['switch_name']
    }
    Find-AdapterFinding -Machine $Machine -Fields $fields -VMId $VMId
    if ($fields.Contains('gb_ram') -and $fields['gb_ram'] * 1GB -gt $Machine.MemoryCapacity) {
        $size = Format-AgentNumber -Value ([System.Math]::Floor($Machine.MemoryCapacity / 1GB))
        New-JobFinding -Field 'gb_ram' -Code 'memory' -Message "host $($Machine.Name) has $size GiB of memory in all" -Remedy "ask for $size GiB or less"
    } elseif ($Warn -and $fields.Contains('gb_ram') -and $fields['power_state'] -ne 'off' -and $Unknown -notcontains 'power_state') {
        Find-MemoryFinding -Machine $Machine -Bytes ([long]($fields['gb_ram'] * 1GB)) -VMId $VMId
    }
    if ($Warn) { Find-MaximumFinding -Machine $Machine -Maximum $fields['gb_ram_max'] }
    Find-FirmwareFinding -Machine $Machine -Definition $Definition -VMId $VMId -Unknown $Unknown
    if ($fields.Contains('cpu_cores') -and $fields['cpu_cores'] -gt $Machine.LogicalProcessorCount) {
        New-JobFinding -Field 'cpu_cores' -Code 'cpu' -Remedy "ask for $($Machine.LogicalProcessorCount) or less" `
            -Message "host $($Machine.Name) has $($Machine.LogicalProcessorCount) logical processors"
    }
    if ($Definition.Operation -eq 'provision' -and $Unknown -notcontains 'power_state') { Find-WaitFinding -Fields $fields }
    if ($fields['vm_clustered'] -eq $true) {
        $role = ''
        if ($Definition.Operation -eq 'provision') { $role = [string]$fields['vm_name'] }
        Find-ClusterFinding -Context $Context -Machine $Machine -Name $role
    }
}

function New-JobFinding {
    param(
        [Parameter(Mandatory)] [string] $Field,
        [Parameter(Mandatory)] [string] $Code,
        [Parameter(Mandatory)] [string] $Message,
        [Parameter(Mandatory)] [string] $Remedy,
        [string] $VMId = '',
        [string] $Severity = 'error'
    )

    $finding = [ordered]@{ field = $Field; severity = $Severity; code = $Code; message = $Message; remedy = $Remedy }
    if ($VMId) { $finding['vm_id'] = $VMId }
    return $finding
}

function Find-NameFinding {
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Name, [AllowEmptyString()] [string] $VMId)

    $holder = Find-HostName -Name $Name -ExceptId $VMId
    if ($null -eq $holder) { return }
    $id = $holder.Id.ToString()
    New-JobFinding -Field 'vm_name' -Code 'name_taken' -VMId $id `
        -Message "a virtual machine named '$($holder.Name)' already exists on host $($Machine.Name) (id $id)" `
        -Remedy 'choose another name, or import the existing virtual machine'
}

function Find-ImageFinding {
    # Target is the folder that the machine's disks would be made in.
    param(
        [Parameter(Mandatory)] [string] $Folder,
        [Parameter(Mandatory)] [string] $Name,
        [Parameter(Mandatory)] [string] $Target,
        [Parameter(Mandatory)] $Fields,
        [switch] $Warn
    )

    $images = @(Get-AgentImage -Folder $Folder)
    foreach ($image in $images) {
        if (Test-SameName -Left $image.BaseName -Right $Name) {
            Find-DiskFinding -Image $image -Target $Target -Fields $Fields -Warn:$Warn
            return
        }
    }
    $remedy = 'put a .vhdx file into that folder'
    if ($images.Count -gt 0) { $remedy = 'use one of: ' + [string]::Join(', ', [string[]]@($images | ForEach-Object -Process { $_.BaseName })) }
    New-JobFinding -Field 'image_name' -Code 'image_missing' -Message "image '$Name' was not found in $Folder" -Remedy $remedy
}

function Find-MemoryFinding {
    # Warns of a host that could not start the virtual machine now. One that runs already gives back what it has first.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [long] $Bytes, [AllowEmptyString()] [string] $VMId)

    $available = Get-AvailableMemory -Machine $Machine
    if ($null -eq $available) { return }
    if ($VMId) {
        $vm = Find-HostVM -Id $VMId
        if ($null -ne $vm -and $vm.MemoryAssigned -gt 0) {
            if ($vm.MemoryStartup -eq $Bytes) { return }
            $available += [long]$vm.MemoryAssigned
        }
    }
    if ($Bytes -le $available) { return }
    New-JobFinding -Field 'gb_ram' -Severity 'warning' -Code 'memory' -Remedy 'ask for less, or stop other virtual machines before this one starts' `
        -Message ("host $($Machine.Name) has $(Format-AgentSize -Bytes $available) of memory available now, " +
            "of $(Format-AgentSize -Bytes $Machine.MemoryCapacity)")
}

function Get-AgentCheck {
    # Answers the request of that name.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $definition = ConvertTo-JobDefinition -Value (Get-AgentProperty -Value $Request -Name 'definition') -Partial
    $vmId = (Get-AgentText -Value $Request -Name 'vm_id').ToLowerInvariant()
    $findings = @(Get-JobFinding -Context $Context -Machine (Get-AgentHost) -Definition $definition -VMId $vmId `
            -Unknown @(Get-AgentTextList -Value $Request -Name 'unknown') `
            -Settings (Get-AgentProperty -Value $Request -Name 'settings') -Warn)
    if ((Get-AgentProperty -Value $Request -Name 'allow_power_cycle') -ne $true) {
        $findings += @(Find-CycleFinding -Definition $definition -VMId $vmId -Changed @(Get-AgentTextList -Value $Request -Name 'changed'))
    }
    return [ordered]@{ findings = [object[]]$findings }
}
