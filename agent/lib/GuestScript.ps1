# What runs in a Windows guest: the functions of this file are the script hypervvm.ps1 on the medium, and never run on the host. They report
# to the host through values in the registry.

# The functions of the script.
$script:AgentGuestScriptFunctions = @(
    'Start-GuestScript', 'Install-GuestScript', 'Complete-GuestScript', 'Wait-GuestReady', 'Test-GuestReady', 'Assert-GuestResult',
    'Invoke-GuestCommand', 'Invoke-GuestProcess', 'Remove-GuestSecret', 'Get-GuestAnswerFile', 'New-GuestFolder', 'Set-GuestReport', 'Get-GuestReport',
    'Set-GuestValue', 'Get-GuestValue')

function Get-WindowsScript {
    # Returns the text of the script. It installs itself when it runs from the medium, and completes the set-up when the task runs it.
    $text = New-Object -TypeName System.Text.StringBuilder
    $null = $text.Append("param([string] `$Step = 'install')`n`nSet-StrictMode -Version Latest`n`$ErrorActionPreference = 'Stop'`n")
    foreach ($name in $script:AgentGuestScriptFunctions) {
        $null = $text.Append("`nfunction $name {").Append((Get-Command -Name $name -CommandType Function).Definition).Append("}`n")
    }
    $null = $text.Append("`nStart-GuestScript -Step `$Step -Source `$PSScriptRoot`n")
    return $text.ToString().Replace("`r", '')
}

function Start-GuestScript {
    # Runs a step, and reports its failure. A failure of the report itself ends the script.
    param([string] $Step, [string] $Source)

    try {
        if ($Step -eq 'install') { Install-GuestScript -Source $Source } else { Complete-GuestScript -Folder $Source }
    } catch {
        Set-GuestReport -Name 'setup' -Value ('failed: ' + $_.Exception.Message)
    }
}

function Install-GuestScript {
    # Copies the script and its settings from the medium, which the host removes, and registers a task that runs the script as SYSTEM when
    # Windows starts. While Setup runs, Windows starts once more before it is ready.
    param([string] $Source)

    $settings = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText([System.IO.Path]::Combine($Source, 'hypervvm.json')))
    # Both an answer file and cloudbase-init may run the script.
    if ((Get-GuestReport -Name 'instance') -eq $settings.instance) { return }
    Set-GuestReport -Name 'setup' -Value ''
    Set-GuestReport -Name 'instance' -Value $settings.instance
    Set-GuestReport -Name 'stage' -Value 'accounts'

    $folder = [System.IO.Path]::Combine($env:ProgramData, 'hypervvm-setup')
    if ([System.IO.Directory]::Exists($folder)) { [System.IO.Directory]::Delete($folder, $true) }
    New-GuestFolder -Path $folder
    foreach ($name in 'hypervvm.ps1', 'hypervvm.json') {
        $copy = [System.IO.Path]::Combine($folder, $name)
        [System.IO.File]::WriteAllBytes($copy, [System.IO.File]::ReadAllBytes([System.IO.Path]::Combine($Source, $name)))
    }
    # https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema: without time limit, and also on a battery, which the host
    # may show to the guest.
    $task = '<?xml version="1.0" encoding="UTF-16"?><Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">' +
    '<Triggers><BootTrigger><Enabled>true</Enabled></BootTrigger></Triggers>' +
    '<Principals><Principal id="system"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>' +
    '<Settings><DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries><StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>' +
    '<ExecutionTimeLimit>PT0S</ExecutionTimeLimit></Settings><Actions Context="system"><Exec>' +
    '<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>' +
    '<Arguments>-NoProfile -NonInteractive -ExecutionPolicy RemoteSigned -File "' +
    [System.IO.Path]::Combine($folder, 'hypervvm.ps1') + '" -Step complete</Arguments></Exec></Actions></Task>'
    $file = [System.IO.Path]::Combine($folder, 'task.xml')
    [System.IO.File]::WriteAllText($file, $task, [System.Text.Encoding]::Unicode)
    $null = schtasks.exe /create /tn hypervvm-setup /xml $file /f
    if ($LASTEXITCODE -ne 0) { throw "the task that completes the set-up could not be registered: schtasks.exe ended with exit code $LASTEXITCODE" }
    if (Test-GuestReady) { $null = schtasks.exe /run /tn hypervvm-setup }
}

function Complete-GuestScript {
    # Waits for the end of Setup, verifies it, runs the user's commands, removes what is left, and reports. Secrets are removed after a failure too.
    param([string] $Folder)

    Wait-GuestReady
    $result = 'done'
    try {
        $settings = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText([System.IO.Path]::Combine($Folder, 'hypervvm.json')))
        if ($settings.time_zone) {
            $null = tzutil.exe /s $settings.time_zone
            if ($LASTEXITCODE -ne 0) { throw "the guest does not have the time zone $($settings.time_zone): 'tzutil /l' lists those that it has" }
        }
        Assert-GuestResult -Settings $settings
        Set-GuestReport -Name 'stage' -Value 'commands'
        # A command may restart the guest: the next one follows, and none runs twice.
        $progress = [System.IO.Path]::Combine($Folder, 'progress')
        $number = if ([System.IO.File]::Exists($progress)) { [int][System.IO.File]::ReadAllText($progress) } else { 0 }
        foreach ($command in @($settings.commands | Select-Object -Skip $number)) {
            $number++
            [System.IO.File]::WriteAllText($progress, [string]$number)
            Invoke-GuestCommand -Command $command -Number $number
        }
    } catch {
        $result = 'failed: ' + $_.Exception.Message
    }
    Set-GuestReport -Name 'stage' -Value 'final'
    Remove-GuestSecret
    $null = schtasks.exe /delete /tn hypervvm-setup /f
    [System.IO.Directory]::Delete($Folder, $true)
    Set-GuestReport -Name 'setup' -Value $result
}

