# The host: its Hyper-V module, virtual machines, switches, images and cluster.

# How often the host is listed until no virtual machine is removed meanwhile.
$script:AgentListTries = 3

function Get-AgentHost {
    <#
    .SYNOPSIS
    Returns the result of Get-VMHost. Throws host_not_ready, with the remedy, when the host cannot be queried.
    #>
    try {
        if ($null -eq (Get-Module -Name 'Hyper-V')) { Import-Module -Name 'Hyper-V' -Verbose:$false }
    } catch {
        throw (New-AgentError -MessageId 'hyperv_module_missing' -Values @{ reason = $_.Exception.Message })
    }
    Clear-HostObject
    try {
        return Get-VMHost
    } catch {
        $denied = Get-AccessText -ErrorRecord $_
        if ($null -ne $denied) { throw (New-AgentException -Code $denied.Code -Message $denied.Message -Remedy $denied.Remedy) }
        throw (New-AgentError -MessageId 'host_not_ready' -Values @{ reason = $_.Exception.Message })
    }
}

function Clear-HostObject {
    # Makes the Hyper-V module read its objects anew. It keeps them in the process, and learns of the changes of others by events, on
    # which a session that lives for hours must not depend. The command enables what is enabled by default.
    if ($null -eq (Get-Command -Name 'Enable-VMEventing' -ErrorAction SilentlyContinue)) { return }
    try {
        Enable-VMEventing -Force
    } catch {
        # The next command reports a host that does not answer, with its cause.
        $null = $_
    }
}

function Get-AgentCluster {
    # Returns the name of the host's cluster, or an empty string. Queried once per session, unless the cluster cannot be asked.
    param([Parameter(Mandatory)] $Context)

    if ($null -ne $Context.Cluster) { return $Context.Cluster }
    $state = Get-ClusterState
    if (-not $state.Problem -or $state.Problem -eq 'host_not_clustered') { $Context.Cluster = $state.Name }
    return $state.Name
}

function Get-AgentHello {
    # Serves request hello.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $machine = Get-AgentHost
    $version = [System.Environment]::OSVersion.Version
    return [ordered]@{
        agent      = $script:AgentVersion
        powershell = $PSVersionTable.PSVersion.ToString()
        os         = "$($version.Major).$($version.Minor).$($version.Build)"
        hyperv     = (Get-Module -Name 'Hyper-V').Version.ToString()
        host       = $machine.Name
        cluster    = Get-AgentCluster -Context $Context
        schemas    = [object[]]@([ordered]@{ id = $script:AgentSchemaId; versions = [object[]]$script:AgentSchemaVersions })
        image_path = Get-AgentFolder -Machine $machine -Settings $null -Name 'image_path'
        vm_path    = Get-AgentFolder -Machine $machine -Settings $null -Name 'vm_path'
        installed  = Test-AgentInstalled -Context $Context
        lacks      = [object[]]@(Get-AgentLack -Context $Context -Machine $machine)
    }
}

function Get-AgentFolder {
    # Returns the folder of images, or of new virtual machines, in canonical form: from the settings, or the host's default.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Settings, [Parameter(Mandatory)] [string] $Name)

    $folder = Get-AgentText -Value $Settings -Name $Name
    if ($folder) { return Get-CanonicalPath -Path $folder }
    $default = Get-CanonicalPath -Path $Machine.VirtualHardDiskPath
    if ($Name -eq 'vm_path') { return $default }
    return [System.IO.Path]::Combine($default, 'Images')
}

function Join-FolderSetting {
    # Returns the folders of a definition, and those of the settings of the host where the definition names none.
    param([AllowNull()] $Settings, [Parameter(Mandatory)] $Fields)

    $folders = @{}
    foreach ($name in 'image_path', 'vm_path') {
        $folders[$name] = if ($Fields[$name]) { $Fields[$name] } else { Get-AgentText -Value $Settings -Name $name }
    }
    return [pscustomobject]$folders
}

function Get-ImageFile {
    # Returns the images in a folder, sorted by name. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder)

    Get-FolderFile -Folder $Folder -Extension '.vhdx'
}

