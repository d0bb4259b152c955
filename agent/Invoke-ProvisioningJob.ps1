<#
.SYNOPSIS
Runs one provisioning job on this Hyper-V host, from a job definition in JSON.

.DESCRIPTION
The definition comes through the pipeline or on standard input, on one line or many. What the job does is written line by
line; the exit code is 0 when it succeeded, else 1. Clients that run many jobs use the session of lib\Session.ps1 instead.

.EXAMPLE
Get-Content -LiteralPath job.json | .\Invoke-ProvisioningJob.ps1
#>
[CmdletBinding()]
param(
    # The definition, or its lines.
    [Parameter(ValueFromPipeline)] [AllowNull()] [AllowEmptyString()] [object] $InputObject,
    # The job's id, a GUID. The job's folder is named for it.
    [string] $JobId = [guid]::NewGuid().ToString(),
    # The virtual machine to update or to delete, by its GUID.
    [string] $VMId = '',
    # For an update: the fields to change.
    [string[]] $Changed = @(),
    # For an update: the virtual machine may be stopped and started.
    [switch] $AllowPowerCycle,
    # The folder of the images; by default Images below the host's folder for virtual hard disks.
    [string] $ImagePath = '',
    # The folder for new virtual machines; by default the host's folder for virtual hard disks.
    [string] $VMPath = '',
    # Fields never to be shown or stored; by default those whose names end in pw, password or secret.
    [string[]] $SecretField = @()
)

begin {
    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    $names = @(
        'Version',
        'Text',
        'Output',
        'Definition',
        'Host',
        'Manifest',
        'Capacity',
        'Cluster',
        'Network',
        'Media',
        'Disk',
        'DiskView',
        'Inventory',
        'DiskPlan',
        'DiskCheck',
        'Check',
        'NetworkCheck',
        'Job',
        'Store',
        'Journal',
        'Place',
        'Undo',
        'Copy',
        'Memory',
        'Firmware',
        'Actions',
        'Hardware',
        'DiskMake',
        'Wait',
        'Provision',
        'DiskUpdate',
        'Update',
        'DiskRemove',
        'NetworkUpdate',
        'Remove',
        'Repair',
        'Launch',
        'Worker',
        'Follow',
        'Session'
    )
    foreach ($name in $names) { . ([System.IO.Path]::Combine($PSScriptRoot, 'lib', "$name.ps1")) }
    $pieces = New-Object -TypeName System.Collections.ArrayList
}

process {
    if ($null -ne $InputObject) { $null = $pieces.Add($InputObject) }
}

end {
    try {
        if (-not (Get-AgentGuid -Text $JobId)) { throw (New-AgentError -Code 'bad_request' -Message 'JobId must be a GUID') }
        $definition = Read-ProvisioningJobDefinition -InputObject $pieces.ToArray()
        $vm = Get-AgentGuid -Text $VMId
        if ($definition.Operation -ne 'provision' -and -not $vm) {
            throw (New-AgentError -Code 'bad_request' -Message "to $($definition.Operation), give the virtual machine's GUID as VMId")
        }
        $secrets = @($SecretField) + @($definition.Fields.Keys | Where-Object -FilterScript { $_ -match '(pw|password|secret)\z' })
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
