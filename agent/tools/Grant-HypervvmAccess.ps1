<#
.SYNOPSIS
Grants an account the rights on this host that hypervvm needs, without making it an administrator; or takes them back.

.DESCRIPTION
Run it on each Hyper-V host, in Windows PowerShell as an administrator. Everything is addressed by SID, so that the language of Windows
does not matter. What an account has already is not changed. What is added is recorded in HKLM:\SOFTWARE\hypervvm\Access, which only
administrators can write; -Revoke removes exactly that, and nothing that was there before.

The account gets:
- membership in the groups S-1-5-32-578 (Hyper-V Administrators) and S-1-5-32-580 (Remote Management Users);
- read and execute in the root security descriptor of WinRM (RootSDDL), which guards its command shell;
- Enable, Execute Methods and Remote Enable on the WMI namespaces root\cimv2 and, if the group has lost them, root\virtualization\v2;
- access to the failover cluster, if the host is a node of one;
- a record as an account of hypervvm, so that the agent of other accounts accepts what it creates in the agent's data folder;
- read access to the folders of -ImagePath, and modify access to the folders of -VMPath.

.PARAMETER Account
The account: DOMAIN\name, HOST\name, a user principal name, or a SID.

.PARAMETER Revoke
Removes what this script added for the account on this host.

.PARAMETER ImagePath
Existing folders of images, to which the account gets read access.

.PARAMETER VMPath
Existing folders of virtual machines, to which the account gets modify access.

.PARAMETER ClusterAccess
Access to the failover cluster: Full (needed for vm_clustered), ReadOnly, or None. Ignored on a host that is not a node.

.PARAMETER LocalAccountTokenFilterPolicy
Also sets the policy LocalAccountTokenFilterPolicy to 1, so that a local account that is a member of Administrators has its full
rights over the network. It applies to all local administrators of the host. An account with the rights above does not need it.

.EXAMPLE
.\Grant-HypervvmAccess.ps1 -Account 'LAB\svc-terraform' -ImagePath 'D:\Images' -VMPath 'D:\Hyper-V' -WhatIf
Shows what would change. With -Revoke in place of the folders, it shows what would be removed.