function Find-NamedFile {
    # Returns those of several files that have a name without its extension. More than one differ in letter case only, as in a folder that
    # is case-sensitive: https://learn.microsoft.com/windows/wsl/case-sensitivity. None of them is taken. Call it within @( ).
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $File, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Name)

    $File | Where-Object -FilterScript { Test-SameName -Left $_.BaseName -Right $Name }
}

function Join-BaseName {
    # Returns the names of files without their extensions as text.
    param([Parameter(Mandatory)] [object[]] $File)

    $names = [string[]]@($File | ForEach-Object -Process { $_.BaseName })
    [System.Array]::Sort($names, [System.StringComparer]::Ordinal)
    return Join-AgentText -Text $names
}

function Get-FolderFile {
    # Returns the files in a folder with an extension, sorted by name. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Extension)

    if (-not [System.IO.Directory]::Exists($Folder)) { return }
    # Array.Sort with keys and items sorts a copy of the items, depending on their types.
    $files = [System.Collections.Generic.Dictionary[string, object]]::new([System.StringComparer]::Ordinal)
    foreach ($file in @(Get-ChildItem -LiteralPath $Folder -File)) {
        if ($file.Extension -eq $Extension) { $files[$file.BaseName + "`n" + $file.Extension] = $file }
    }
    $names = [string[]]@($files.Keys)
    [System.Array]::Sort($names, [System.StringComparer]::OrdinalIgnoreCase)
    foreach ($name in $names) { $files[$name] }
}

function Test-SameName {
    # Reports whether two names are equal as Hyper-V and Windows compare them: ordinal, ignoring case.
    param([AllowNull()] [string] $Left, [AllowNull()] [string] $Right)

    return [string]::Equals($Left, $Right, [System.StringComparison]::OrdinalIgnoreCase)
}

function Find-HostVM {
    # Returns the virtual machine with a GUID, or nothing when the host does not have it.
    param([Parameter(Mandatory)] [string] $Id)

    $problem = $null
    try {
        $vm = Get-VM -Id $Id
        if (-not (Test-DeletedVM -VM $vm)) { return $vm }
    } catch {
        if (-not (Test-MissingError -ErrorRecord $_)) { throw }
        $problem = $_
    }
    # The error has other causes too, such as a service that does not answer: only a complete list shows that the virtual machine
    # does not exist. Id is part of the listed objects, so that the list costs one query.
    $trouble = New-Object -TypeName System.Collections.ArrayList
    foreach ($vm in @(Get-HostVMList -Trouble $trouble)) { if ($vm.Id.ToString() -eq $Id) { return $vm } }
    if ($trouble.Count -gt 0) {
        if ($null -ne $problem) { throw $problem }
        throw $trouble[0]
    }
}

function Find-HostVMSet {
    # Returns the virtual machines with several GUIDs that the host has. Call it within @( ). More than one are looked up in a list of the
    # host, which costs less than the search for one that is gone.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Id)

    if ($Id.Count -eq 0) { return }
    if ($Id.Count -eq 1) { return Find-HostVM -Id $Id[0] }
    $trouble = New-Object -TypeName System.Collections.ArrayList
    $listed = @{}
    foreach ($vm in @(Get-HostVMList -Trouble $trouble)) { $listed[$vm.Id.ToString()] = $vm }
    foreach ($item in $Id) {
        if ($listed.ContainsKey($item)) { $listed[$item] } elseif ($trouble.Count -gt 0) { throw $trouble[0] }
    }
}

function Get-HostVMList {
    # Returns the virtual machines of the host. Call it within @( ). One that is removed while the host is listed does not fail the
    # list: the host is listed again. What fails each time is added to Trouble, as error records.
    param([AllowNull()] [System.Collections.ArrayList] $Trouble)

    $found = @()
    $errors = @()
    for ($try = 0; $try -lt $script:AgentListTries; $try++) {
        # Errors of single virtual machines do not end the command, and come with its output.
        $output = @(Get-VM -ErrorAction Continue 2>&1)
        $errors = @($output | Where-Object -FilterScript { $_ -is [System.Management.Automation.ErrorRecord] })
        $found = @($output | Where-Object -FilterScript { $_ -isnot [System.Management.Automation.ErrorRecord] -and -not (Test-DeletedVM -VM $_) })
        foreach ($problem in $errors) { if (-not (Test-MissingError -ErrorRecord $problem)) { throw $problem } }
        if ($errors.Count -eq 0) { break }
    }
    # The same error is written when the service does not run: then there is nothing else, and the host cannot be queried either.
    if ($errors.Count -gt 0 -and $found.Count -eq 0) {
        if ($null -eq $Trouble) { throw $errors[0] }
        try { $null = Get-VMHost } catch { throw $errors[0] }
    }
    if ($null -ne $Trouble) { foreach ($problem in $errors) { $null = $Trouble.Add($problem) } }
    $found
}

