# Virtual hard disks. A file describes its disk in one line of JSON after the signature of a VHDX file. A file without is a dynamic
# disk of the file's size. A copy of a file is therefore the same disk.

function Read-StandInDisk {
    # Returns the disk of a file.
    param([Parameter(Mandatory)] [string] $Path)

    $stream = [System.IO.File]::Open($Path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, ([System.IO.FileShare]::ReadWrite -bor [System.IO.FileShare]::Delete))
    try {
        $disk = @{ Type = 'Dynamic'; Size = $stream.Length; Parent = ''; FileSize = $stream.Length }
        $bytes = New-Object -TypeName byte[] -ArgumentList 4096
        $count = $stream.Read($bytes, 0, $bytes.Length)
    } finally {
        $stream.Dispose()
    }
    $line = ([System.Text.Encoding]::UTF8.GetString($bytes, 0, $count) -split "`n")[0]
    if ($line.StartsWith('vhdxfile{')) {
        $value = ConvertFrom-Json -InputObject $line.Substring(8)
        $disk.Type = $value.type
        $disk.Size = [long]$value.size
        $disk.Parent = [string]$value.parent
    }
    return $disk
}

function Write-StandInDisk {
    # Writes the description of a disk. Creates the file when it does not exist.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] $Disk)

    $text = 'vhdxfile' + (ConvertTo-Json -Compress -InputObject ([ordered]@{ type = $Disk.Type; size = $Disk.Size; parent = $Disk.Parent })) + "`n"
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($text)
    $stream = [System.IO.File]::Open($Path, [System.IO.FileMode]::OpenOrCreate, [System.IO.FileAccess]::Write)
    try {
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.SetLength($Disk.FileSize)
    } finally {
        $stream.Dispose()
    }
}

function ConvertTo-StandInDisk {
    # Returns a virtual hard disk object.
    param([Parameter(Mandatory)] [string] $Path)

    $disk = Read-StandInDisk -Path $Path
    return [pscustomobject]@{
        PSTypeName = 'Microsoft.Vhd.PowerShell.VirtualHardDisk'
        Path = $Path; VhdFormat = 'VHDX'; VhdType = $disk.Type; FileSize = [uint64]$disk.FileSize; Size = [uint64]$disk.Size; ParentPath = $disk.Parent
    }
}

function New-StandInDiskError {
    # Returns an error of New-VHD or Resize-VHD, which name the file and the Windows error.
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $Why)

    $what = if ($Cmdlet -eq 'New-VHD') { 'create the virtual hard disk', 'create' } else { 'resize the virtual disk', 'resize' }
    return New-StandInError -Cmdlet $Cmdlet -Message "Failed to $($what[0]).`n`nThe system failed to $($what[1]) '$Path': $Why"
}

function Get-VHD {
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param([Parameter(ParameterSetName = 'Path', Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [Alias('FullName')] [string[]] $Path)

    process {
        $wanted = $Path
        $caller = $PSCmdlet # Invoke-StandIn has a variable $Cmdlet
        Invoke-StandIn -Cmdlet 'Get-VHD' -Action {
            param($state)
            $latency = Get-StandInLatency -State $state
            if ($null -ne $latency) { Add-StandInCost -Latency $latency -Kind 'disk' -Name 'Get-VHD' -Count $wanted.Count -Milliseconds ($latency.disk_ms * $wanted.Count) }
            foreach ($file in $wanted) {
                $refused = Get-StandInDiskRefusal -State $state -Cmdlet 'Get-VHD' -Path $file
                if ($null -ne $refused) {
                    $caller.WriteError($refused)
                    continue
                }
                if (-not [System.IO.File]::Exists($file)) {
                    # A non-terminating error, as of the real cmdlet.
                    $caller.WriteError((New-StandInError -Cmdlet 'Get-VHD' -Id 'InvalidParameter' -Category InvalidArgument -Message "Virtual hard disk '$file' was not found."))
                    continue
                }
                ConvertTo-StandInDisk -Path $file
            }
        }
    }
}

function New-VHD {
    [CmdletBinding(DefaultParameterSetName = 'DynamicWithoutSource', SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]] $Path,
        [Parameter(ParameterSetName = 'Differencing', Mandatory, Position = 1)] [string] $ParentPath,
        [Parameter(ParameterSetName = 'DynamicWithoutSource', Mandatory, Position = 1)]
        [Parameter(ParameterSetName = 'FixedWithoutSource', Mandatory, Position = 1)]
        [Parameter(ParameterSetName = 'Differencing', Position = 2)] [uint64] $SizeBytes,
        [Parameter(ParameterSetName = 'DynamicWithoutSource')] [switch] $Dynamic,
        [Parameter(ParameterSetName = 'FixedWithoutSource', Mandatory)] [switch] $Fixed,
        [Parameter(ParameterSetName = 'Differencing')] [switch] $Differencing
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Path)) { return }
        $wanted = $Path
        $disk = @{ Type = 'Dynamic'; Size = [long]$SizeBytes; Parent = ''; FileSize = $script:StandInDiskOverhead }
        if ($Fixed) {
            $disk.Type = 'Fixed'
            $disk.FileSize += $disk.Size
        } elseif ($Differencing -or $ParentPath) {
            $disk.Type = 'Differencing'
            $disk.Parent = $ParentPath
        } elseif (-not $Dynamic) {
            $disk.Type = 'Dynamic' # the default
        }
        Invoke-StandIn -Cmdlet 'New-VHD' -Change -Action {
            param($state)
            foreach ($file in $wanted) {
                if ([System.IO.File]::Exists($file) -or [System.IO.Directory]::Exists($file)) {
                    throw (New-StandInDiskError -Cmdlet 'New-VHD' -Path $file -Why 'The file exists. (0x80070050).')
                }
                if ($disk.Parent) {
                    $refused = Get-StandInDiskRefusal -State $state -Cmdlet 'New-VHD' -Path $disk.Parent
                    if ($null -ne $refused) { throw $refused }
                    if (-not [System.IO.File]::Exists($disk.Parent)) {
                        throw (New-StandInDiskError -Cmdlet 'New-VHD' -Path $file -Why 'The system cannot find the file specified. (0x80070002).')
                    }
                    $disk.Size = (Read-StandInDisk -Path $disk.Parent).Size
                }
                if (Test-StandInFull -State $state -Path $file -Bytes $disk.FileSize) {
                    throw (New-StandInDiskError -Cmdlet 'New-VHD' -Path $file -Why $script:StandInNoSpace)
                }
                if (-not [System.IO.Directory]::Exists([System.IO.Path]::GetDirectoryName($file))) {
                    throw (New-StandInDiskError -Cmdlet 'New-VHD' -Path $file -Why 'The system cannot find the path specified. (0x80070003).')
                }
                Write-StandInDisk -Path $file -Disk $disk
                ConvertTo-StandInDisk -Path $file
            }
        }
    }
}

