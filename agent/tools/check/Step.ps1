# -Full: each kind of step of a job, on a virtual machine that is removed afterwards.

function Test-CheckStep {
    <#
    .SYNOPSIS
    Creates a virtual machine, performs the steps, and removes everything, also after an error.
    #>
    param([AllowEmptyString()] [string] $VMPath, [switch] $Cluster, [switch] $SkipTpm)

    if ($null -eq $script:CheckMachine) { Write-Finding -Name 'full' -Status skip -Message 'Hyper-V does not answer.'; return }
    $parent = Get-CheckFolder -Name 'vm-path' -Given $VMPath
    if (-not [System.IO.Directory]::Exists($parent)) { Write-Finding -Name 'full' -Status skip -Message 'The folder of virtual machines does not exist.'; return }
    $name = 'hypervvm-check-' + [guid]::NewGuid().ToString('N').Substring(0, 8)
    $script:CheckRun = @{
        Name = $name; Parent = $parent; Folder = [System.IO.Path]::Combine($parent, $name); VM = $null
        Done = @{}; Clustered = $false; Facts = (New-Object -TypeName System.Collections.ArrayList)
    }
    Hide-CheckName -Placeholder '<vm>' -Name $name
    Invoke-Check -Name 'full-leftovers' -Check {
        $old = @(Get-VM | Where-Object -FilterScript { $_.Name -like 'hypervvm-check-*' })
        if ($old.Count -eq 0) { Write-Finding -Name 'full-leftovers' -Status pass -Message 'No earlier check left a virtual machine.'; return }
        Write-Finding -Name 'full-leftovers' -Status warn -Message "$($old.Count) virtual machines of earlier checks exist." `
            -Remedy 'If no other check runs: Get-VM -Name ''hypervvm-check-*'' | ForEach-Object { Stop-VM -VM $_ -TurnOff -Force; Remove-VM -VM $_ -Force }; then delete the folders of the same names.'
    }
    try {
        Invoke-CheckDiskStep
        Invoke-CheckMachineStep
        if (-not $SkipTpm) { Invoke-CheckTpmStep } else { Write-Finding -Name 'full-tpm' -Status skip -Message '-SkipTpm is set.' }
        Invoke-CheckNetworkStep
        Invoke-CheckMediaStep
        Invoke-CheckRunningStep
        Invoke-CheckCheckpointStep
        Invoke-CheckStopStep
        Invoke-CheckProcessStep
        if ($Cluster) { Invoke-CheckClusterStep }
        Test-CheckFact
    } finally {
        Remove-CheckMachine
    }
}

function Invoke-CheckStep {
    <#
    .SYNOPSIS
    Performs one step and writes its finding. The action returns what it saw as text, or throws.
    .PARAMETER Needs
    Steps that must have succeeded.
    #>
    param(
        [Parameter(Mandatory)] [string] $Name,
        [string[]] $Needs = @(),
        [Parameter(Mandatory)] [scriptblock] $Action,
        [string] $Remedy = 'Get-WinEvent -LogName Microsoft-Windows-Hyper-V-VMMS-Admin -MaxEvents 20 shows the messages of Hyper-V.'
    )

    foreach ($need in $Needs) {
        if ($script:CheckRun.Done.ContainsKey($need)) { continue }
        Write-Finding -Name $Name -Status skip -Message "It needs $need."
        return
    }
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    try {
        $text = [string](& $Action)
        $script:CheckRun.Done[$Name] = $true
        Write-Finding -Name $Name -Status pass -Message "$text ($($watch.ElapsedMilliseconds) ms)"
    } catch {
        if (Test-CheckMissing -ErrorRecord $_) {
            Write-Finding -Name $Name -Status unknown -Message "This PowerShell does not have the command $($_.Exception.CommandName)."
            return
        }
        if (Test-CheckDenied -ErrorRecord $_) { $remedy = 'Run as administrator the script that "hvprov script grant" prints.' }
        Write-Finding -Name $Name -Status fail -Message "$($_.Exception.Message) [$(Get-CheckErrorId -ErrorRecord $_)] ($($watch.ElapsedMilliseconds) ms)" -Remedy $remedy
    }
}

function Get-CheckErrorId {
    # Returns the identifier of an error, without the command, and its category.
    param([Parameter(Mandatory)] [System.Management.Automation.ErrorRecord] $ErrorRecord)

    $id = ([string]$ErrorRecord.FullyQualifiedErrorId -split ',')[0]
    # The identifier of an error that a script throws is its message.
    if ($id -notmatch '^\w+$') { $id = 'none' }
    return "$id $($ErrorRecord.CategoryInfo.Category)"
}

function Assert-CheckValue {
    # Throws when a value is not the expected one.
    param([Parameter(Mandatory)] [string] $What, [AllowNull()] $Value, [AllowNull()] $Expected)

    if ([string]$Value -ne [string]$Expected) { throw "$What is '$Value' in place of '$Expected'" }
}

function Wait-CheckCondition {
    # Waits until a condition is true. Returns whether it became true.
    param([Parameter(Mandatory)] [scriptblock] $Condition, [int] $Seconds = 60)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($watch.Elapsed.TotalSeconds -ge $Seconds) { return $false }
        Start-Sleep -Milliseconds 250
    }
    return $true
}

function Remove-CheckMachine {
    <#
    .SYNOPSIS
    Removes the virtual machine and its files, and reports what it could not remove.
    #>
    $run = $script:CheckRun
    $left = New-Object -TypeName System.Collections.ArrayList
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    # By name: the creation may have failed after Hyper-V had created it. The name contains a random number and no pattern.
    $machines = @()
    try {
        $machines = @(Get-VM | Where-Object -FilterScript { $_.Name -eq $run.Name -or $_.Name -eq "$($run.Name)-renamed" })
    } catch {
        $null = $left.Add("the virtual machine, if it was created: $($_.Exception.Message)")
    }
    foreach ($vm in $machines) {
        if ($run.Clustered) {
            try { $null = Remove-ClusterGroup -VMId $vm.Id -RemoveResources -Force } catch { $null = $left.Add("the cluster role: $($_.Exception.Message)") }
        }
        for ($attempt = 1; ; $attempt++) {
            try {
                if ([string]$vm.State -ne 'Off') { Stop-VM -VM $vm -TurnOff -Force }
                Remove-VM -VM $vm -Force
                break
            } catch {
                if ($attempt -ge 5) { $null = $left.Add("the virtual machine: $($_.Exception.Message)"); break }
                Start-Sleep -Milliseconds (500 * $attempt)
                $vm = @(Get-VM | Where-Object -FilterScript { $_.Id -eq $vm.Id })[0]
                if ($null -eq $vm) { break }
            }
        }
    }
    $released = Remove-CheckFolder -Folder $run.Folder -Left $left
    if ($left.Count -eq 0) {
        Write-Finding -Name 'full-cleanup' -Status pass -Message "Everything was removed. Windows released the files after $released ms. ($($watch.ElapsedMilliseconds) ms)"
        return
    }
    Write-Finding -Name 'full-cleanup' -Status fail -Message "These could not be removed: $($left -join '; ')" `
        -Remedy 'Get-VM -Name ''hypervvm-check-*'' | ForEach-Object { Stop-VM -VM $_ -TurnOff -Force; Remove-VM -VM $_ -Force }; then delete the folder of the same name in <vm path>.'
}

function Remove-CheckFolder {
    # Deletes the folder of the check, which only this check wrote to. Returns how long Windows held its files, in milliseconds.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [AllowEmptyCollection()] [System.Collections.ArrayList] $Left)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    for ($attempt = 1; [System.IO.Directory]::Exists($Folder); $attempt++) {
        try {
            [System.IO.Directory]::Delete($Folder, $true)
        } catch {
            if ($watch.Elapsed.TotalSeconds -ge 60) { $null = $Left.Add("the folder: $($_.Exception.Message)"); break }
            Start-Sleep -Milliseconds 500
        }
    }
    return $watch.ElapsedMilliseconds
}