function Get-VMProperty {
    # Returns the items of a list of a virtual machine, such as HardDrives, or nothing when the virtual machine was removed since it was
    # listed. Call it within @( ). The module queries such a property at each access, and PowerShell returns null for one that fails.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Name)

    $value = Get-MemberValue -Value $VM -Name $Name
    if ($null -ne $value) { return $value }
    if ($null -ne (Find-HostVM -Id $VM.Id.ToString())) {
        throw (New-AgentError -MessageId 'vm_property_unreadable' -Values @{ property = $Name; vm = $VM.Name })
    }
}

function Test-RemovedVM {
    # Reports whether a virtual machine was removed since it was listed.
    param([Parameter(Mandatory)] $VM)

    if (Test-DeletedVM -VM $VM) { return $true }
    if ($null -ne $VM.HardDrives -and $null -ne $VM.NetworkAdapters) { return $false }
    return $null -eq (Find-HostVM -Id $VM.Id.ToString())
}

function Test-MissingError {
    # Reports whether an error of Get-VM may mean that a virtual machine does not exist: ObjectNotFound by id, InvalidParameter by
    # name, and an error without a category in version 1 of the module.
    param([Parameter(Mandatory)] $ErrorRecord)

    $category = $ErrorRecord.CategoryInfo.Category
    if ($category -eq [System.Management.Automation.ErrorCategory]::ObjectNotFound) { return $true }
    $id = $ErrorRecord.FullyQualifiedErrorId.Split(',')[0]
    if ($category -eq [System.Management.Automation.ErrorCategory]::NotSpecified -and $id -eq 'Unspecified') { return $true }
    return @('ObjectNotFound', 'InvalidParameter') -contains $id
}

function Test-DeletedVM {
    # Reports whether an object says that its virtual machine is deleted.
    param([Parameter(Mandatory)] $VM)

    return (Get-OptionalProperty -Value $VM -Name 'IsDeleted') -eq $true
}

function Get-HostVM {
    # Returns the virtual machine with a GUID. Throws vm_not_found, or vm_elsewhere when another cluster node has it.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Id)

    $vm = Find-OwnedVM -Machine $Machine -Id $Id
    if ($null -eq $vm) {
        throw (New-AgentError -MessageId 'vm_not_found' -Values @{ id = $Id; host = $Machine.Name })
    }
    return $vm
}

function Find-HostSwitch {
    # Returns the virtual switch with a name, or without a name the only one; nothing when it does not exist. Throws when several have
    # the name, which Hyper-V allows. Field is the field that names the switch.
    param([AllowNull()] [AllowEmptyString()] [string] $Name, [string] $Field = 'switch_name')

    $switches = @(Get-VMSwitch)
    if ($Name) { $switches = @($switches | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $Name }) }
    if ($switches.Count -eq 1) { return $switches[0] }
    if ($Name -and $switches.Count -gt 1) {
        $values = @{ name = $Name; count = $switches.Count; switches = (Get-SwitchText -Switches $switches) }
        throw (New-AgentError -Field $Field -MessageId 'switch_name_ambiguous' -Values $values)
    }
}

function Get-SwitchText {
    # Returns the switches as text, each with its type and GUID.
    param([Parameter(Mandatory)] [object[]] $Switches)

    $names = [string[]]@($Switches | ForEach-Object -Process { "$($_.SwitchType) $($_.Id)" })
    [System.Array]::Sort($names, [System.StringComparer]::Ordinal)
    return Join-AgentText -Text $names
}
