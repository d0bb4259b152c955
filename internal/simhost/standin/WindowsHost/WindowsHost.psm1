# A stand-in for commands of Windows outside of Hyper-V that the check of a host calls: services, the registry, settings of WinRM,
# policies, and the groups of the account. behaviour.windows of the state file changes what they return; without it they return the
# defaults of Windows Server 2022. The module is loaded with the first of its commands; from then on its Get-ItemProperty serves HKLM:.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'State.ps1'))

function Get-StandInWindows {
    # Returns a member of behaviour.windows, or nothing. Throws when the command is one that denies access.
    param([Parameter(Mandatory)] [string] $Command, [Parameter(Mandatory)] [string] $Name)

    $state = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Get-StandInPath)))
    $windows = $state.behaviour.PSObject.Properties['windows']
    if ($null -eq $windows) { return }
    $denied = $windows.Value.PSObject.Properties['denied']
    if ($null -ne $denied -and $denied.Value -contains $Command) {
        $exception = New-Object -TypeName System.UnauthorizedAccessException -ArgumentList 'Access is denied.'
        throw (New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, "AccessDenied,$Command", ([System.Management.Automation.ErrorCategory]::PermissionDenied), $null)
    }
    $property = $windows.Value.PSObject.Properties[$Name]
    if ($null -ne $property) { $property.Value }
}

function Select-StandInWindows {
    # Returns the entry of a member by name, or a default.
    param([AllowNull()] $Map, [Parameter(Mandatory)] [string] $Name, [AllowNull()] $Default)

    if ($null -eq $Map) { return $Default }
    $property = $Map.PSObject.Properties[$Name]
    if ($null -eq $property) { return $Default }
    return $property.Value
}

function Get-Service {
    [CmdletBinding(DefaultParameterSetName = 'Default')]
    param([Parameter(ParameterSetName = 'Default', Position = 0, ValueFromPipeline)] [Alias('ServiceName')] [string[]] $Name)

    $map = Get-StandInWindows -Command 'Get-Service' -Name 'services'
    $state = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Get-StandInPath)))
    $clustered = 'missing'
    if ($state.host.cluster) { $clustered = 'Running' }
    $defaults = @{ WinRM = 'Running'; vmms = 'Running'; ClusSvc = $clustered; WinDefend = 'Running' }
    foreach ($service in $Name) {
        $status = Select-StandInWindows -Map $map -Name $service -Default $defaults[$service]
        if (-not $status -or $status -eq 'missing') {
            $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList "Cannot find any service with service name '$service'."
            $record = New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception,
                'NoServiceFoundForGivenName,Microsoft.PowerShell.Commands.GetServiceCommand', ([System.Management.Automation.ErrorCategory]::ObjectNotFound), $service
            $PSCmdlet.ThrowTerminatingError($record)
        }
        [pscustomobject]@{ Name = $service; Status = $status }
    }
}

# Values of a new Windows Server 2022.
$script:StandInRegistry = @{
    'SOFTWARE\Microsoft\Windows NT\CurrentVersion\CurrentBuildNumber'            = '20348'
    'SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProductName'                   = 'Windows Server 2022 Datacenter'
    'SOFTWARE\Microsoft\Windows NT\CurrentVersion\InstallationType'              = 'Server Core'
    'SOFTWARE\Microsoft\Windows NT\CurrentVersion\UBR'                           = 2582
    'SOFTWARE\Microsoft\PowerShell\3\PowerShellEngine\PowerShellVersion'         = '5.1.20348.2582'
    'SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full\Release'                 = 528449
}

