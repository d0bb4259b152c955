# The host: its Hyper-V module, virtual machines, switches, images and cluster.

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
    try {
        return Get-VMHost
    } catch {
        if ($_.CategoryInfo.Category -eq [System.Management.Automation.ErrorCategory]::PermissionDenied) {
            throw (New-AgentError -MessageId 'host_access_denied' -Values @{ reason = $_.Exception.Message })
        }
        throw (New-AgentError -MessageId 'host_not_ready' -Values @{ reason = $_.Exception.Message })
    }
}

function Get-AgentCluster {
    # Returns the name of the host's cluster, or an empty string. Queried once per session.
    param([Parameter(Mandatory)] $Context)

    if ($null -eq $Context.Cluster) {
        $name = ''
        if ($null -ne (Get-Command -Name 'Get-Cluster' -ErrorAction SilentlyContinue)) {
            # Fails on a host that has the tools but is not a cluster node.
            try { $name = [string](Get-Cluster).Name } catch { $name = '' }
        }
        $Context.Cluster = $name
    }
    return $Context.Cluster
}

function Get-AgentHello {
    # Serves request hello.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $machine = Get-AgentHost
    if ((Get-AgentProperty -Value $Request -Name 'install') -eq $true) {
        try { $null = Invoke-AgentInstall -Context $Context } catch { $null = $_ } # request install reports the error
    }
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
    }
}

function Get-AgentFolder {
    # Returns the folder of images, or of new virtual machines: from the settings, or the host's default.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Settings, [Parameter(Mandatory)] [string] $Name)

    $folder = Get-AgentText -Value $Settings -Name $Name
    if ($folder) { return $folder }
    if ($Name -eq 'vm_path') { return $Machine.VirtualHardDiskPath }
    return [System.IO.Path]::Combine($Machine.VirtualHardDiskPath, 'Images')
}

function Get-ImageFile {
    # Returns the images in a folder, sorted by name. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder)

    Get-FolderFile -Folder $Folder -Extension '.vhdx'
}

function Get-FolderFile {
    # Returns the files in a folder with an extension, sorted by name. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Extension)

    if (-not [System.IO.Directory]::Exists($Folder)) { return }
    $files = @(Get-ChildItem -LiteralPath $Folder -File | Where-Object -FilterScript { $_.Extension -eq $Extension })
    $names = [string[]]@($files | ForEach-Object -Process { $_.BaseName })
    [System.Array]::Sort($names, $files, [System.StringComparer]::OrdinalIgnoreCase)
    $files
}

function Test-SameName {
    # Reports whether two names are equal as Hyper-V and Windows compare them: ordinal, ignoring case.
    param([AllowNull()] [string] $Left, [AllowNull()] [string] $Right)

    return [string]::Equals($Left, $Right, [System.StringComparison]::OrdinalIgnoreCase)
}

function Find-HostVM {
    # Returns the virtual machine with a GUID, or nothing when the host does not have it.
    param([Parameter(Mandatory)] [string] $Id)

    try {
        return Get-VM -Id $Id
    } catch {
        if ($_.FullyQualifiedErrorId -notlike 'InvalidParameter,*') { throw }
    }
    # The error has other causes too: only the list of all virtual machines shows that this one does not exist.
    return Get-VM | Where-Object -FilterScript { $_.Id.ToString() -eq $Id }
}

function Get-HostVM {
    # Returns the virtual machine with a GUID. Throws vm_not_found.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Id)

    $vm = Find-HostVM -Id $Id
    if ($null -eq $vm) {
        throw (New-AgentError -MessageId 'vm_not_found' -Values @{ id = $Id; host = $Machine.Name })
    }
    return $vm
}

function Find-VMByName {
    # Returns a virtual machine with a name, except the one with the GUID ExceptId. The name is not passed to Get-VM, which would
    # treat it as a wildcard pattern.
    param([Parameter(Mandatory)] [string] $Name, [string] $ExceptId = '')

    Get-VM | Where-Object -FilterScript { (Test-SameName -Left $_.Name -Right $Name) -and $_.Id.ToString() -ne $ExceptId } | Select-Object -First 1
}

function Find-HostSwitch {
    # Returns the virtual switch with a name, or without a name the only one; nothing when it does not exist.
    param([AllowNull()] [AllowEmptyString()] [string] $Name)

    $switches = @(Get-VMSwitch)
    if ($Name) { return $switches | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $Name } | Select-Object -First 1 }
    if ($switches.Count -eq 1) { return $switches[0] }
}
