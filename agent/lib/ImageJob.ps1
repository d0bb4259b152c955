# Image jobs: put a disk image or an ISO file into the folder of the images, or remove it from there. A file is written beside its place and
# renamed when it is complete and verified: the folder never has a part of an image under its name.

$script:AgentImageActionNames = 'create', 'remove'
$script:AgentImageExtensions = '.vhdx', '.iso'
$script:AgentCompressionNames = 'none', 'gzip'

function Assert-ImageField {
    # Throws when the fields of an image job do not name the file, or not exactly one source.
    param([Parameter(Mandatory)] $Fields)

    foreach ($name in 'image_action', 'image_file') {
        if (-not $Fields.Contains($name)) { throw (New-AgentError -Field $name -MessageId 'field_missing' -Values @{ field = $name }) }
    }
    if ($Fields['image_action'] -ceq 'create' -and $Fields.Contains('source_url') -eq $Fields.Contains('source_path')) {
        throw (New-AgentError -Field 'source_url' -MessageId 'image_source_invalid')
    }
}

function Get-ImageRequirement {
    # Returns what the value of a field of an image job must be, or an empty string when it is valid. http is for a file with a hash, on a network that is trusted to
    # see it.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    switch -CaseSensitive ($Name) {
        'image_action' { return Get-ChoiceRequirement -Value $Value -Choices $script:AgentImageActionNames }
        'image_file' {
            if ((Test-FileName -Value $Value) -and $script:AgentImageExtensions -contains [System.IO.Path]::GetExtension($Value)) { return '' }
            return (Get-AgentMessage -Id 'requirement_image_file').Message
        }
        'source_url' {
            $uri = $null
            if ($Value -is [string] -and [System.Uri]::TryCreate($Value, [System.UriKind]::Absolute, [ref]$uri) -and 'https', 'http' -ccontains $uri.Scheme) { return '' }
            return (Get-AgentMessage -Id 'requirement_url').Message
        }
        'source_path' {
            if ($Value -is [string] -and $Value -and [System.IO.Path]::IsPathRooted($Value)) { return '' }
            return (Get-AgentMessage -Id 'requirement_absolute_path').Message
        }
        'source_sha256' { if ($Value -isnot [string] -or $Value -notmatch '^[0-9a-fA-F]{64}\z') { return (Get-AgentMessage -Id 'requirement_sha256').Message } }
        'source_compression' { return Get-ChoiceRequirement -Value $Value -Choices $script:AgentCompressionNames }
        'source_size_bytes' {
            if ((Test-Number -Value $Value) -and $Value -ge 1 -and $Value -lt 9007199254740992 -and $Value -eq [System.Math]::Truncate([double]$Value)) { return '' }
            return (Get-AgentMessage -Id 'requirement_whole_number_minimum' -Values @{ minimum = 1 }).Message
        }
        'source_certificate' { if ($Value -isnot [string]) { return (Get-AgentMessage -Id 'requirement_text').Message } }
    }
    return ''
}

function Invoke-ImageJob {
    <#
    .SYNOPSIS
    Runs the steps of an image job.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $name = [string]$Job.Fields['image_file']
    $plan = Enter-PreflightStep -Context $Context -Job $Job -MessageId 'step_find_image' -Values @{ image = $name } -Plan { Get-ImagePlan -Job $Job }
    if ($Job.Fields['image_action'] -ceq 'create') {
        New-ImageFile -Context $Context -Job $Job -Plan $plan
        return
    }
    if (-not $plan.Exists) {
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'image_absent' -Values @{ image = $name; folder = $plan.Folder }
        return
    }
    Enter-JobStep -Context $Context -Job $Job -Name 'remove' -MessageId 'step_image_remove' -Values @{ path = $plan.File }
    Remove-HostFile -Path $plan.File -Context $Context -Job $Job
    $Job.Message = (Get-AgentMessage -Id 'file_deleted' -Values @{ path = $plan.File }).Message
}