function Get-ItemProperty {
    # Serves the registry. All other paths go to the command of PowerShell.
    [CmdletBinding(DefaultParameterSetName = 'Path')]
    param(
        [Parameter(ParameterSetName = 'Path', Mandatory, Position = 0, ValueFromPipeline, ValueFromPipelineByPropertyName)] [string[]] $Path,
        [Parameter(ParameterSetName = 'LiteralPath', Mandatory, ValueFromPipelineByPropertyName)] [Alias('PSPath')] [string[]] $LiteralPath,
        [Parameter(Position = 1)] [Alias('PSProperty')] [string[]] $Name
    )

    process {
        $paths = $LiteralPath
        if ($PSCmdlet.ParameterSetName -eq 'Path') { $paths = $Path }
        if (-not $paths[0].StartsWith('HKLM:\', [System.StringComparison]::OrdinalIgnoreCase)) {
            & (Get-Command -Name 'Get-ItemProperty' -CommandType Cmdlet) @PSBoundParameters
            return
        }
        $map = Get-StandInWindows -Command 'Get-ItemProperty' -Name 'registry'
        foreach ($item in $paths) {
            $prefix = $item.Substring(6).TrimEnd('\') + '\'
            $values = [ordered]@{}
            foreach ($key in $script:StandInRegistry.Keys) { $values[$key] = $script:StandInRegistry[$key] }
            # 2: the cluster service starts automatically, on a node; 4: it is disabled.
            $values['SYSTEM\CurrentControlSet\Services\ClusSvc\Start'] = if ((ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Get-StandInPath)))).host.cluster) { 2 } else { 4 }
            if ($null -ne $map) { foreach ($property in $map.PSObject.Properties) { $values[$property.Name] = $property.Value } }
            $found = [ordered]@{}
            foreach ($key in $values.Keys) {
                if (-not $key.StartsWith($prefix, [System.StringComparison]::OrdinalIgnoreCase) -or $null -eq $values[$key]) { continue }
                $rest = $key.Substring($prefix.Length)
                if (-not $rest.Contains('\') -and (-not $Name -or $Name -contains $rest)) { $found[$rest] = $values[$key] }
            }
            if ($found.Count -eq 0) {
                $exception = New-Object -TypeName System.Management.Automation.ItemNotFoundException -ArgumentList "Cannot find path '$item' because it does not exist."
                $PSCmdlet.ThrowTerminatingError((New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception,
                        'PathNotFound,Microsoft.PowerShell.Commands.GetItemPropertyCommand', ([System.Management.Automation.ErrorCategory]::ObjectNotFound), $item))
            }
            [pscustomobject]$found
        }
    }
}

function Get-WSManInstance {
    # Serves winrm/config/service, winrm/config/winrs and, with Enumerate, winrm/config/listener. Values are text, as in the XML of WinRM.
    [CmdletBinding(DefaultParameterSetName = 'GetInstance')]
    param(
        [Parameter(Mandatory, Position = 0)] [Alias('ruri')] [uri] $ResourceURI,
        [Parameter(ParameterSetName = 'Enumerate', Mandatory)] [switch] $Enumerate
    )

    $map = Get-StandInWindows -Command 'Get-WSManInstance' -Name 'wsman'
    if ($Enumerate) {
        foreach ($transport in ([string](Select-StandInWindows -Map $map -Name 'Listener' -Default 'HTTP HTTPS') -split ' ')) {
            if (-not $transport) { continue }
            [pscustomobject]@{ Address = '*'; Transport = $transport; Port = [string]@{ HTTP = 5985; HTTPS = 5986 }[$transport]; Enabled = 'true'; URLPrefix = 'wsman' }
        }
        return
    }
    # The defaults: https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management and
    # https://learn.microsoft.com/windows/win32/winrm/quotas; RootSDDL: https://github.com/MicrosoftDocs/win32/pull/2194
    $settings = switch ([string]$ResourceURI) {
        'winrm/config/service' { [ordered]@{ RootSDDL = 'O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;IU)S:P(AU;FA;GA;;;WD)(AU;SA;GXGW;;;WD)'; MaxConnections = '300'; AllowUnencrypted = 'false' } }
        'winrm/config/winrs' {
            [ordered]@{
                AllowRemoteShellAccess = 'true'; IdleTimeout = '7200000'; MaxConcurrentUsers = '10'; MaxProcessesPerShell = '25'
                MaxMemoryPerShellMB = '1024'; MaxShellsPerUser = '30'
            }
        }
        default { throw "the stand-in for Get-WSManInstance has no resource $ResourceURI" }
    }
    foreach ($name in @($settings.Keys)) { $settings[$name] = [string](Select-StandInWindows -Map $map -Name $name -Default $settings[$name]) }
    [pscustomobject]$settings
}

function Get-ExecutionPolicy {
    [CmdletBinding()]
    param([switch] $List)

    $map = Get-StandInWindows -Command 'Get-ExecutionPolicy' -Name 'execution_policy'
    $effective = 'RemoteSigned'
    foreach ($scope in 'MachinePolicy', 'UserPolicy', 'Process', 'CurrentUser', 'LocalMachine') {
        $policy = Select-StandInWindows -Map $map -Name $scope -Default $(if ($scope -eq 'LocalMachine') { 'RemoteSigned' } else { 'Undefined' })
        if ($List) { [pscustomobject]@{ Scope = $scope; ExecutionPolicy = $policy } } elseif ($policy -ne 'Undefined') { $effective = $policy; break }
    }
    if (-not $List) { return $effective }
}

function Get-MpPreference {
    [CmdletBinding()]
    param()

    $map = Get-StandInWindows -Command 'Get-MpPreference' -Name 'asr'
    $ids = $null
    $actions = $null
    if ($null -ne $map) {
        $ids = [string[]]@($map.PSObject.Properties | ForEach-Object -Process { $_.Name })
        $actions = [byte[]]@($map.PSObject.Properties | ForEach-Object -Process { $_.Value })
    }
    # Both are null without rules.
    [pscustomobject]@{ AttackSurfaceReductionRules_Ids = $ids; AttackSurfaceReductionRules_Actions = $actions }
}

function whoami.exe {
    # Supports /user and /groups, each with /fo csv /nh. Attributes are localised on a real host.
    $groups = @(Get-StandInWindows -Command 'whoami.exe' -Name 'groups')
    if ($groups.Count -eq 0) { $groups = @('S-1-5-32-544', 'S-1-16-12288') }
    if ($args[0] -eq '/user') { return '"lab\svc-terraform","S-1-5-21-1004336348-1177238915-682003330-1104"' }
    foreach ($sid in @('S-1-1-0', 'S-1-5-2', 'S-1-5-11') + $groups) { "`"group $sid`",`"Well-known group`",`"$sid`",`"Mandatory group, Enabled by default, Enabled group`"" }
}

foreach ($name in @(Get-StandInWindows -Command 'Import-Module' -Name 'missing')) { if (Test-Path -LiteralPath "Function:$name") { Remove-Item -LiteralPath "Function:$name" } }