function Resize-VHD {
    [CmdletBinding(DefaultParameterSetName = 'Size', SupportsShouldProcess)]
    param(
        [Parameter(Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]] $Path,
        [Parameter(ParameterSetName = 'Size', Mandatory, Position = 1)] [uint64] $SizeBytes
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Path)) { return }
        $wanted = $Path
        $size = [long]$SizeBytes
        Invoke-StandIn -Cmdlet 'Resize-VHD' -Change -Action {
            param($state)
            foreach ($file in $wanted) {
                $refused = Get-StandInDiskRefusal -State $state -Cmdlet 'Resize-VHD' -Path $file
                if ($null -ne $refused) { throw $refused }
                if (-not [System.IO.File]::Exists($file)) {
                    throw (New-StandInDiskError -Cmdlet 'Resize-VHD' -Path $file -Why 'The system cannot find the file specified. (0x80070002).')
                }
                $disk = Read-StandInDisk -Path $file
                if ($size -lt $disk.Size) {
                    throw (New-StandInDiskError -Cmdlet 'Resize-VHD' -Path $file -Why 'The size is smaller than the minimum size of the disk. (0xC03A0030).')
                }
                if (Test-StandInDiskBusy -State $state -Path $file) {
                    throw (New-StandInDiskError -Cmdlet 'Resize-VHD' -Path $file -Why 'The process cannot access the file because it is being used by another process. (0x80070020).')
                }
                if ($disk.Type -eq 'Fixed') {
                    if (Test-StandInFull -State $state -Path $file -Bytes ($size - $disk.Size)) {
                        throw (New-StandInDiskError -Cmdlet 'Resize-VHD' -Path $file -Why $script:StandInNoSpace)
                    }
                    $disk.FileSize += $size - $disk.Size
                }
                $disk.Size = $size
                Write-StandInDisk -Path $file -Disk $disk
            }
        }
    }
}

function Test-StandInDiskBusy {
    # Reports whether a disk cannot be resized: on an IDE controller of a virtual machine that is not off, or as parent of another disk.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Path)

    foreach ($vm in $State.vms) {
        foreach ($drive in $vm.drives) {
            if ($drive.path -eq $Path -and $vm.state -ne 'Off' -and $drive.controller_type -eq 'IDE') { return $true }
            if ([System.IO.File]::Exists($drive.path) -and (Read-StandInDisk -Path $drive.path).Parent -eq $Path) { return $true }
        }
    }
    return $false
}

function Remove-VMHardDiskDrive {
    [CmdletBinding(DefaultParameterSetName = 'VMHardDiskDrive', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'VMHardDiskDrive', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMHardDiskDrive)

    process {
        if (-not $PSCmdlet.ShouldProcess('drive')) { return }
        $given = $VMHardDiskDrive
        Invoke-StandIn -Cmdlet 'Remove-VMHardDiskDrive' -Change -Action {
            param($state)
            foreach ($item in $given) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Remove-VMHardDiskDrive' -Id $item.VMId.ToString()
                $drives = @($vm.drives | Where-Object -FilterScript { $_.path -eq $item.Path })
                if ($drives.Count -eq 0) {
                    throw (New-StandInError -Cmdlet 'Remove-VMHardDiskDrive' -Message "Virtual machine '$($vm.name)' has no drive of '$($item.Path)'.")
                }
                if ($drives[0].controller_type -eq 'IDE' -and $vm.state -ne 'Off') {
                    throw (New-StandInError -Cmdlet 'Remove-VMHardDiskDrive' `
                            -Message "A drive of an IDE controller cannot be removed while virtual machine '$($vm.name)' is $($vm.state).")
                }
                $vm.drives = [object[]]@($vm.drives | Where-Object -FilterScript { $_.path -ne $item.Path })
            }
        }
    }
}