function Get-ImagePlan {
    # Finds the file of an image job, throws when the job would replace an image or remove one that is needed, and sets the job's steps.
    param([Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $plan = Find-ImageTarget -Machine (Get-AgentHost) -Fields $fields -Settings $Job.Settings
    if ($fields['image_action'] -ceq 'remove') {
        if (-not $plan.Exists) { return $plan }
        $reason = Get-ImageUse -Path $plan.File
        if ($reason) { throw (New-AgentError -Field 'image_file' -MessageId 'image_file_needed' -Values @{ path = $plan.File; reason = $reason }) }
        $Job.Steps += 'remove'
        return $plan
    }
    Assert-NoFinding -Findings @(Get-ImageCreateFinding -Plan $plan -Fields $fields)
    if ($fields.Contains('source_url')) {
        Assert-SourceUri -Job $Job -Uri ([System.Uri]$fields['source_url'])
        $Job.Steps += 'download'
    } else {
        $Job.Steps += 'copy'
    }
    if ($plan.Packed) { $Job.Steps += 'unpack' }
    $Job.Steps += 'place'
    return $plan
}

function Find-ImageTarget {
    # Returns the file of an image job, and whether it exists, in whatever letter case.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [AllowNull()] $Settings)

    $name = [string]$Fields['image_file']
    $folder = Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path'
    $plan = @{ Folder = $folder; File = [System.IO.Path]::Combine($folder, $name); Exists = $false; Packed = $Fields['source_compression'] -ceq 'gzip' }
    $files = @(Get-FolderFile -Folder $folder -Extension ([System.IO.Path]::GetExtension($name)))
    foreach ($file in @(Find-NamedFile -File $files -Name ([System.IO.Path]::GetFileNameWithoutExtension($name)))) {
        $plan.File = $file.FullName
        $plan.Exists = $true
    }
    return $plan
}

function Get-ImageCreateFinding {
    # Returns what prevents that an image is created. Warn adds findings that may no longer apply when a job starts. The size of a download is known to the caller, or
    # checked when the server has answered.
    param([Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $Fields, [switch] $Warn)

    if ($Plan.Exists) {
        New-JobFinding -Field 'image_file' -MessageId 'image_file_exists' -Values @{ path = $Plan.File }
        return
    }
    $refused = Get-PathFinding -Field 'image_file' -Path $Plan.File
    if ($null -ne $refused) { return $refused }
    $size = $Fields['source_size_bytes']
    $source = $Fields['source_path']
    if ($source) {
        if (-not [System.IO.File]::Exists($source)) {
            New-JobFinding -Field 'source_path' -MessageId 'image_source_missing' -Values @{ path = $source }
            return
        }
        $size = (New-Object -TypeName System.IO.FileInfo -ArgumentList $source).Length
    }
    if ($null -ne $size) { Get-ImageSpaceFinding -Path $Plan.File -Bytes $size -Warn:$Warn }
}

function Get-ImageSpaceFinding {
    # Returns a finding when an image does not fit on the volume of its folder.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [long] $Bytes, [switch] $Warn)

    $need = @{ Field = 'image_file'; Item = [System.IO.Path]::GetFileName($Path); Bytes = $Bytes }
    Get-FreeSpaceFinding -Needs @($need) -Target ([System.IO.Path]::GetDirectoryName($Path)) -Warn:$Warn
}

function Get-ImageUse {
    # Returns why a file of the folder of the images is needed, or an empty string: a virtual machine uses it, or has a disk above it.
    param([Parameter(Mandatory)] [string] $Path)

    if ([System.IO.Path]::GetExtension($Path) -ne '.iso') { return [string](Get-DiskUsage -Disk @() -Own @($Path))[$Path] }
    foreach ($vm in @(Get-HostVMList)) {
        foreach ($drive in @(Get-VMDvdDrive -VM $vm)) {
            if (Test-SamePath -Left $drive.Path -Right $Path) { return (Get-AgentMessage -Id 'leftover_vm_uses' -Values @{ vm = $vm.Name }).Message }
        }
    }
    return ''
}

function New-ImageFile {
    # Creates the file of an image from its source.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $fields = $Job.Fields
    $part = "$($Plan.File).$($Job.Id).part"
    $null = [System.IO.Directory]::CreateDirectory($Plan.Folder)
    try {
        if ($fields.Contains('source_url')) {
            Enter-JobStep -Context $Context -Job $Job -Name 'download' -MessageId 'step_image_download' -Values @{ server = ([System.Uri]$fields['source_url']).Authority }
            $writer = New-ImagePart -Context $Context -Job $Job -Path $part
            try { $hash = Receive-ImageSource -Context $Context -Job $Job -Writer $writer -Target $Plan.File } finally { $writer.Dispose() }
        } else {
            Enter-JobStep -Context $Context -Job $Job -Name 'copy' -MessageId 'step_image_copy' -Values @{ path = $fields['source_path'] }
            $writer = New-ImagePart -Context $Context -Job $Job -Path $part
            try { $hash = Copy-ImageSource -Context $Context -Job $Job -Writer $writer } finally { $writer.Dispose() }
        }
        if ($fields.Contains('source_sha256') -and $hash -ne $fields['source_sha256']) {
            throw (New-AgentError -Field 'source_sha256' -MessageId 'image_hash_mismatch' -Values @{ actual = $hash; wanted = $fields['source_sha256'].ToLowerInvariant() })
        }
        if ($Plan.Packed) {
            Enter-JobStep -Context $Context -Job $Job -Name 'unpack' -MessageId 'step_image_unpack'
            $packed = $part
            $part = "$($Plan.File).$($Job.Id).unpacked.part"
            $writer = New-ImagePart -Context $Context -Job $Job -Path $part
            try { Expand-ImageSource -Context $Context -Job $Job -Path $packed -Writer $writer } finally { $writer.Dispose() }
            Remove-HostFile -Path $packed -Context $Context -Job $Job
        }
    } catch {
        throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Plan.File)
    }
    Enter-JobStep -Context $Context -Job $Job -Name 'place' -MessageId 'step_image_place' -Values @{ path = $Plan.File }
    Assert-ImageContent -Path $part -Name $Plan.File
    $Job.Journal.Making = $true
    Save-JobState -Context $Context -Job $Job
    Rename-HostFile -From $part -To $Plan.File -Context $Context -Job $Job # fails when the name was taken meanwhile
    $size = (New-Object -TypeName System.IO.FileInfo -ArgumentList $Plan.File).Length
    $Job.Image = [ordered]@{ name = [System.IO.Path]::GetFileNameWithoutExtension($Plan.File); size_bytes = $size }
    $Job.Message = (Get-AgentMessage -Id 'result_image' -Values @{ path = $Plan.File; size = (Format-AgentSize -Bytes $size); hash = $hash }).Message
}

function New-ImagePart {
    # Creates a file that the job removes unless it becomes the image, and returns its stream.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Path)

    $null = $Job.Journal.Files.Add($Path)
    Save-JobState -Context $Context -Job $Job
    return [System.IO.File]::Open($Path, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
}

function Copy-ImageSource {
    # Copies the source of an image that is on the host, and returns its SHA-256.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [System.IO.Stream] $Writer)

    $hash = New-Sha256Hash
    $reader = [System.IO.File]::Open($Job.Fields['source_path'], [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, [System.IO.FileShare]::Read)
    try {
        $Writer.SetLength($reader.Length) # fails at once when there is not enough space
        $null = Copy-JobStream -Context $Context -Job $Job -Reader $reader -Writer $Writer -Length $reader.Length -Hash $hash
        return Get-HashText -Hash $hash
    } finally {
        $reader.Dispose()
        $hash.Dispose()
    }
}

function Expand-ImageSource {
    # Decompresses a file.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [System.IO.Stream] $Writer)

    $file = [System.IO.File]::OpenRead($Path)
    try {
        $reader = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $file, ([System.IO.Compression.CompressionMode]::Decompress)
        $null = Copy-JobStream -Context $Context -Job $Job -Reader $reader -Writer $Writer
    } catch {
        if ($_.Exception.GetBaseException() -is [System.IO.InvalidDataException]) { throw (New-AgentError -Field 'source_compression' -MessageId 'image_not_packed') }
        throw
    } finally {
        $file.Dispose()
    }
}

function Assert-ImageContent {
    # Throws when a file is not what its name says, such as the page of an error, or is a differencing disk, whose parent is elsewhere.
    # VHDX: https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx, ISO 9660: ECMA-119 8.1.2.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $Name)

    $kind = [System.IO.Path]::GetExtension($Name).TrimStart('.').ToUpperInvariant()
    $mark = @{ VHDX = 'vhdxfile'; ISO = 'CD001' }[$kind]
    $text = ''
    $file = [System.IO.File]::OpenRead($Path)
    try {
        $offset = @{ VHDX = 0; ISO = 32769 }[$kind]
        if ($file.Length -ge $offset + 8) { $text = Read-DiskText -File $file -Offset $offset }
    } finally {
        $file.Dispose()
    }
    if (-not $text.StartsWith($mark, [System.StringComparison]::Ordinal)) {
        throw (New-AgentError -Field 'image_file' -MessageId 'image_content_invalid' -Values @{ kind = $kind })
    }
    if ($kind -eq 'VHDX' -and (Get-DiskLink -Path $Path).Parents.Count -gt 0) { throw (New-AgentError -Field 'image_file' -MessageId 'image_differencing') }
}

function Undo-ImageJob {
    # Removes the files of an image job that are incomplete.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    foreach ($file in @($Job.Journal.Files)) {
        if (-not [System.IO.File]::Exists($file)) { continue }
        $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'file_deleted' -Values @{ path = $file } -Item $file -Action {
            Remove-HostFile -Path $file -Context $Context -Job $Job
        }
    }
}

function Test-ImagePlaced {
    # Reports whether a job whose worker has died had renamed its file: after the journal says so, nothing else removes it.
    param([Parameter(Mandatory)] $Job)

    return $Job.Journal.Making -and @($Job.Journal.Files | Where-Object -FilterScript { [System.IO.File]::Exists($_) }).Count -eq 0
}