.OUTPUTS
System.Management.Automation.PSCustomObject. One object for each right, with Right, Target and Result: added, present, removed,
absent or skipped.
#>
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'Medium')]
param(
    [Parameter(Mandatory, Position = 0)] [ValidateNotNullOrEmpty()] [string] $Account,
    [switch] $Revoke,
    [string[]] $ImagePath = @(),
    [string[]] $VMPath = @(),
    [ValidateSet('Full', 'ReadOnly', 'None')] [string] $ClusterAccess = 'Full',
    [switch] $LocalAccountTokenFilterPolicy
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# Bits of the rights in a security descriptor's text: https://learn.microsoft.com/windows/win32/secauthz/ace-strings
$script:RightBits = @{
    GA = [long]268435456; GX = [long]536870912; GW = [long]1073741824; GR = [long]2147483648
    SD = [long]65536; RC = [long]131072; WD = [long]262144; WO = [long]524288
    CC = [long]1; DC = [long]2; LC = [long]4; SW = [long]8; RP = [long]16; WP = [long]32; DT = [long]64; LO = [long]128
    CR = [long]256; FA = [long]2032127; FR = [long]1179785; FW = [long]1179926; FX = [long]1179808
}

# The entry that each kind of right is, in the security descriptor of its target.
$script:EntryRights = @{
    # Execute (Invoke) and read are what opening a shell needs; RootSDDL grants neither to Remote Management Users by default.
    # https://github.com/diyan/pywinrm/issues/336 https://github.com/diyan/pywinrm/issues/338
    shell     = 'GXGR'
    # WBEM_ENABLE, WBEM_METHOD_EXECUTE and WBEM_REMOTE_ACCESS: 0x1, 0x2 and 0x20. A network logon, which WinRM makes, needs the last one
    # even for WMI of its own host. https://learn.microsoft.com/windows/win32/wmisdk/namespace-access-rights-constants
    # https://github.com/ansible-collections/ansible.windows/issues/770
    namespace = 'CCDCWP'
    # "Read & execute" and "Modify": https://learn.microsoft.com/dotnet/api/system.security.accesscontrol.filesystemrights
    read      = '0x1200a9'
    modify    = '0x1301bf'
}
$script:EntryFlags = @{ shell = ''; namespace = ''; read = 'OICI'; modify = 'OICI' }

# https://learn.microsoft.com/powershell/module/microsoft.wsman.management/about/about_wsman_provider
$script:ShellItem = 'WSMan:\localhost\Service\RootSDDL'
$script:RecordKey = 'HKLM:\SOFTWARE\hypervvm\Access'
# https://learn.microsoft.com/troubleshoot/windows-server/windows-security/user-account-control-and-remote-restriction
$script:PolicyKey = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$script:PolicyName = 'LocalAccountTokenFilterPolicy'

function Split-SecurityText {
    # Splits the text of a security descriptor: Head ends with the flags of the DACL, Entries are its entries, Tail is the SACL. The text
    # inside an entry may contain brackets and quotation marks, in a condition.
    param([Parameter(Mandatory)] [string] $Text)

    $sid = '(?:S-1-[0-9A-Fa-fx-]+|[A-Z]{2})'
    $match = [regex]::Match($Text, "\A(?:O:$sid)?(?:G:$sid)?D:(?<flags>[A-Z_]*)(?=\(|S:|\z)")
    # Without a DACL, and with one that is null, everybody has access: that is not a descriptor to add rights to.
    if (-not $match.Success -or $match.Groups['flags'].Value.Contains('NO_ACCESS_CONTROL')) {
        throw "the security descriptor has no list of access rights: $Text"
    }
    $entries = New-Object -TypeName System.Collections.ArrayList
    $entry = New-Object -TypeName regex -ArgumentList '\G\((?:[^()"]|"[^"]*"|(?<open>\()|(?<-open>\)))*(?(open)(?!))\)'
    for ($at = $match.Length; ($found = $entry.Match($Text, $at)).Success; $at += $found.Length) { $null = $entries.Add($found.Value) }
    $tail = $Text.Substring($at)
    if ($tail -and -not $tail.StartsWith('S:', [System.StringComparison]::Ordinal)) { throw "the security descriptor is not understood: $Text" }
    return @{ Head = $match.Value; Entries = $entries; Tail = $tail }
}

function ConvertTo-RightMask {
    # Returns the bits of the rights of an entry, or -1 when a right is not known.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    if ($Text -match '\A0x([0-9A-Fa-f]{1,8})\z') { return [System.Convert]::ToInt64($Matches[1], 16) }
    if ($Text -match '\A[0-9]+\z') { return [long]$Text }
    $mask = [long]0
    for ($at = 0; $at -lt $Text.Length; $at += 2) {
        $name = $Text.Substring($at, [System.Math]::Min(2, $Text.Length - $at))
        if (-not $script:RightBits.ContainsKey($name)) { return [long]-1 }
        $mask = $mask -bor $script:RightBits[$name]
    }
    return $mask
}

function ConvertFrom-SecurityEntry {
    # Returns the Type, Flags, Mask and Sid of an entry such as (A;;GXGR;;;S-1-5-21-1-2-3-1001).
    param([Parameter(Mandatory)] [string] $Entry)

    $parts = $Entry.Substring(1, $Entry.Length - 2).Split([char[]]';', 7)
    return @{ Type = $parts[0]; Flags = $parts[1]; Mask = (ConvertTo-RightMask -Text $parts[2]); Sid = $parts[5]; Plain = $parts.Length -eq 6 }
}

function Test-EntryFlag {
    # Reports whether an entry has all the Flags.
    param([Parameter(Mandatory)] $Entry, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Flags)

    return @([regex]::Matches($Flags, '..') | Where-Object -FilterScript { -not $Entry.Flags.Contains($_.Value) }).Count -eq 0
}

function Test-SecurityEntry {
    # Reports whether a descriptor allows one of the SIDs all the Rights on the object itself, with at least the Flags.
    param([Parameter(Mandatory)] [string] $Text, [Parameter(Mandatory)] [string[]] $Sid, [Parameter(Mandatory)] [string] $Rights, [string] $Flags = '')

    $wanted = ConvertTo-RightMask -Text $Rights
    foreach ($entry in (Split-SecurityText -Text $Text).Entries) {
        $item = ConvertFrom-SecurityEntry -Entry $entry
        if ($item.Type -ne 'A' -or -not $item.Plain -or $Sid -notcontains $item.Sid -or $item.Flags -match 'IO' -or $item.Mask -lt 0) { continue }
        if (-not (Test-EntryFlag -Entry $item -Flags $Flags)) { continue }
        if (($item.Mask -band $wanted) -eq $wanted -or ($item.Mask -band $script:RightBits['GA'])) { return $true }
    }
    return $false
}

function Add-SecurityEntry {
    # Returns the text of a descriptor with an entry that allows Sid the Rights. It becomes the last one of those that are not inherited:
    # entries that deny come before, as Windows orders them.
    param([Parameter(Mandatory)] [string] $Text, [Parameter(Mandatory)] [string] $Sid, [Parameter(Mandatory)] [string] $Rights, [string] $Flags = '')

    $descriptor = Split-SecurityText -Text $Text
    $at = 0
    foreach ($entry in $descriptor.Entries) {
        if ((ConvertFrom-SecurityEntry -Entry $entry).Flags -match 'ID') { break }
        $at++
    }
    $descriptor.Entries.Insert($at, "(A;$Flags;$Rights;;;$Sid)")
    return $descriptor.Head + (-join $descriptor.Entries) + $descriptor.Tail
}

function Remove-SecurityEntry {
    # Returns the text of a descriptor without the last entry that allows Sid exactly the Rights, or the same text when it has none.
    # Windows may have written the rights and the flags in another form.
    param([Parameter(Mandatory)] [string] $Text, [Parameter(Mandatory)] [string] $Sid, [Parameter(Mandatory)] [string] $Rights, [string] $Flags = '')

    $descriptor = Split-SecurityText -Text $Text
    $mask = ConvertTo-RightMask -Text $Rights
    for ($at = $descriptor.Entries.Count - 1; $at -ge 0; $at--) {
        $item = ConvertFrom-SecurityEntry -Entry $descriptor.Entries[$at]
        $same = $item.Type -eq 'A' -and $item.Plain -and $item.Sid -eq $Sid -and $item.Mask -eq $mask
        if (-not $same -or $item.Flags.Length -ne $Flags.Length -or -not (Test-EntryFlag -Entry $item -Flags $Flags)) { continue }
        $descriptor.Entries.RemoveAt($at)
        break
    }
    return $descriptor.Head + (-join $descriptor.Entries) + $descriptor.Tail
}

function Get-AccessRecord {
    # Returns what this script added for a SID on this host, as texts. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Sid)

    if (-not (Test-Path -LiteralPath $script:RecordKey)) { return }
    $property = (Get-ItemProperty -LiteralPath $script:RecordKey).PSObject.Properties[$Sid]
    if ($null -ne $property) { @($property.Value) }
}

function Set-AccessRecord {
    # Records what this script added for a SID; removes the record when that is nothing.
    param([Parameter(Mandatory)] [string] $Sid, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Item)

    if ($Item.Count -gt 0) {
        if (-not (Test-Path -LiteralPath $script:RecordKey)) { $null = New-Item -Path $script:RecordKey -Force -Confirm:$false }
        $null = New-ItemProperty -LiteralPath $script:RecordKey -Name $Sid -Value $Item -PropertyType MultiString -Force -Confirm:$false
    } elseif (@(Get-AccessRecord -Sid $Sid).Count -gt 0) {
        Remove-ItemProperty -LiteralPath $script:RecordKey -Name $Sid -Force -Confirm:$false
    }
}

function Resolve-AccountSid {
    # Returns the SID of an account as text.
    param([Parameter(Mandatory)] [string] $Name)

    if ($Name -match '\AS-1-[0-9]+(-[0-9]+)+\z') { return $Name.ToUpperInvariant() }
    $identity = New-Object -TypeName System.Security.Principal.NTAccount -ArgumentList $Name
    return $identity.Translate([System.Security.Principal.SecurityIdentifier]).Value
}

function Resolve-AccountName {
    # Returns the name of an account as DOMAIN\name, for the cluster's commands, or Name when the SID has none.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Sid)

    try {
        return (New-Object -TypeName System.Security.Principal.SecurityIdentifier -ArgumentList $Sid).Translate([System.Security.Principal.NTAccount]).Value
    } catch {
        Write-Verbose -Message $_.Exception.Message
        return $Name
    }
}

function Invoke-SecurityMethod {
    # Calls a method of WMI that returns a number, and throws when that is not 0.
    # https://learn.microsoft.com/windows/win32/wmisdk/--systemsecurity
    # https://learn.microsoft.com/windows/win32/cimwin32prov/win32-securitydescriptorhelper
    param([Parameter(Mandatory)] [string] $Namespace, [Parameter(Mandatory)] [string] $Class, [Parameter(Mandatory)] [string] $Method, [hashtable] $Argument = @{})

    $result = Invoke-CimMethod -Namespace $Namespace -ClassName $Class -MethodName $Method -Arguments $Argument -WhatIf:$false -Confirm:$false
    if ($result.ReturnValue -ne 0) { throw "$Class.$Method of WMI namespace $Namespace failed with error $($result.ReturnValue)" }
    return $result
}

function Get-TargetSecurity {
    # Returns the security descriptor of a target as text.
    param([Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Argument)

    switch ($Kind) {
        'shell' { return (Get-Item -LiteralPath $script:ShellItem).Value }
        'namespace' {
            $bytes = [byte[]](Invoke-SecurityMethod -Namespace $Argument -Class '__SystemSecurity' -Method 'GetSD').SD
            return [string](Invoke-SecurityMethod -Namespace 'root/cimv2' -Class 'Win32_SecurityDescriptorHelper' -Method 'BinarySDToSDDL' -Argument @{ BinarySD = $bytes }).SDDL
        }
    }
    return (Get-Acl -LiteralPath $Argument).Sddl
}

function Set-TargetSecurity {
    # Sets the security descriptor of a target from its text; of a folder only the access rights.
    param([Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Argument, [Parameter(Mandatory)] [string] $Text)

    switch ($Kind) {
        'shell' { Set-Item -LiteralPath $script:ShellItem -Value $Text -Force -Confirm:$false }
        'namespace' {
            $bytes = [byte[]](Invoke-SecurityMethod -Namespace 'root/cimv2' -Class 'Win32_SecurityDescriptorHelper' -Method 'SDDLToBinarySD' -Argument @{ SDDL = $Text }).BinarySD
            $null = Invoke-SecurityMethod -Namespace $Argument -Class '__SystemSecurity' -Method 'SetSD' -Argument @{ SD = $bytes }
        }
        default {
            $access = Get-Acl -LiteralPath $Argument
            $access.SetSecurityDescriptorSddlForm($Text, 'Access')
            Set-Acl -LiteralPath $Argument -AclObject $access -Confirm:$false
        }
    }
}

# A right is one text of the record, "kind argument", which says all that is needed to read, add and remove it.

function Test-AccountRight {
    # Reports whether the account has a right already.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Argument)

    if ($script:EntryRights.ContainsKey($Kind)) {
        $holders = @($State.Sid)
        # The Hyper-V role grants its namespace to the group of Hyper-V administrators.
        if ($Argument -like '*virtualization*') { $holders += 'S-1-5-32-578', 'HA' }
        return Test-SecurityEntry -Text (Get-TargetSecurity -Kind $Kind -Argument $Argument) -Sid $holders `
            -Rights $script:EntryRights[$Kind] -Flags $script:EntryFlags[$Kind]
    }
    switch ($Kind) {
        'group' {
            # The command fails for a group with a member that no longer exists; adding then reports whether the account is a member.
            try { return @(Get-LocalGroupMember -SID $Argument | Where-Object -FilterScript { $_.SID.Value -eq $State.Sid }).Count -gt 0 } catch { return $false }
        }
        'cluster' {
            $names = @($State.Sid, (Resolve-AccountName -Name $State.Account -Sid $State.Sid))
            foreach ($item in @(Get-ClusterAccess)) {
                if ($names -contains [string]$item.IdentityReference -and [string]$item.AccessControlType -eq 'Allow' -and
                    @($Argument, 'Full') -contains [string]$item.ClusterRights) { return $true }
            }
            return $false
        }
        'policy' { return (Get-PolicyValue) -eq '1' }
        'record' { return $State.Record -contains "$Kind $Argument" }
    }
}

function Get-PolicyValue {
    # Returns the value of the policy LocalAccountTokenFilterPolicy as text; "absent" when it is not set.
    $property = (Get-ItemProperty -LiteralPath $script:PolicyKey).PSObject.Properties[$script:PolicyName]
    if ($null -eq $property) { return 'absent' }
    return [string]$property.Value
}

function Add-AccountRight {
    # Adds a right. Returns added, present or skipped.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Argument)

    if ($script:EntryRights.ContainsKey($Kind)) {
        $text = Get-TargetSecurity -Kind $Kind -Argument $Argument
        foreach ($entry in (Split-SecurityText -Text $text).Entries) {
            $item = ConvertFrom-SecurityEntry -Entry $entry
            if ($script:EntryFlags[$Kind] -eq '' -or $item.Sid -ne $State.Sid -or $item.Flags -match 'ID') { continue }
            # .NET would merge the two entries of a folder, and they could not be told apart later.
            Write-Warning -Message "$Argument`: $($State.Account) has its own entry there, $entry, which is not changed; grant $Kind access by hand"
            return 'skipped'
        }
        Set-TargetSecurity -Kind $Kind -Argument $Argument -Text (Add-SecurityEntry -Text $text -Sid $State.Sid -Rights $script:EntryRights[$Kind] -Flags $script:EntryFlags[$Kind])
        return 'added'
    }
    switch ($Kind) {
        # https://learn.microsoft.com/powershell/module/microsoft.powershell.localaccounts/add-localgroupmember
        'group' {
            try { Add-LocalGroupMember -SID $Argument -Member $State.Sid -Confirm:$false } catch {
                if ($_.FullyQualifiedErrorId -notlike 'MemberExists,*') { throw }
                return 'present'
            }
        }
        # https://learn.microsoft.com/powershell/module/failoverclusters/grant-clusteraccess
        'cluster' {
            $name = Resolve-AccountName -Name $State.Account -Sid $State.Sid
            if ($Argument -eq 'Full') { $null = Grant-ClusterAccess -User $name -Full } else { $null = Grant-ClusterAccess -User $name -ReadOnly }
        }
        'policy' { $null = New-ItemProperty -LiteralPath $script:PolicyKey -Name $script:PolicyName -Value 1 -PropertyType DWord -Force -Confirm:$false }
    }
    return 'added'
}

function Remove-AccountRight {
    # Removes a right. Returns removed, or absent when it was removed or changed meanwhile.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Argument)

    if ($script:EntryRights.ContainsKey($Kind)) {
        if ($script:EntryFlags[$Kind] -ne '' -and -not (Test-Path -LiteralPath $Argument)) { return 'absent' }
        $text = Get-TargetSecurity -Kind $Kind -Argument $Argument
        $new = Remove-SecurityEntry -Text $text -Sid $State.Sid -Rights $script:EntryRights[$Kind] -Flags $script:EntryFlags[$Kind]
        if ($new -ceq $text) { return 'absent' }
        Set-TargetSecurity -Kind $Kind -Argument $Argument -Text $new
        return 'removed'
    }
    switch ($Kind) {
        'group' {
            try { Remove-LocalGroupMember -SID $Argument -Member $State.Sid -Confirm:$false } catch {
                if ($_.FullyQualifiedErrorId -notlike 'MemberNotFound,*') { throw }
                return 'absent'
            }
        }
        'cluster' { $null = Remove-ClusterAccess -User (Resolve-AccountName -Name $State.Account -Sid $State.Sid) }
        'policy' {
            if ((Get-PolicyValue) -ne '1') { return 'absent' }
            if ($Argument -eq 'absent') {
                Remove-ItemProperty -LiteralPath $script:PolicyKey -Name $script:PolicyName -Force -Confirm:$false
            } else {
                $null = New-ItemProperty -LiteralPath $script:PolicyKey -Name $script:PolicyName -Value ([int]$Argument) -PropertyType DWord -Force -Confirm:$false
            }
        }
    }
    return 'removed'
}

function Get-RightText {
    # Returns what is changed, and on what, in words.
    param([Parameter(Mandatory)] [string] $Kind, [Parameter(Mandatory)] [string] $Argument)

    switch ($Kind) {
        'group' { return 'membership', "group $Argument" }
        'shell' { return 'read and execute', $script:ShellItem }
        'namespace' { return 'Enable, Execute Methods and Remote Enable', "WMI namespace $Argument" }
        'read' { return 'read access', $Argument }
        'modify' { return 'modify access', $Argument }
        'cluster' { return "$Argument access", 'failover cluster' }
        'policy' { return "$($script:PolicyName) = 1", $script:PolicyKey }
        'record' { return 'account of hypervvm', $script:RecordKey }
    }
}

function Set-AccountRight {
    # Adds a right, or with Revoke removes one that is recorded. Returns the outcome.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Right, [switch] $Revoke)

    $kind, $argument = $Right.Split([char[]]' ', 2)
    $name, $target = Get-RightText -Kind $kind -Argument $argument
    if ($Revoke) {
        if (-not $State.Cmdlet.ShouldProcess($target, "remove from $($State.Account): $name")) { return }
        $result = Remove-AccountRight -State $State -Kind $kind -Argument $argument
        $State.Record = @($State.Record | Where-Object -FilterScript { $_ -ne $Right })
        Set-AccessRecord -Sid $State.Sid -Item $State.Record
    } elseif (Test-AccountRight -State $State -Kind $kind -Argument $argument) {
        $result = 'present'
    } else {
        if (-not $State.Cmdlet.ShouldProcess($target, "grant to $($State.Account): $name")) { return }
        $before = @($State.Record)
        # Recorded first, so that what a run that is killed has added can be removed.
        $State.Record = @($before | Where-Object -FilterScript { $_ -ne $Right }) + $Right
        Set-AccessRecord -Sid $State.Sid -Item $State.Record
        $result = 'failed'
        try {
            $result = Add-AccountRight -State $State -Kind $kind -Argument $argument
        } finally {
            if ($result -ne 'added') {
                $State.Record = $before
                Set-AccessRecord -Sid $State.Sid -Item $before
            }
        }
    }
    return [pscustomobject]@{ Right = $name; Target = $target; Result = $result }
}

function Assert-Administrator {
    # Throws unless this process has the rights of an administrator.
    if ([System.IO.Path]::DirectorySeparatorChar -ne '\') { return }
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList ([System.Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'administrator rights are required: start Windows PowerShell with "Run as administrator"'
    }
}

Assert-Administrator
$sid = Resolve-AccountSid -Name $Account
$state = @{ Cmdlet = $PSCmdlet; Account = $Account; Sid = $sid; Record = @(Get-AccessRecord -Sid $sid) }
if ($Revoke) {
    $recorded = @($state.Record)
    [System.Array]::Reverse($recorded)
    foreach ($right in $recorded) { Set-AccountRight -State $state -Right $right -Revoke }
    return
}
foreach ($folder in $ImagePath + $VMPath) {
    if (-not (Test-Path -LiteralPath $folder -PathType Container)) { throw "folder $folder does not exist" }
}
# The record of the other rights says that they can be removed; this one, that the account is known.
$rights = @('record account', 'group S-1-5-32-578', 'group S-1-5-32-580', 'shell RootSDDL', 'namespace root/cimv2', 'namespace root/virtualization/v2')
foreach ($folder in $ImagePath) { $rights += "read $folder" }
foreach ($folder in $VMPath) { $rights += "modify $folder" }
if ($ClusterAccess -ne 'None' -and $null -ne (Get-Command -Name 'Get-Cluster' -ErrorAction SilentlyContinue)) {
    # A host that has the commands but is not a node reports an error.
    try { if ($null -ne (Get-Cluster)) { $rights += "cluster $ClusterAccess" } } catch { Write-Verbose -Message $_.Exception.Message }
}
if ($LocalAccountTokenFilterPolicy) { $rights += "policy $(Get-PolicyValue)" }
foreach ($right in $rights) { Set-AccountRight -State $state -Right $right }
