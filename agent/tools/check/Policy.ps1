# Policies of hardened hosts that concern PowerShell and the start of processes.

function Test-CheckPolicy {
    # Checks execution policies, logging policies and attack surface reduction.
    Invoke-Check -Name 'language-mode' -Check {
        Write-Finding -Name 'language-mode' -Status pass -Message 'The language mode is FullLanguage.'
    }
    Invoke-Check -Name 'execution-policy' -Check {
        $policies = @(Get-ExecutionPolicy -List)
        $text = @($policies | ForEach-Object -Process { "$($_.Scope): $($_.ExecutionPolicy)" }) -join ', '
        $forced = @($policies | Where-Object -FilterScript { @('MachinePolicy', 'UserPolicy') -contains [string]$_.Scope } |
                Where-Object -FilterScript { @('Restricted', 'AllSigned') -contains [string]$_.ExecutionPolicy })
        if ($forced.Count -eq 0) { Write-Finding -Name 'execution-policy' -Status pass -Message $text; return }
        Write-Finding -Name 'execution-policy' -Status warn `
            -Message "A group policy forbids scripts ($text). It takes precedence over -ExecutionPolicy: modules that consist of scripts, and scripts that are run by hand, do not load." `
            -Remedy 'Set the policy "Turn on Script Execution" to "Allow local scripts and remote signed scripts" for the hosts.'
    }
    $logging = @(
        @{ Name = 'script-block-logging'; Key = 'ScriptBlockLogging'; Value = 'EnableScriptBlockLogging'; On = 'The log of PowerShell contains the text of the agent for each session and job. It contains no secrets.' }
        @{ Name = 'module-logging'; Key = 'ModuleLogging'; Value = 'EnableModuleLogging'; On = 'The log of PowerShell contains the parameters of cmdlets.' }
        @{ Name = 'transcription'; Key = 'Transcription'; Value = 'EnableTranscripting'; On = 'A transcript is written for each session and job.' }
    )
    foreach ($log in $logging) {
        Invoke-Check -Name $log.Name -Check {
            $on = [int](Get-CheckRegistry -Key "SOFTWARE\Policies\Microsoft\Windows\PowerShell\$($log.Key)" -Name $log.Value) -eq 1
            $text = 'off'
            if ($on) { $text = "on by policy. $($log.On)" }
            Write-Finding -Name $log.Name -Status pass -Message $text
        }
    }
    Invoke-Check -Name 'asr-process-creation' -Check {
        # "Block process creations originating from PSExec and WMI commands":
        # https://learn.microsoft.com/defender-endpoint/attack-surface-reduction-rules-reference
        $preference = Get-MpPreference
        $ids = @($preference.AttackSurfaceReductionRules_Ids)
        $actions = @($preference.AttackSurfaceReductionRules_Actions)
        # An account that is no administrator gets a text in place of the rules.
        if (@($ids | Where-Object -FilterScript { $null -ne $_ -and [string]$_ -notmatch '^[0-9a-f-]{36}$' }).Count -gt 0) {
            Write-Finding -Name 'asr-process-creation' -Status unknown -Message 'The account may not read the rules of attack surface reduction.' `
                -Remedy 'Run the script as an administrator of the host to check it.'
            return
        }
        $action = 0
        for ($i = 0; $i -lt $ids.Count; $i++) {
            if ([string]$ids[$i] -eq 'd1e49aac-8f56-4280-b9ba-992a6d77406c' -and $i -lt $actions.Count) { $action = [int]$actions[$i] }
        }
        if ($action -eq 1 -or $action -eq 6) {
            Write-Finding -Name 'asr-process-creation' -Status warn `
                -Message "The attack surface reduction rule against processes from WMI (d1e49aac) has the action $action (1 blocks, 6 warns). The agent starts the process of a job through WMI." `
                -Remedy 'Set the rule to audit on Hyper-V hosts: Add-MpPreference -AttackSurfaceReductionRules_Ids d1e49aac-8f56-4280-b9ba-992a6d77406c -AttackSurfaceReductionRules_Actions AuditMode'
        } else {
            Write-Finding -Name 'asr-process-creation' -Status pass -Message "The rule against processes from WMI does not block (action $action)."
        }
    }
}