function Wait-GuestReady {
    # Waits until Setup has ended. The host has the time limit.
    while (-not (Test-GuestReady)) { Start-Sleep -Seconds 5 }
}

function Test-GuestReady {
    # Reports whether Setup has ended: https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-states.
    $state = Get-GuestValue -Key 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' -Name 'ImageState'
    if ($state -ne 'IMAGE_STATE_COMPLETE') { return $false }
    foreach ($name in 'SystemSetupInProgress', 'OOBEInProgress') {
        if ((Get-GuestValue -Key 'HKEY_LOCAL_MACHINE\SYSTEM\Setup' -Name $name) -eq 1) { return $false }
    }
    return $true
}

function Assert-GuestResult {
    # Fails when the guest is not in its domain or has not got its account: Setup ends all the same.
    param($Settings)

    if ($Settings.domain -and -not (Get-CimInstance -ClassName Win32_ComputerSystem -Property PartOfDomain).PartOfDomain) {
        $log = [System.IO.Path]::Combine($env:SystemRoot, 'debug', 'NetSetup.LOG')
        throw "the guest is not a member of the domain $($Settings.domain): see $log in the guest"
    }
    if ($Settings.account -and $null -eq (Get-LocalUser -Name $Settings.account -ErrorAction SilentlyContinue)) {
        throw "the guest does not have the account $($Settings.account): see $([System.IO.Path]::Combine($env:SystemRoot, 'Panther')) in the guest"
    }
}

function Invoke-GuestCommand {
    # Runs a command of the user. 3010 is a success that needs a restart: https://learn.microsoft.com/windows/win32/msi/error-codes.
    param([string] $Command, [int] $Number)

    # With /s, cmd.exe removes the outer quotation marks and keeps all others.
    $result = Invoke-GuestProcess -Arguments "/d /s /c `"$Command`""
    if ($result.ExitCode -eq 0 -or $result.ExitCode -eq 3010) { return }
    throw "command $Number ended with exit code $($result.ExitCode): $($result.LastLine)"
}

function Invoke-GuestProcess {
    # Runs cmd.exe, and returns its ExitCode and the LastLine of its errors, or of its output.
    param([string] $Arguments)

    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList ([System.IO.Path]::Combine($env:SystemRoot, 'System32', 'cmd.exe')), $Arguments
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [System.Diagnostics.Process]::Start($start)
    $process.StandardInput.Dispose() # a command that asks a question does not wait
    $texts = @($process.StandardError.ReadToEndAsync(), $process.StandardOutput.ReadToEndAsync())
    $process.WaitForExit()
    $last = ''
    foreach ($text in $texts) {
        # A process that the command has started may keep its output open.
        if ($last -or -not $text.Wait(5000)) { continue }
        foreach ($line in $text.Result.Split([char]10)) { if ($line.Trim()) { $last = $line.Trim() } }
    }
    return @{ ExitCode = $process.ExitCode; LastLine = $last }
}

function Remove-GuestSecret {
    # Removes the answer files that Setup has cached. Setup removes the passwords of a pass only when that pass ends.
    foreach ($file in @(Get-GuestAnswerFile)) { [System.IO.File]::Delete($file) }
}

function Get-GuestAnswerFile {
    # Returns the paths of the answer files that Setup has cached. Call it within @( ).
    $folders = @(
        [System.IO.Path]::Combine($env:SystemRoot, 'Panther')
        [System.IO.Path]::Combine($env:SystemRoot, 'Panther', 'Unattend')
        [System.IO.Path]::Combine($env:SystemRoot, 'System32', 'Sysprep')
    )
    foreach ($folder in $folders) {
        if (-not [System.IO.Directory]::Exists($folder)) { continue }
        foreach ($file in [System.IO.Directory]::GetFiles($folder, '*.xml')) {
            if ([System.IO.Path]::GetFileName($file) -notlike '*unattend*') { continue }
            # An answer file of the image's owner in Sysprep stays.
            if ($folder.EndsWith('Sysprep') -and -not [System.IO.File]::ReadAllText($file).Contains('hypervvm.stage')) { continue }
            $file
        }
    }
}

function New-GuestFolder {
    # Creates a folder for SYSTEM and administrators only.
    param([string] $Path)

    $security = New-Object -TypeName System.Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm('D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
    $null = [System.IO.Directory]::CreateDirectory($Path, $security)
}

function Set-GuestReport {
    # Sets a value that the host reads. It has at most 1024 characters: https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-kvpexchangedataitem.
    param([string] $Name, [string] $Value)

    if ($Value.Length -gt 1000) { $Value = $Value.Substring(0, 1000) }
    Set-GuestValue -Key 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Virtual Machine\Guest' -Name "hypervvm.$Name" -Value $Value
}

function Get-GuestReport {
    # Returns a value that the guest has reported, or $null.
    param([string] $Name)

    return Get-GuestValue -Key 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Virtual Machine\Guest' -Name "hypervvm.$Name"
}

function Set-GuestValue {
    # Sets a text in the registry, and creates its key.
    param([string] $Key, [string] $Name, [string] $Value)

    [Microsoft.Win32.Registry]::SetValue($Key, $Name, $Value)
}

function Get-GuestValue {
    # Returns a value of the registry, or $null.
    param([string] $Key, [string] $Name)

    return [Microsoft.Win32.Registry]::GetValue($Key, $Name, $null)
}
