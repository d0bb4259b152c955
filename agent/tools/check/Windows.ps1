# Windows, Windows PowerShell and .NET.

function Test-CheckWindows {
    # Checks the versions that the agent needs.
    Invoke-Check -Name 'windows-version' -Check {
        $key = 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'
        $build = [int](Get-CheckRegistry -Key $key -Name 'CurrentBuildNumber')
        $text = "$(Get-CheckRegistry -Key $key -Name 'ProductName') $(Get-CheckRegistry -Key $key -Name 'InstallationType'), build $build.$(Get-CheckRegistry -Key $key -Name 'UBR')"
        $script:CheckReport.Facts['windows'] = $text
        if ($build -ge 14393) {
            Write-Finding -Name 'windows-version' -Status pass -Message $text
        } else {
            Write-Finding -Name 'windows-version' -Status fail -Message "$text is older than Windows Server 2016 (build 14393)." -Remedy 'Upgrade the host.'
        }
    }
    Invoke-Check -Name 'powershell-version' -Check {
        $version = [string](Get-CheckRegistry -Key 'SOFTWARE\Microsoft\PowerShell\3\PowerShellEngine' -Name 'PowerShellVersion')
        $script:CheckReport.Facts['powershell'] = $version
        if ($version -and [version]$version -ge [version]'5.1') {
            Write-Finding -Name 'powershell-version' -Status pass -Message "Windows PowerShell $version"
        } else {
            Write-Finding -Name 'powershell-version' -Status fail -Message "Windows PowerShell $version is older than 5.1." `
                -Remedy 'Install Windows Management Framework 5.1.'
        }
        if ($PSVersionTable.PSEdition -ne 'Desktop') {
            Write-Finding -Name 'powershell-edition' -Status unknown `
                -Message "The check runs in PowerShell $($PSVersionTable.PSVersion). The agent runs in Windows PowerShell, where some results may differ." `
                -Remedy 'Run the script with powershell.exe.'
        }
    }
    Invoke-Check -Name 'dotnet-version' -Check {
        # Releases: https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed
        $release = [int](Get-CheckRegistry -Key 'SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full' -Name 'Release')
        $script:CheckReport.Facts['dotnet_release'] = $release
        if ($release -ge 461808) {
            Write-Finding -Name 'dotnet-version' -Status pass -Message ".NET Framework, release $release"
        } elseif ($release -ge 394802) {
            Write-Finding -Name 'dotnet-version' -Status pass -Message ".NET Framework, release $release, older than 4.7.2, which the agent is tested with"
        } else {
            Write-Finding -Name 'dotnet-version' -Status warn -Message "The .NET Framework, release $release, is older than 4.6.2." `
                -Remedy 'Install .NET Framework 4.8.'
        }
    }
}
