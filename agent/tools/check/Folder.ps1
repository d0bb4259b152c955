# The folders of images and virtual machines, and the agent's data folder.

function Get-CheckFolder {
    # Returns a folder: the given one, or the host's default; an empty string when it is unknown.
    param([Parameter(Mandatory)] [string] $Name, [AllowEmptyString()] [string] $Given)

    if ($Given) { return $Given }
    if ($null -eq $script:CheckMachine) { return '' }
    if ($Name -eq 'vm-path') { return $script:CheckMachine.VirtualHardDiskPath }
    return [System.IO.Path]::Combine($script:CheckMachine.VirtualHardDiskPath, 'Images')
}

function Test-CheckFolder {
    # Checks the folders.
    param([AllowEmptyString()] [string] $ImagePath, [AllowEmptyString()] [string] $VMPath)

    foreach ($one in @(@{ Name = 'image-path'; Given = $ImagePath; Setting = 'image_path' }, @{ Name = 'vm-path'; Given = $VMPath; Setting = 'vm_path' })) {
        Invoke-Check -Name $one.Name -Check {
            $folder = Get-CheckFolder -Name $one.Name -Given $one.Given
            if (-not $folder) { Write-Finding -Name $one.Name -Status unknown -Message 'The folder is not known, because Hyper-V does not answer.'; return }
            Hide-CheckName -Placeholder "<$($one.Name.Replace('-', ' '))>" -Name $folder
            if ($folder.StartsWith('\\')) {
                Test-CheckShare -Name $one.Name -Folder $folder
                if (-not [System.IO.Directory]::Exists($folder)) { return }
            } elseif (-not [System.IO.Directory]::Exists($folder)) {
                Write-Finding -Name $one.Name -Status fail -Message 'The folder does not exist, or the account may not see it.' `
                    -Remedy "New-Item -ItemType Directory -Path '<$($one.Name.Replace('-', ' '))>', or set $($one.Setting) to a folder that exists."
                return
            }
            Test-CheckFolderContent -Name $one.Name -Folder $folder
        }
    }
    Test-CheckDataFolder
}

function Test-CheckShare {
    # Checks a folder on a share: a logon over the network has no credentials for another computer.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Folder)

    if ([System.IO.Directory]::Exists($Folder)) {
        Write-Finding -Name "$Name-share" -Status warn `
            -Message 'The folder is on a share, which this logon can reach. Over WinRM it cannot, unless the account may delegate.' `
            -Remedy 'Run "hvprov doctor" to check it over WinRM, or use a local folder or a cluster shared volume.'
        return
    }
    Write-Finding -Name "$Name-share" -Status fail `
        -Message 'The folder is on a share that this logon cannot reach. Over WinRM an account has no credentials for a second computer (the second hop), unless Kerberos delegates them.' `
        -Remedy 'Use a local folder or a cluster shared volume, or Kerberos with resource-based constrained delegation from the host to the file server.'
}

function Test-CheckFolderContent {
    # Checks that images can be read, and that virtual machines can be written.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Folder)

    if ($Name -eq 'image-path') {
        $images = @(Get-ChildItem -LiteralPath $Folder -File | Where-Object -FilterScript { $_.Extension -eq '.vhdx' })
        if ($images.Count -gt 0) { Write-Finding -Name $Name -Status pass -Message "The folder contains $($images.Count) images."; return }
        Write-Finding -Name $Name -Status warn -Message 'The folder contains no images (*.vhdx).' -Remedy 'Copy images there; "Preparing a Hyper-V host" tells how they are made.'
        return
    }
    Write-Finding -Name $Name -Status pass -Message 'The folder exists.'
    Invoke-Check -Name 'vm-path-write' -Check {
        $file = [System.IO.Path]::Combine($Folder, 'hypervvm-check-' + [guid]::NewGuid().ToString('N').Substring(0, 8) + '.tmp')
        try {
            [System.IO.File]::WriteAllText($file, 'check')
            [System.IO.File]::Delete($file)
        } catch {
            Write-Finding -Name 'vm-path-write' -Status fail -Message "The account cannot write to the folder: $($_.Exception.Message)" `
                -Remedy 'icacls.exe ''<vm path>'' /grant ''<account>:(OI)(CI)M'''
            return
        }
        Write-Finding -Name 'vm-path-write' -Status pass -Message 'The account can create and delete files.'
    }
    Invoke-Check -Name 'vm-path-space' -Check {
        $free = Get-CheckSpace -Folder $Folder
        if ($null -eq $free) { Write-Finding -Name 'vm-path-space' -Status unknown -Message 'The free space of the volume is not known.'; return }
        $text = '{0:0.0} GiB are free.' -f ($free / 1GB)
        if ($free -ge 10GB) { Write-Finding -Name 'vm-path-space' -Status pass -Message $text; return }
        Write-Finding -Name 'vm-path-space' -Status warn -Message "$text That is less than one small virtual machine needs." -Remedy 'Free space, or set vm_path to a folder of another volume.'
    }
}

function Get-CheckSpace {
    # Returns the free bytes of the volume of a folder, or null. A cluster shared volume is mounted in a folder of the system's volume.
    param([Parameter(Mandatory)] [string] $Folder)

    $volume = Get-CheckSharedVolume -Folder $Folder
    if ($null -ne $volume) { return [long]$volume.Partition.FreeSpace }
    if ($Folder.StartsWith('\\')) { return $null }
    return (New-Object -TypeName System.IO.DriveInfo -ArgumentList ([System.IO.Path]::GetPathRoot($Folder))).AvailableFreeSpace
}

function Get-CheckSharedVolume {
    # Returns the information about the cluster shared volume of a folder, or null.
    param([Parameter(Mandatory)] [string] $Folder)

    if ((Get-CheckService -Name 'ClusSvc') -ne 'Running') { return $null }
    $separator = [string][System.IO.Path]::DirectorySeparatorChar
    foreach ($volume in @(Get-ClusterSharedVolume)) {
        foreach ($info in @($volume.SharedVolumeInfo)) {
            $root = $info.FriendlyVolumeName.TrimEnd('\', '/') + $separator
            if (($Folder + $separator).StartsWith($root, [System.StringComparison]::OrdinalIgnoreCase)) { return $info }
        }
    }
    return $null
}

function Test-CheckDataFolder {
    # Checks the folder of the agent and its jobs.
    Invoke-Check -Name 'data-folder' -Check {
        $root = [System.Environment]::GetEnvironmentVariable('ProgramData')
        if (-not $root -or -not [System.IO.Directory]::Exists($root)) {
            Write-Finding -Name 'data-folder' -Status fail -Message 'The environment variable ProgramData does not name a folder.' -Remedy 'Repair the variable in the system properties.'
            return
        }
        Hide-CheckName -Placeholder '<program data>' -Name $root
        $folder = [System.IO.Path]::Combine($root, 'hypervvm')
        if (-not [System.IO.Directory]::Exists($folder)) {
            Write-Finding -Name 'data-folder' -Status pass -Message 'The agent has not been installed: its first session creates the data folder.'
            return
        }
        foreach ($path in @($folder) + @($script:AgentDataFolders | ForEach-Object -Process { [System.IO.Path]::Combine($folder, $_) })) {
            if (-not [System.IO.Directory]::Exists($path)) { continue }
            $problem = Get-DataFolderProblem -Path $path
            if (-not $problem.Kind) { continue }
            $shown = '<program data>\hypervvm' + $path.Substring($folder.Length).Replace('/', '\')
            if ($problem.Kind -eq 'link') {
                Write-Finding -Name 'data-folder' -Status fail -Message "The agent refuses the folder ${shown}: it is a link, which may lead to files of others." `
                    -Remedy "Remove the link: cmd.exe /c rmdir `"$shown`""
                return
            }
            $reason = 'an account that is neither an administrator nor recorded by Grant-HypervvmAccess.ps1 owns it'
            if ($problem.Kind -eq 'writer') { $reason = 'an account that is neither an administrator nor recorded by Grant-HypervvmAccess.ps1 may write to it' }
            Write-Finding -Name 'data-folder' -Status fail -Message "The agent refuses the folder ${shown}: $reason." `
                -Remedy ('If it is an account of hypervvm, run Grant-HypervvmAccess.ps1 for it as an administrator. Otherwise remove the data folder while no job runs on the host: ' +
                    'cmd.exe /c rmdir /s /q "%ProgramData%\hypervvm" (the next session creates it).')
            return
        }
        $file = [System.IO.Path]::Combine($folder, 'check-' + [guid]::NewGuid().ToString('N') + '.tmp')
        try {
            [System.IO.File]::WriteAllText($file, 'check')
            [System.IO.File]::Delete($file)
        } catch {
            Write-Finding -Name 'data-folder' -Status fail -Message "The account cannot write to the data folder of the agent: $($_.Exception.Message)" `
                -Remedy 'Add the account to Hyper-V Administrators, which have access; or remove the folder while no job runs on the host.'
            return
        }
        $jobs = [System.IO.Path]::Combine($folder, 'jobs')
        $count = 0
        if ([System.IO.Directory]::Exists($jobs)) { $count = [System.IO.Directory]::GetDirectories($jobs).Count }
        Write-Finding -Name 'data-folder' -Status pass -Message "The account can write to the data folder of the agent, which contains $count jobs."
    }
}
