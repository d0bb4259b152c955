# The account that runs the check: its groups, and whether Windows removed rights from its token.

function Get-CheckToken {
    <#
    .SYNOPSIS
    Returns the SID of the account, the SIDs of its groups, and its integrity level.
    .DESCRIPTION
    whoami.exe names groups that are for denials only as well, unlike WindowsIdentity.Groups, and its SIDs are not localised.
    #>
    $user = [string]@(whoami.exe /user /fo csv /nh)[0]
    $token = @{ User = ''; Groups = @(); Integrity = 0; Filtered = $false; Administrator = $false }
    if ($user -match '^"(?<name>[^"]*)","(?<sid>S-1-[0-9-]+)"') {
        $token.User = $Matches['sid']
        $name = $Matches['name']
        Hide-CheckName -Placeholder '<account>' -Name $name
        foreach ($part in $name.Split('\')) { Hide-CheckName -Placeholder '<account>' -Name $part }
    }
    $token.Groups = @(foreach ($line in @(whoami.exe /groups /fo csv /nh)) { if ($line -match '"(?<sid>S-1-[0-9-]+)"') { $Matches['sid'] } })
    foreach ($sid in $token.Groups) { if ($sid -match '^S-1-16-(?<level>\d+)$') { $token.Integrity = [int]$Matches['level'] } }
    # 12288 is the integrity level high, which members of Administrators have unless their token is filtered.
    $listed = $token.Groups -contains 'S-1-5-32-544'
    $token.Filtered = $listed -and $token.Integrity -lt 12288
    $token.Administrator = $listed -and -not $token.Filtered
    if ($token.Filtered) { $token.Groups = @($token.Groups | Where-Object -FilterScript { $_ -ne 'S-1-5-32-544' }) }
    return $token
}

function Test-CheckAccount {
    # Checks the groups of the account.
    $script:CheckToken = $null
    Invoke-Check -Name 'account-token' -Check {
        $script:CheckToken = Get-CheckToken
        if ($script:CheckToken.Filtered) {
            Write-Finding -Name 'account-token' -Status fail `
                -Message 'The account is a member of Administrators, but Windows removed the rights from its token. It does so for local accounts that log on over the network, and for an unelevated console.' `
                -Remedy 'Use a domain account, or allow local administrators over the network: New-ItemProperty -Path ''HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'' -Name LocalAccountTokenFilterPolicy -Value 1 -PropertyType DWord -Force. At a console, run PowerShell as administrator.'
            return
        }
        $kind = 'not an administrator'
        if ($script:CheckToken.Administrator) { $kind = 'administrator' }
        Write-Finding -Name 'account-token' -Status pass -Message "The token has its full rights ($kind, integrity level $($script:CheckToken.Integrity))."
    }
    Invoke-Check -Name 'account-groups' -Check {
        if ($null -eq $script:CheckToken) { Write-Finding -Name 'account-groups' -Status unknown -Message 'The groups of the account are not known.'; return }
        if ($script:CheckToken.Administrator) { Write-Finding -Name 'account-groups' -Status pass -Message 'The account is a member of Administrators (S-1-5-32-544).'; return }
        $missing = @(foreach ($sid in 'S-1-5-32-578', 'S-1-5-32-580') { if ($script:CheckToken.Groups -notcontains $sid) { $sid } })
        if ($missing.Count -eq 0) {
            Write-Finding -Name 'account-groups' -Status pass -Message 'The account is a member of Hyper-V Administrators (S-1-5-32-578) and Remote Management Users (S-1-5-32-580).'
            return
        }
        $commands = @(foreach ($sid in $missing) { "Add-LocalGroupMember -SID $sid -Member '<account>'" })
        Write-Finding -Name 'account-groups' -Status fail `
            -Message "The account is no administrator, and not a member of: $($missing -join ', ') (578 is Hyper-V Administrators, 580 Remote Management Users)." `
            -Remedy "Run as administrator: $($commands -join '; '). The script that ""hvprov script grant"" prints does the same, and grants the other rights."
    }
}
