# Who may write to the data folder. Its files decide what the agent runs, undoes and deletes, with the rights of every account of the agent,
# and any account of the host can create a folder in ProgramData. The agent creates the folder together with its access rights, and
# refuses one that others own or may write to: it does not repair it, since what they put there would stay.

# The folders in the data folder, which are created with it and inherit its access rights.
$script:AgentDataFolders = @('agent', 'jobs', 'pending', 'queue', 'slots')

# SYSTEM and the group Administrators, and the group Hyper-V Administrators, which owns nothing.
# https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers
$script:AgentControlSids = @('S-1-5-18', 'S-1-5-32-544')
$script:AgentGroupSid = 'S-1-5-32-578'

# Rights that change nothing: GENERIC_READ, GENERIC_EXECUTE, SYNCHRONIZE, READ_CONTROL, and those to read and to traverse.
# https://learn.microsoft.com/windows/win32/fileio/file-access-rights-constants
$script:AgentReadMask = [long]2685534377

# The accounts that Grant-HypervvmAccess.ps1 recorded, as values whose names are SIDs. Only administrators can write there.
$script:AgentAccessKey = 'SOFTWARE\hypervvm\Access'

function Initialize-DataFolder {
    <#
    .SYNOPSIS
    Creates the data folder with its access rights where it is missing. Throws when it, or a folder in it, is a link, or not the agent's.
    #>
    $root = [System.IO.Path]::GetDirectoryName((Get-DataFolder -Name 'jobs'))
    if (-not [System.IO.Directory]::Exists($root)) { New-DataFolder -Path $root }
    Assert-DataFolder -Path $root
    foreach ($name in $script:AgentDataFolders) {
        $folder = [System.IO.Path]::Combine($root, $name)
        $null = [System.IO.Directory]::CreateDirectory($folder)
        Assert-DataFolder -Path $folder
    }
}

function Test-DataFolderExists {
    # Reports whether there is a data folder, and throws when it is not the agent's. Nothing in it is believed before.
    if (-not [System.IO.Directory]::Exists([System.IO.Path]::GetDirectoryName((Get-DataFolder -Name 'jobs')))) { return $false }
    Initialize-DataFolder
    return $true
}

function Assert-DataFolder {
    # Throws when the agent refuses a folder.
    param([Parameter(Mandatory)] [string] $Path)

    $root = [System.IO.Path]::GetDirectoryName((Get-DataFolder -Name 'jobs'))
    $problem = Get-DataFolderProblem -Path $Path
    switch ($problem.Kind) {
        'link' { throw (New-AgentError -MessageId 'data_folder_link' -Values @{ folder = $Path }) }
        'owner' { throw (New-AgentError -MessageId 'data_folder_owner' -Values @{ folder = $Path; root = $root; owner = (Get-SidName -Sid $problem.Sid) }) }
        'writer' { throw (New-AgentError -MessageId 'data_folder_access' -Values @{ folder = $Path; root = $root; account = (Get-SidName -Sid $problem.Sid) }) }
    }
}

function Get-DataFolderProblem {
    # Returns why the agent refuses a folder: Kind is link, or owner or writer when another than the accounts of the agent, with the SID Sid,
    # owns it or may write to it; or an empty string. Test-HypervvmHost.ps1 calls it too, without the functions for errors.
    param([Parameter(Mandatory)] [string] $Path)

    if (Test-HostLink -Path $Path) { return @{ Kind = 'link'; Sid = '' } }
    if (-not (Test-AccessControl)) { return @{ Kind = ''; Sid = '' } }
    $security = Get-FolderSecurity -Path $Path
    $trusted = @($script:AgentControlSids) + (Get-AgentSid) + @(Get-RecordedSid)
    if ($trusted -notcontains $security.Owner) { return @{ Kind = 'owner'; Sid = $security.Owner } }
    $writer = Find-ForeignWriter -Entries $security.Entries -Trusted ($trusted + $script:AgentGroupSid)
    if ($writer) { return @{ Kind = 'writer'; Sid = $writer } }
    return @{ Kind = ''; Sid = '' }
}

