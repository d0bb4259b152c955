# The WinRM service: listeners, the right to open a shell, and the limits of shells.

# SDDL abbreviations of well-known SIDs: https://learn.microsoft.com/windows/win32/secauthz/sid-strings
$script:CheckSddlSid = @{
    BA = 'S-1-5-32-544'; BU = 'S-1-5-32-545'; RM = 'S-1-5-32-580'; HA = 'S-1-5-32-578'; WD = 'S-1-1-0'; AU = 'S-1-5-11'; IU = 'S-1-5-4'
    NU = 'S-1-5-2'; SY = 'S-1-5-18'; LS = 'S-1-5-19'; NS = 'S-1-5-20'; AN = 'S-1-5-7'; BG = 'S-1-5-32-546'; PU = 'S-1-5-32-547'
}

function Test-CheckSddl {
    <#
    .SYNOPSIS
    Reports whether an SDDL string grants Execute (Invoke) to one of the SIDs and denies it to none.
    .DESCRIPTION
    WinRM requires generic execute, which it displays as Invoke, to open a shell.
    #>
    param([Parameter(Mandatory)] [string] $Sddl, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Sid)

    $granted = $false
    $access = ($Sddl -split 'S:', 2)[0] # without the audit entries
    foreach ($entry in [regex]::Matches($access, '\((?<type>\w+);[^;]*;(?<rights>[^;]*);[^;]*;[^;]*;(?<sid>[^;)]+)\)')) {
        $who = $entry.Groups['sid'].Value
        if ($script:CheckSddlSid.ContainsKey($who)) { $who = $script:CheckSddlSid[$who] }
        if ($Sid -notcontains $who) { continue }
        $rights = $entry.Groups['rights'].Value
        if ($rights -match '^0x') {
            # 0x10000000 is generic all, 0x20000000 generic execute.
            $has = ([System.Convert]::ToInt64($rights, 16) -band 0x30000000) -ne 0
        } else {
            $has = @([regex]::Matches($rights, '..') | Where-Object -FilterScript { @('GA', 'GX') -contains $_.Value }).Count -gt 0
        }
        if (-not $has) { continue }
        if ($entry.Groups['type'].Value -eq 'D') { return $false }
        if ($entry.Groups['type'].Value -eq 'A') { $granted = $true }
    }
    return $granted
}

function Test-CheckWinRM {
    # Checks the WinRM service.
    Invoke-Check -Name 'winrm-service' -ShownByShell -Check {
        $state = Get-CheckService -Name 'WinRM'
        if ($state -eq 'Running') { Write-Finding -Name 'winrm-service' -Status pass -Message 'The WinRM service runs.'; return }
        if (-not $state) { $state = 'missing' }
        Write-Finding -Name 'winrm-service' -Status fail -Message "The WinRM service is $state." `
            -Remedy 'Set-Service -Name WinRM -StartupType Automatic; Start-Service -Name WinRM'
    }
    Invoke-Check -Name 'winrm-listener' -ShownByShell -Check {
        $listeners = @(Get-WSManInstance -ResourceURI 'winrm/config/listener' -Enumerate | Where-Object -FilterScript { [string]$_.Enabled -eq 'true' })
        $kinds = @($listeners | ForEach-Object -Process { "$($_.Transport) on port $($_.Port)" })
        if ($kinds.Count -eq 0) {
            Write-Finding -Name 'winrm-listener' -Status fail -Message 'WinRM has no listener that is enabled.' `
                -Remedy 'See "Preparing a Hyper-V host" for a listener with TLS. Without TLS: winrm quickconfig'
        } elseif (@($listeners | Where-Object -FilterScript { [string]$_.Transport -eq 'HTTPS' }).Count -eq 0) {
            Write-Finding -Name 'winrm-listener' -Status pass -Message "$($kinds -join ', '); there is none with TLS, so the provider needs use_tls = false."
        } else {
            Write-Finding -Name 'winrm-listener' -Status pass -Message ($kinds -join ', ')
        }
    }
    Invoke-Check -Name 'winrm-shell-right' -ShownByShell -Check {
        $sddl = [string](Get-WSManInstance -ResourceURI 'winrm/config/service').RootSDDL
        if ($null -eq $script:CheckToken) { Write-Finding -Name 'winrm-shell-right' -Status unknown -Message 'The groups of the account are not known.'; return }
        if (Test-CheckSddl -Sddl $sddl -Sid (@($script:CheckToken.User) + $script:CheckToken.Groups)) {
            Write-Finding -Name 'winrm-shell-right' -Status pass -Message 'RootSDDL of the WinRM service grants the account the right to open a shell.'
            return
        }
        Write-Finding -Name 'winrm-shell-right' -Status fail `
            -Message 'RootSDDL of the WinRM service does not grant Invoke (GX) to the account or one of its groups: opening a shell fails with "Access is denied". Remote Management Users do not have it by default.' `
            -Remedy 'Run as administrator the script that "hvprov script grant" prints.'
    }
    Test-CheckWinRMLimit
}

function Test-CheckWinRMLimit {
    # Checks the limits of shells. Each is a check with its own name.
    $script:CheckShell = $null
    Invoke-Check -Name 'winrm-remote-shell' -ShownByShell -Check {
        $script:CheckShell = Get-WSManInstance -ResourceURI 'winrm/config/winrs'
        if ([string]$script:CheckShell.AllowRemoteShellAccess -eq 'false') {
            Write-Finding -Name 'winrm-remote-shell' -Status fail -Message 'Remote shells are not allowed, often by the policy "Allow Remote Shell Access".' `
                -Remedy 'Set-Item -Path WSMan:\localhost\Shell\AllowRemoteShellAccess -Value $true'
        } else {
            Write-Finding -Name 'winrm-remote-shell' -Status pass -Message 'Remote shells are allowed.'
        }
    }
    if ($null -eq $script:CheckShell) { return }
    # Defaults, and that less than the default memory is not supported: https://learn.microsoft.com/windows/win32/winrm/quotas
    $limits = @(
        @{ Name = 'shell-memory'; Setting = 'MaxMemoryPerShellMB'; Minimum = 1024; Text = 'A session with several queries at the same time may fail with OutOfMemoryException.' }
        @{ Name = 'shell-count'; Setting = 'MaxShellsPerUser'; Minimum = 5; Text = 'Each Terraform run that uses the account needs one shell at the same time.' }
        @{ Name = 'shell-processes'; Setting = 'MaxProcessesPerShell'; Minimum = 5; Text = 'A shell runs PowerShell and the processes that it starts.' }
        @{ Name = 'shell-idle-timeout'; Setting = 'IdleTimeout'; Minimum = 180000; Text = 'A session may end between two requests (milliseconds).' }
    )
    foreach ($limit in $limits) {
        Invoke-Check -Name $limit.Name -Check {
            $value = [long]$script:CheckShell.($limit.Setting)
            if ($value -ge $limit.Minimum -or $value -eq 0) { # 0 means no limit
                Write-Finding -Name $limit.Name -Status pass -Message "$($limit.Setting) is $value."
                return
            }
            Write-Finding -Name $limit.Name -Status warn -Message "$($limit.Setting) is $value, less than $($limit.Minimum). $($limit.Text)" `
                -Remedy "Set-Item -Path WSMan:\localhost\Shell\$($limit.Setting) -Value $(@{ MaxMemoryPerShellMB = 1024; MaxShellsPerUser = 30; MaxProcessesPerShell = 25; IdleTimeout = 7200000 }[$limit.Setting])"
        }
    }
}
