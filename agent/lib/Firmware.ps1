# Generation, secure boot and virtual TPM of virtual machines.

function Get-FirmwareRequirement {
    # Returns what a firmware field must be, or an empty string when its value is valid.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    switch -CaseSensitive ($Name) {
        'generation' { return Get-WholeNumberRequirement -Value $Value -Minimum 1 -Maximum 2 }
        'secure_boot' { return Get-BooleanRequirement -Value $Value }
        'tpm' { return Get-BooleanRequirement -Value $Value }
    }
    return ''
}

function Get-JobGeneration {
    # Returns the generation of a definition. Defaults to 2.
    param([Parameter(Mandatory)] $Fields)

    if ($null -eq $Fields['generation']) { return 2 }
    return [int]$Fields['generation']
}

function Get-CheckGeneration {
    # Returns the generation of the virtual machine that a check is about.
    param([Parameter(Mandatory)] $Definition, [AllowEmptyString()] [string] $VMId, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown)

    if ($Unknown -contains 'generation') { return 2 }
    # A virtual machine that replaces another has the generation of its definition.
    if ($VMId -and $Definition.Operation -eq 'update') {
        $vm = Find-HostVM -Id $VMId
        if ($null -ne $vm) { return [int]$vm.Generation }
    }
    return Get-JobGeneration -Fields $Definition.Fields
}

function Get-FirmwareFinding {
    # Returns the findings about features that the host or the generation does not support.
    param(
        [Parameter(Mandatory)] $Machine,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown
    )

    $fields = $Definition.Fields
    $wanted = @(foreach ($name in 'secure_boot', 'tpm') { if ($fields[$name] -eq $true) { $name } }) +
    @('secure_boot_template' | Where-Object -FilterScript { $fields[$_] })
    if ($wanted.Count -eq 0) { return }
    $generation = Get-CheckGeneration -Definition $Definition -VMId $VMId -Unknown $Unknown
    foreach ($name in $wanted) {
        if ($generation -eq 2) { continue }
        $feature = if ($name -eq 'tpm') { (Get-AgentMessage -Id 'feature_tpm').Message } else { (Get-AgentMessage -Id 'feature_secure_boot').Message }
        New-JobFinding -Field $name -MessageId 'firmware_generation' -Values @{ generation = $generation; feature = $feature; field = $name }
    }
    if ($wanted -contains 'secure_boot_template' -and $generation -eq 2 -and $Definition.Operation -eq 'update' -and $VMId) {
        Get-TemplateFinding -VMId $VMId -Template $fields['secure_boot_template']
    }
    if ($fields['tpm'] -eq $true -and $generation -eq 2 -and -not (Test-TpmSupport)) {
        New-JobFinding -Field 'tpm' -MessageId 'tpm_not_supported' -Values @{ host = $Machine.Name }
    }
}

function Get-TemplateFinding {
    # Returns a finding when the secure boot template would change although the virtual machine has a TPM, which Hyper-V refuses:
    # https://github.com/hashicorp/packer-plugin-hyperv/issues/49
    param([Parameter(Mandatory)] [string] $VMId, [Parameter(Mandatory)] [string] $Template)

    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm -or -not (Test-TpmSupport) -or -not (Get-VMSecurity -VM $vm).TpmEnabled) { return }
    $current = Get-SettingValue -Device (Get-VMFirmware -VM $vm) -Name 'secure_boot_template'
    if ($current -eq $Template) { return }
    New-JobFinding -Field 'secure_boot_template' -MessageId 'secure_boot_template_with_tpm' -Values @{ vm = $vm.Name; template = $current }
}

function Test-TpmSupport {
    # Reports whether the Hyper-V module has the commands for key protectors and TPMs, which were added in Windows Server 2016.
    foreach ($module in @(Get-Module -Name 'Hyper-V')) {
        if ($module.ExportedCommands.ContainsKey('Set-VMKeyProtector') -and $module.ExportedCommands.ContainsKey('Enable-VMTPM')) { return $true }
    }
    return $false
}

function Get-SecureBootTemplate {
    # Returns the name that Hyper-V has for the secure boot template of a definition, or an empty string for the host's default.
    param([Parameter(Mandatory)] $Fields)

    if ($Fields['secure_boot_template']) { return $script:AgentSettings['secure_boot_template'].Words[$Fields['secure_boot_template']] }
    switch ([string]$Fields['os_family']) {
        'windows' { return 'MicrosoftWindows' }
        'linux' { return 'MicrosoftUEFICertificateAuthority' }
    }
    return ''
}

function Test-SecureBootTemplate {
    # Reports whether a virtual machine has a secure boot template already. It is not set again: Hyper-V refuses
    # that once the virtual machine has a TPM.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Template)

    return Test-SameName -Left (Get-OptionalText -Value (Get-VMFirmware -VM $VM) -Name 'SecureBootTemplate') -Right $Template
}