function Find-ForeignWriter {
    <#
    .SYNOPSIS
    Returns the SID of an account that may write to a folder, or to what is created in it, and is not one of Trusted; or nothing.
    .DESCRIPTION
    Entries is the whole list, with inherited entries and those for children only; without a list everybody has access:
    https://learn.microsoft.com/windows/win32/secauthz/null-dacls-and-empty-dacls
    #>
    param([AllowNull()] $Entries, [Parameter(Mandatory)] [string[]] $Trusted)

    if ($null -eq $Entries) { return 'S-1-1-0' }
    foreach ($entry in $Entries) {
        # Each other kind of entry of such a list allows something, perhaps on a condition.
        if ($entry.Type -match '^AccessDenied') { continue }
        if (([long]$entry.Mask -band 4294967295L -band (-bnot $script:AgentReadMask)) -ne 0 -and $Trusted -notcontains $entry.Sid) { return $entry.Sid }
    }
}

function Test-AccessControl {
    # Reports whether folders have access rights of Windows.
    return [System.IO.Path]::DirectorySeparatorChar -eq '\'
}

function Get-FolderSecurity {
    # Returns the Owner of a folder, a SID, and the Entries of its access rights: Type, Mask and Sid. Entries is null without a list.
    param([Parameter(Mandatory)] [string] $Path)

    $bytes = (Get-Acl -LiteralPath $Path).GetSecurityDescriptorBinaryForm()
    $security = New-Object -TypeName System.Security.AccessControl.RawSecurityDescriptor -ArgumentList $bytes, 0
    $entries = $null
    if ($null -ne $security.DiscretionaryAcl) {
        $entries = @($security.DiscretionaryAcl | ForEach-Object -Process { @{ Type = [string]$_.AceType; Mask = $_.AccessMask; Sid = $_.SecurityIdentifier.Value } })
    }
    return @{ Owner = $security.Owner.Value; Entries = $entries }
}

function New-DataFolder {
    # Creates the data folder with its access rights in one call: nobody else can write to it at any time.
    # https://learn.microsoft.com/dotnet/api/system.io.directory.createdirectory (.NET Framework)
    param([Parameter(Mandatory)] [string] $Path)

    if (-not (Test-AccessControl)) {
        $null = [System.IO.Directory]::CreateDirectory($Path)
        return
    }
    $security = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    $security.SetAccessRuleProtection($true, $false)
    foreach ($id in @($script:AgentControlSids) + $script:AgentGroupSid + (Get-AgentSid)) {
        $sid = New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $id
        $security.AddAccessRule((New-Object -TypeName System.Security.AccessControl.FileSystemAccessRule -ArgumentList $sid, 'FullControl', 'ContainerInherit, ObjectInherit', 'None', 'Allow'))
    }
    if ($PSVersionTable.PSEdition -eq 'Core') {
        $null = [System.IO.FileSystemAclExtensions]::CreateDirectory($security, $Path)
    } else {
        $null = [System.IO.Directory]::CreateDirectory($Path, $security)
    }
}

function Get-AgentSid {
    # Returns the SID of the account of this process.
    return [System.Security.Principal.WindowsIdentity]::GetCurrent().User.Value
}

function Get-RecordedSid {
    # Returns the SIDs of the accounts that are recorded on the host. Call it within @( ).
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($script:AgentAccessKey)
    if ($null -eq $key) { return }
    try { $key.GetValueNames() } finally { $key.Dispose() }
}

function Get-SidName {
    # Returns the name of a SID, or the SID when it has none.
    param([Parameter(Mandatory)] [string] $Sid)

    try {
        return (New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $Sid).Translate([System.Security.Principal.NTAccount]).Value
    } catch {
        return $Sid
    }
}
