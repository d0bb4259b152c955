<#
.SYNOPSIS
Runs one provisioning job on this Hyper-V host from a job definition in JSON.

.DESCRIPTION
The definition is read from the pipeline or from standard input, on one line or several. Progress is written as one line per
event. The exit code is 0 when the job succeeded, and 1 otherwise. Clients that run many jobs use the session of
lib\Session.ps1 instead.

.PARAMETER InputObject
The job definition, or its lines.

.PARAMETER JobId
The id of the job, a GUID. The job's folder is named after it.

.PARAMETER VMId
The GUID of the virtual machine to update or delete.

.PARAMETER Changed
The fields to change in an update.

.PARAMETER AllowPowerCycle
Allows an update to stop and start the virtual machine.

.PARAMETER ImagePath
The folder of images. Defaults to Images in the host's folder for virtual hard disks.

.PARAMETER VMPath
The folder for new virtual machines. Defaults to the host's folder for virtual hard disks.

.PARAMETER SecretField
Fields that are never shown or stored, in addition to guest_product_key, guest_user_data, and those whose names end in pw, password or
secret.

.EXAMPLE
Get-Content -LiteralPath job.json | .\Invoke-ProvisioningJob.ps1

.EXAMPLE
Get-Content -LiteralPath job.json | .\Invoke-ProvisioningJob.ps1 -VMId 6f0c2a5e-8a3b-4b3e-9d0f-2f6a1c9b7e10 -Changed gb_ram -AllowPowerCycle

.INPUTS
System.String. The job definition, or its lines.

.OUTPUTS
None. The events of the job are written to standard output.
#>
[CmdletBinding()]
param(
    [Parameter(ValueFromPipeline)] [AllowNull()] [AllowEmptyString()] [object] $InputObject,
    [string] $JobId = [guid]::NewGuid().ToString(),
    [string] $VMId = '',
    [string[]] $Changed = @(),
    [switch] $AllowPowerCycle,
    [string] $ImagePath = '',
    [string] $VMPath = '',
    [string[]] $SecretField = @()
)

begin {
    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    # The files contain only functions and constants, so their order does not matter.
    foreach ($file in [System.IO.Directory]::GetFiles([System.IO.Path]::Combine($PSScriptRoot, 'lib'), '*.ps1')) { . $file }
    $script:AgentMessageText = [System.IO.File]::ReadAllText([System.IO.Path]::Combine($PSScriptRoot, 'messages.json'))
    $pieces = New-Object -TypeName System.Collections.ArrayList
}

process {
    if ($null -ne $InputObject) { $null = $pieces.Add($InputObject) }
}

end {
    try {
        if (-not (Get-AgentGuid -Text $JobId)) { throw (New-AgentError -MessageId 'guid_invalid' -Values @{ name = 'JobId' }) }
        $definition = Read-ProvisioningJobDefinition -InputObject $pieces.ToArray()
        $vm = Get-AgentGuid -Text $VMId
        if ($definition.Operation -ne 'provision' -and -not $vm) {
            throw (New-AgentError -MessageId 'vm_id_missing' -Values @{ operation = $definition.Operation })
        }
        $secrets = @($SecretField) + @($definition.Fields.Keys | Where-Object -FilterScript { $_ -match '(pw|password|secret)\z|^guest_(product_key|user_data)\z' })
        $settings = [pscustomobject]@{ image_path = $ImagePath; vm_path = $VMPath }
        $job = New-AgentJob -Id $JobId -Definition $definition -VMId $vm -Changed $Changed -SecretNames $secrets `
            -AllowPowerCycle $AllowPowerCycle.IsPresent -Settings $settings
    } catch {
        $failure = ConvertTo-AgentFailure -ErrorRecord $_
        [System.Console]::Error.WriteLine("Invoke-ProvisioningJob: $($failure['message'])")
        if ($failure.Contains('remedy')) { [System.Console]::Error.WriteLine("  $($failure['remedy'])") }
        exit 1
    }
    $context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
    Invoke-AgentJob -Context $context -Job $job
    if ($job.Outcome -ne 'succeeded') { exit 1 }
    exit 0
}
