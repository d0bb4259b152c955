# The rights of the account on the host: what it lacks, and errors that name the missing right.

# WBEM_METHOD_EXECUTE, as GetCallerAccessRights returns it.
$script:AgentMethodRight = 2

function Get-AgentAccount {
    # Returns the name of the account of this process, such as LAB\svc-terraform, as it is written between single quotes.
    return ([System.Environment]::UserDomainName + '\' + [System.Environment]::UserName).Replace("'", "''")
}

function Get-AccessText {
    <#
    .SYNOPSIS
    Returns the Code, Message and Remedy for an error of a cmdlet that was denied access by Hyper-V or WMI; nothing for other errors.
    .DESCRIPTION
    Without Remote Enable on root\cimv2 a network logon, which WinRM makes, is refused by WMI of its own host with HRESULT 0x80041003
    or 0x80070005: https://github.com/ansible-collections/ansible.windows/issues/770. Cmdlets for virtual hard disks use that namespace
    too. Hyper-V itself answers AccessDenied: https://github.com/kubernetes/minikube/issues/9286.
    #>
    param([Parameter(Mandatory)] $ErrorRecord)

    $id = [string]$ErrorRecord.FullyQualifiedErrorId
    $denied = $ErrorRecord.CategoryInfo.Category -eq [System.Management.Automation.ErrorCategory]::PermissionDenied -or
    $ErrorRecord.Exception.GetBaseException() -is [System.UnauthorizedAccessException] -or $id -match '0x80041003|0x80070005'
    if (-not $denied) { return }
    $values = @{ reason = $ErrorRecord.Exception.GetBaseException().Message.Trim(); account = (Get-AgentAccount) }
    # The agent's queries are all of Hyper-V's namespace, root\virtualization\v2, which group Hyper-V Administrators may read.
    if ($id -match ',Microsoft\.Management\.Infrastructure\.CimCmdlets\.GetCimInstance') { return Get-AgentMessage -Id 'host_access_denied' -Values $values }
    if ($id -match ',Microsoft\.Management\.Infrastructure\.CimCmdlets\.') { return Get-AgentMessage -Id 'wmi_access_denied' -Values $values }
    if ($id -match ',Microsoft\.(HyperV|Vhd)\.PowerShell\.(Commands|Cmdlets)\.\w+VHD(Command)?\b') { return Get-AgentMessage -Id 'disk_access_denied' -Values $values }
    if ($id -notmatch ',Microsoft\.HyperV\.PowerShell\.') { return }
    if (Test-FilteredAdministrator) { return Get-AgentMessage -Id 'host_access_filtered' -Values $values }
    return Get-AgentMessage -Id 'host_access_denied' -Values $values
}

function Get-DeniedGroup {
    # Returns the SIDs of the account's groups that this logon can use only to be denied access. Call it within @( ).
    if ([System.IO.Path]::DirectorySeparatorChar -ne '\') { return }
    foreach ($claim in [System.Security.Principal.WindowsIdentity]::GetCurrent().Claims) {
        if ($claim.Type -eq 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/denyonlysid') { $claim.Value }
    }
}

function Test-FilteredAdministrator {
    # Reports whether the account is a local administrator whose rights are filtered over the network.
    # https://learn.microsoft.com/troubleshoot/windows-server/windows-security/user-account-control-and-remote-restriction
    return @(Get-DeniedGroup) -contains 'S-1-5-32-544'
}

function Get-AgentLack {
    <#
    .SYNOPSIS
    Returns what the account or the host lacks, as tables with code, message and remedy. Call it within @( ).
    .DESCRIPTION
    It is part of hello, so it starts nothing and asks little. Without the right to query Hyper-V there is no hello at all. The cluster
    was asked before: only a failure is not kept in Context.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Machine)

    try {
        # https://learn.microsoft.com/windows/win32/wmisdk/getcalleraccessrights-method-in-class---systemsecurity
        $rights = (Invoke-CimMethod -Namespace 'root/cimv2' -ClassName '__SystemSecurity' -MethodName 'GetCallerAccessRights').rights
        if (([int]$rights -band $script:AgentMethodRight) -eq 0) {
            $values = @{ reason = (Get-AgentMessage -Id 'wmi_method_missing').Message; account = (Get-AgentAccount) }
            ConvertTo-AgentLack -Text (Get-AgentMessage -Id 'wmi_access_denied' -Values $values)
        }
    } catch {
        # Only a refusal is a lack; jobs report other errors when they meet them.
        $text = Get-AccessText -ErrorRecord $_
        if ($null -ne $text) { ConvertTo-AgentLack -Text $text }
    }
    Get-DataFolderLack
    if ($null -ne $Context.Cluster) { return }
    $state = Get-ClusterState
    if (-not $state.Problem -or $state.Problem -eq 'host_not_clustered') { return }
    ConvertTo-AgentLack -Text (Get-AgentMessage -Id $state.Problem -Values @{ host = $Machine.Name; reason = $state.Reason })
}

function ConvertTo-AgentLack {
    # Returns the table of a lack for a message.
    param([Parameter(Mandatory)] $Text)

    return [ordered]@{ code = $Text.Code; message = $Text.Message; remedy = $Text.Remedy }
}

function Get-DataFolderLack {
    # Returns a lack when the account cannot use the data folder, which the first job on the host creates.
    $folder = [System.IO.Path]::GetDirectoryName((Get-DataFolder -Name 'jobs'))
    if (-not [System.IO.Directory]::Exists($folder)) { return }
    try {
        Initialize-DataFolder
        $probe = [System.IO.Path]::Combine($folder, 'probe-' + [guid]::NewGuid().ToString('N'))
        (New-Object -TypeName System.IO.FileStream -ArgumentList $probe, ([System.IO.FileMode]::CreateNew), ([System.IO.FileAccess]::Write),
            ([System.IO.FileShare]::None), 4096, ([System.IO.FileOptions]::DeleteOnClose)).Dispose()
    } catch {
        $failure = ConvertTo-AgentFailure -ErrorRecord $_
        if ($failure.Contains('remedy')) { return [ordered]@{ code = $failure['code']; message = $failure['message']; remedy = $failure['remedy'] } }
        $values = @{ folder = $folder; reason = $_.Exception.GetBaseException().Message; account = (Get-AgentAccount) }
        ConvertTo-AgentLack -Text (Get-AgentMessage -Id 'data_folder_denied' -Values $values)
    }
}

function Get-ShareRoot {
    # Returns the share of a path, such as \\files\images, or an empty string for a path on a drive.
    param([AllowNull()] [AllowEmptyString()] [string] $Path)

    if ([System.IO.Path]::DirectorySeparatorChar -eq '\' -and $Path) { $Path = $Path.Replace('/', '\') } # Windows takes both
    if ($Path -match '\A\\\\(?![.?]\\)[^\\]+\\[^\\]+') { return $Matches[0] }
    return ''
}

function Get-ShareFinding {
    <#
    .SYNOPSIS
    Returns a finding when the account cannot reach the share of a folder.
    .DESCRIPTION
    A logon over WinRM has no credentials for another computer, unless it was delegated: the second hop.
    https://learn.microsoft.com/powershell/scripting/security/remoting/ps-remoting-second-hop
    #>
    param([Parameter(Mandatory)] [string] $Field, [AllowEmptyString()] [string] $Folder)

    $share = Get-ShareRoot -Path $Folder
    if (-not $share -or [System.IO.Directory]::Exists($share)) { return }
    New-JobFinding -Field $Field -MessageId 'share_unreachable' -Values @{ share = $share; account = (Get-AgentAccount) }
}

function Get-UnreadableFinding {
    # Returns the finding about an image that Get-VHD did not return: it is not a disk, or the account may not read it.
    param([Parameter(Mandatory)] $Image)

    try {
        $null = Get-VHD -Path $Image.FullName
    } catch {
        $text = Get-AccessText -ErrorRecord $_
        if ($null -ne $text) { return [ordered]@{ field = 'image_name'; severity = 'error'; code = $text.Code; message = $text.Message; remedy = $text.Remedy } }
    }
    return New-JobFinding -Field 'image_name' -MessageId 'image_unreadable' -Values @{ image = $Image.BaseName }
}
