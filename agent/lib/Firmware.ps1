# Firmware and security of virtual machines: generation, secure boot and the virtual TPM.

function Get-FirmwareWant {
    # Says what a field about firmware must be when a value is not that.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    switch -CaseSensitive ($Name) {
        'generation' { if (-not (Test-WholeNumber -Value $Value) -or ($Value -ne 1 -and $Value -ne 2)) { return '1 or 2' } }
        'secure_boot' { if ($Value -isnot [bool]) { return 'true or false' } }
        'tpm' { if ($Value -isnot [bool]) { return 'true or false' } }
    }
    return ''
}

function Get-JobGeneration {
    param([Parameter(Mandatory)] $Fields)

    if ($null -eq $Fields['generation']) { return 2 }
    return [int]$Fields['generation']
}

function Find-FirmwareFinding {
    # Tells what this host, or this generation, does not have.
    param(
        [Parameter(Mandatory)] $Machine,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Unknown
    )

    $fields = $Definition.Fields
    if ($fields['secure_boot'] -ne $true -and $fields['tpm'] -ne $true) { return }
    $generation = Get-JobGeneration -Fields $fields
    # A machine that takes another's place has a generation of its own.
    if ($VMId -and $Definition.Operation -eq 'update') {
        $vm = Find-HostVM -Id $VMId
        if ($null -ne $vm) { $generation = [int]$vm.Generation }
    }
    if ($Unknown -contains 'generation') { $generation = 2 }
    foreach ($name in 'secure_boot', 'tpm') {
        $what = if ($name -eq 'tpm') { 'virtual TPM' } else { 'secure boot' }
        if ($fields[$name] -eq $true -and $generation -ne 2) {
            New-JobFinding -Field $name -Code 'firmware' -Message "a virtual machine of generation $generation has no $what" `
                -Remedy "leave $name out, or use generation 2 with an image that starts by UEFI"
        }
    }
    if ($fields['tpm'] -eq $true -and $generation -eq 2 -and -not (Test-HostSecurity)) {
        New-JobFinding -Field 'tpm' -Code 'firmware' -Message "the Hyper-V module of host $($Machine.Name) has no commands for a virtual TPM" `
            -Remedy 'leave tpm out, or use a host with Windows Server 2016 or later'
    }
}

function Test-HostSecurity {
    # Tells whether the module has the commands about key protectors and TPMs, which came with Windows Server 2016.
    foreach ($module in @(Get-Module -Name 'Hyper-V')) {
        if ($module.ExportedCommands.ContainsKey('Set-VMKeyProtector') -and $module.ExportedCommands.ContainsKey('Enable-VMTPM')) { return $true }
    }
    return $false
}

function Get-SecureBootTemplate {
    # Gives the template for the family of an operating system; empty text for none in particular.
    param([AllowNull()] [AllowEmptyString()] [string] $Family)

    switch ($Family) {
        'windows' { return 'MicrosoftWindows' }
        'linux' { return 'MicrosoftUEFICertificateAuthority' }
    }
    return ''
}

function Invoke-ProvisionFirmware {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    $fields = $Job.Fields
    $template = Get-SecureBootTemplate -Family $fields['os_family']
    $parameters = @{ EnableSecureBoot = 'On' }
    $message = 'start from the disk, secure boot with the template of the host'
    if ($fields['secure_boot'] -eq $false) {
        $parameters['EnableSecureBoot'] = 'Off'
        $message = 'start from the disk, secure boot off'
    } elseif ($template) {
        $parameters['SecureBootTemplate'] = $template
        $message = "start from the disk, secure boot with template $template"
    }
    if ($fields['tpm'] -eq $true) { $message += ', virtual TPM' }
    Enter-JobStep -Context $Context -Job $Job -Name 'firmware' -Message $message
    Set-VMFirmware -VM $VM -FirstBootDevice $Drive @parameters
    if ($fields['tpm'] -eq $true) { Enable-JobTPM -VM $VM }
}

function Enable-JobTPM {
    param([Parameter(Mandatory)] $VM)

    try {
        # A key protector that is there holds the keys of what the TPM protects: another would lose them. One of four bytes is none.
        if (@(Get-VMKeyProtector -VM $VM).Count -le 4) { Set-VMKeyProtector -VM $VM -NewLocalKeyProtector }
    } catch {
        throw (New-AgentError -Code 'step_failed' -Field 'tpm' -Message "the host cannot make a key protector for the virtual TPM: $($_.Exception.Message.Trim())" `
                -Remedy 'leave tpm out, or see whether the host may keep keys of its own (Get-HgsClientConfiguration)')
    }
    Enable-VMTPM -VM $VM
}

function Get-FirmwarePlan {
    # Gives what the changed fields among secure boot and TPM are and shall be, by name, and which need the machine to be off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job)

    $plan = @{ Cycle = @() }
    $second = [int]$VM.Generation -eq 2
    foreach ($name in $Job.Changed) {
        if ($name -ceq 'secure_boot') {
            $before = $second -and [string](Get-VMFirmware -VM $VM).SecureBoot -eq 'On'
            $after = $second -and $Job.Fields[$name] -ne $false
        } elseif ($name -ceq 'tpm') {
            $before = $second -and (Test-HostSecurity) -and [bool](Get-VMSecurity -VM $VM).TpmEnabled
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
    # Turns secure boot, or the TPM, on or off. Tells what became of it.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $part = $Plan[$Name]
    if ($part.Before -ne $part.After) {
        $template = Get-SecureBootTemplate -Family $Job.Fields['os_family']
        if ($Name -eq 'tpm') {
            if ($part.After) { Enable-JobTPM -VM $VM } else { Disable-VMTPM -VM $VM }
        } elseif (-not $part.After) {
            Set-VMFirmware -VM $VM -EnableSecureBoot Off
        } elseif ($template) {
            Set-VMFirmware -VM $VM -EnableSecureBoot On -SecureBootTemplate $template
        } else {
            Set-VMFirmware -VM $VM -EnableSecureBoot On
        }
    }
    $words = @{ $true = 'on'; $false = 'off' }
    return "$($words[[bool]$part.After]), was $($words[[bool]$part.Before])"
}

function Get-VMSecurityDetail {
    # Gives whether secure boot is on, and whether there is a TPM, by the GUIDs of virtual machines, asked for all at once.
    # Generation 1 has neither. What cannot be had is not known.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM)

    $detail = @{ SecureBoot = @{}; TPM = @{} }
    foreach ($item in @($VM | Where-Object -FilterScript { [int]$_.Generation -ne 2 })) {
        $detail.SecureBoot[$item.Id.ToString()] = $false
        $detail.TPM[$item.Id.ToString()] = $false
    }
    $second = @($VM | Where-Object -FilterScript { [int]$_.Generation -eq 2 })
    if ($second.Count -eq 0) { return $detail }
    try {
        foreach ($firmware in @(Get-VMFirmware -VM $second -ErrorAction SilentlyContinue)) {
            $detail.SecureBoot[$firmware.VMId.ToString()] = [string]$firmware.SecureBoot -eq 'On'
        }
    } catch { $null = $_ }
    if (-not (Test-HostSecurity)) { return $detail }
    try {
        foreach ($security in @(Get-VMSecurity -VM $second -ErrorAction SilentlyContinue)) {
            $detail.TPM[$security.VMId.ToString()] = [bool]$security.TpmEnabled
        }
    } catch { $null = $_ }
    return $detail
}
