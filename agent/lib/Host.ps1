# The host: its module, its virtual machines by GUID, its images and its cluster.

function Get-AgentHost {
    # Gives what Get-VMHost does, or an error that says what the host lacks.
    try {
        if ($null -eq (Get-Module -Name 'Hyper-V')) { Import-Module -Name 'Hyper-V' -Verbose:$false }
    } catch {
        throw (New-AgentError -Code 'host_not_ready' -Message "the PowerShell module Hyper-V cannot be loaded: $($_.Exception.Message)" `
                -Remedy 'install the role: Install-WindowsFeature -Name Hyper-V -IncludeManagementTools')
    }
    try {
        return Get-VMHost
    } catch {
        $remedy = 'see whether the service vmms (Hyper-V Virtual Machine Management) runs on the host'
        if ($_.CategoryInfo.Category -eq [System.Management.Automation.ErrorCategory]::PermissionDenied) {
            $remedy = 'make the account a member of the group Hyper-V Administrators on the host'
        }
        throw (New-AgentError -Code 'host_not_ready' -Message $_.Exception.Message -Remedy $remedy)
    }
}

function Get-AgentCluster {
    # Gives the name of the cluster that the host belongs to, or empty text. Looked up once a session.
    param([Parameter(Mandatory)] $Context)

    if ($null -eq $Context.Cluster) {
        $name = ''
        if ($null -ne (Get-Command -Name 'Get-Cluster' -ErrorAction SilentlyContinue)) {
            # A host that has the tools and is in no cluster fails here.
            try { $name = [string](Get-Cluster).Name } catch { $name = '' }
        }
        $Context.Cluster = $name
    }
    return $Context.Cluster
}

function Get-AgentHello {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $machine = Get-AgentHost
    if ((Get-AgentProperty -Value $Request -Name 'install') -eq $true) {
        try { $null = Get-AgentInstallation -Context $Context } catch { $null = $_ } # install tells why
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
    # Gives the folder of the images, or the one for new virtual machines: as the host's owner set it, or the host's own.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] $Settings, [Parameter(Mandatory)] [string] $Name)

    $folder = Get-AgentText -Value $Settings -Name $Name
    if ($folder) { return $folder }
    if ($Name -eq 'vm_path') { return $Machine.VirtualHardDiskPath }
    return [System.IO.Path]::Combine($Machine.VirtualHardDiskPath, 'Images')
}

function Get-AgentImage {
    # Gives the images in a folder, in the order of their names. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder)

    Get-FolderFile -Folder $Folder -Extension '.vhdx'
}

function Get-FolderFile {
    # Gives the files in a folder that have an extension, in the order of their names. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Extension)

    if (-not [System.IO.Directory]::Exists($Folder)) { return }
    $files = @(Get-ChildItem -LiteralPath $Folder -File | Where-Object -FilterScript { $_.Extension -eq $Extension })
    $names = [string[]]@($files | ForEach-Object -Process { $_.BaseName })
    [System.Array]::Sort($names, $files, [System.StringComparer]::OrdinalIgnoreCase)
    $files
}

function Test-SameName {
    # Compares names as Hyper-V and Windows do: literally, but for the case of letters.
    param([AllowNull()] [string] $Left, [AllowNull()] [string] $Right)

    return [string]::Equals($Left, $Right, [System.StringComparison]::OrdinalIgnoreCase)
}

function Find-HostVM {
    # Gives the virtual machine of that GUID, or nothing when the host has none.
    param([Parameter(Mandatory)] [string] $Id)

    try {
        return Get-VM -Id $Id
    } catch {
        if ($_.FullyQualifiedErrorId -notlike 'InvalidParameter,*') { throw }
    }
    # The same error has other causes: only a look at all machines tells that this one is gone.
    return Get-VM | Where-Object -FilterScript { $_.Id.ToString() -eq $Id }
}

function Get-HostVM {
    # Gives the virtual machine of that GUID, or an error.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Id)

    $vm = Find-HostVM -Id $Id
    if ($null -eq $vm) {
        throw (New-AgentError -Code 'vm_not_found' -Message "virtual machine $Id is not on host $($Machine.Name)")
    }
    return $vm
}

function Find-HostName {
    # Gives the virtual machines that have a name, but for the one with the GUID ExceptId. The name goes to no cmdlet: there,
    # it would be a pattern.
    param([Parameter(Mandatory)] [string] $Name, [string] $ExceptId = '')

    Get-VM | Where-Object -FilterScript { (Test-SameName -Left $_.Name -Right $Name) -and $_.Id.ToString() -ne $ExceptId } | Select-Object -First 1
}

function Find-HostSwitch {
    # Gives the virtual switch of a name, or without a name the only one; nothing when there is none such.
    param([AllowNull()] [AllowEmptyString()] [string] $Name)

    $switches = @(Get-VMSwitch)
    if ($Name) { return $switches | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $Name } | Select-Object -First 1 }
    if ($switches.Count -eq 1) { return $switches[0] }
}