function Invoke-ProvisionFirmware {
    # Step firmware: sets the boot order, secure boot and the TPM of a generation 2 virtual machine.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    $fields = $Job.Fields
    $template = Get-SecureBootTemplate -Fields $fields
    $parameters = @{ EnableSecureBoot = 'On' }
    $secureBoot = (Get-AgentMessage -Id 'secure_boot_default').Message
    if ($fields['secure_boot'] -eq $false) {
        $parameters['EnableSecureBoot'] = 'Off'
        $secureBoot = (Get-AgentMessage -Id 'secure_boot_off').Message
        # The template cannot be set any more once the virtual machine has a TPM.
        if ($template -and ($fields['tpm'] -eq $true -or $fields['secure_boot_template'])) { $parameters['SecureBootTemplate'] = $template }
    } elseif ($template) {
        if (-not (Test-SecureBootTemplate -VM $VM -Template $template)) { $parameters['SecureBootTemplate'] = $template }
        $secureBoot = (Get-AgentMessage -Id 'secure_boot_template' -Values @{ template = $template }).Message
    }
    if ($fields['tpm'] -eq $true) {
        Enter-JobStep -Context $Context -Job $Job -Name 'firmware' -MessageId 'step_firmware_tpm' -Values @{ secure_boot = $secureBoot }
    } else {
        Enter-JobStep -Context $Context -Job $Job -Name 'firmware' -MessageId 'step_firmware' -Values @{ secure_boot = $secureBoot }
    }
    Set-VMFirmware -VM $VM -FirstBootDevice $Drive @parameters
    if ($fields['tpm'] -eq $true) { Enable-JobTPM -VM $VM }
}

function Enable-JobTPM {
    # Enables the virtual TPM, with a local key protector where the virtual machine has none.
    param([Parameter(Mandatory)] $VM)

    try {
        # An existing key protector holds the keys of what the TPM protects, and must not be replaced. Four bytes mean that none is
        # set. The bytes are written as one object: the pipeline writes each of them.
        if (@(Get-VMKeyProtector -VM $VM | ForEach-Object -Process { $_ }).Count -le 4) { Set-VMKeyProtector -VM $VM -NewLocalKeyProtector }
    } catch {
        throw (New-AgentError -Field 'tpm' -MessageId 'tpm_key_protector_failed' -Values @{ reason = $_.Exception.Message.Trim() })
    }
    Enable-VMTPM -VM $VM
}

function Get-FirmwarePlan {
    # Returns the current and the requested value of secure boot and TPM where they change, and in Cycle those that require the
    # virtual machine to be off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job)

    $plan = @{ Cycle = @() }
    $second = [int]$VM.Generation -eq 2
    foreach ($name in $Job.Changed) {
        if ($name -ceq 'secure_boot') {
            $before = $second -and [string](Get-VMFirmware -VM $VM).SecureBoot -eq 'On'
            $after = $second -and $Job.Fields[$name] -ne $false
        } elseif ($name -ceq 'tpm') {
            $before = $second -and (Test-TpmSupport) -and [bool](Get-VMSecurity -VM $VM).TpmEnabled
            $after = $Job.Fields[$name] -eq $true
        } else {
            continue
        }
        $plan[$name] = @{ Before = $before; After = $after }
        if ($before -ne $after) { $plan.Cycle += $name }
    }
    return $plan
}

function Set-JobSecurity {
    # Turns secure boot, or the TPM, on or off. Returns the change as text.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $part = $Plan[$Name]
    if ($part.Before -ne $part.After) {
        $template = Get-SecureBootTemplate -Fields $Job.Fields
        if ($Name -eq 'tpm') {
            if ($part.After) { Enable-JobTPM -VM $VM } else { Disable-VMTPM -VM $VM }
        } elseif (-not $part.After) {
            Set-VMFirmware -VM $VM -EnableSecureBoot Off
        } elseif ($template -and -not (Test-SecureBootTemplate -VM $VM -Template $template)) {
            Set-VMFirmware -VM $VM -EnableSecureBoot On -SecureBootTemplate $template
        } else {
            Set-VMFirmware -VM $VM -EnableSecureBoot On
        }
    }
    $words = @{ $true = (Get-AgentMessage -Id 'value_on').Message; $false = (Get-AgentMessage -Id 'value_off').Message }
    return (Get-AgentMessage -Id 'change' -Values @{ after = $words[[bool]$part.After]; before = $words[[bool]$part.Before] }).Message
}

function Get-VMSecurityDetail {
    # Returns whether secure boot and the TPM are on, by virtual machine GUID. Generation 1 has neither. Values that cannot be read
    # are missing, and Partial says why, except for virtual machines that are removed meanwhile.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM)

    $detail = @{ SecureBoot = @{}; TPM = @{}; Partial = (New-Object -TypeName System.Collections.ArrayList) }
    foreach ($item in @($VM | Where-Object -FilterScript { [int]$_.Generation -ne 2 })) {
        $detail.SecureBoot[$item.Id.ToString()] = $false
        $detail.TPM[$item.Id.ToString()] = $false
    }
    $second = @($VM | Where-Object -FilterScript { [int]$_.Generation -eq 2 })
    if ($second.Count -eq 0) { return $detail }
    # Errors of single virtual machines come with the output.
    $problems = @(foreach ($firmware in @(Get-VMFirmware -VM $second -ErrorAction Continue 2>&1)) {
            if ($firmware -is [System.Management.Automation.ErrorRecord]) {
                $firmware
            } else {
                $detail.SecureBoot[$firmware.VMId.ToString()] = [string]$firmware.SecureBoot -eq 'On'
            }
        })
    if (Test-TpmSupport) {
        foreach ($item in $second) {
            # The objects of Get-VMSecurity do not say which virtual machine they belong to, so each virtual machine is asked for.
            try { $detail.TPM[$item.Id.ToString()] = [bool](Get-VMSecurity -VM $item).TpmEnabled } catch { $problems += $_ }
        }
    }
    foreach ($problem in $problems) {
        if (Test-MissingError -ErrorRecord $problem) { continue }
        $null = $detail.Partial.Add((Get-AgentMessage -Id 'partial_security' -Values @{ reason = (Get-FailureMessage -ErrorRecord $problem) }).Message)
    }
    return $detail
}
