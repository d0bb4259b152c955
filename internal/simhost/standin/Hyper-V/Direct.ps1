# PowerShell Direct: Invoke-Command -VMId, which is PowerShell's own command, and reads the virtual machine with Get-VM of this module.
# Texts and ids of errors: https://github.com/PowerShell/PowerShell/blob/master/src/System.Management.Automation/resources/RemotingErrorIdStrings.resx
# and engine/remoting/commands/PSRemotingCmdlet.cs beside it.

function global:Invoke-Command {
    # Serves the parameter set with a VMId and a credential, for Windows guests. All other calls go to the command of PowerShell.
    [CmdletBinding(DefaultParameterSetName = 'InProcess')]
    param(
        [Parameter(ParameterSetName = 'VMId', Mandatory)] [Alias('VMGuid')] [guid[]] $VMId,
        [Parameter(ParameterSetName = 'VMId', Mandatory)] [pscredential] $Credential,
        [Parameter(Mandatory, Position = 0)] [scriptblock] $ScriptBlock,
        [object[]] $ArgumentList,
        [Parameter(ParameterSetName = 'InProcess')] [switch] $NoNewScope
    )

    if ($PSCmdlet.ParameterSetName -eq 'InProcess') {
        & (Get-Command -Name 'Microsoft.PowerShell.Core\Invoke-Command' -CommandType Cmdlet) @PSBoundParameters
        return
    }
    $state = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Get-StandInPath)))
    $vm = @($state.vms | Where-Object -FilterScript { $_.id -eq [string]$VMId[0] })[0]
    $mode = ''
    if (Test-StandInGuest -State $state -Name 'direct') { $mode = $state.behaviour.guest.direct }
    if ($null -eq $vm) {
        Write-StandInDirect -Cmdlet $PSCmdlet -Id 'InvalidVMIdNotSingle' -Text "The input VMId $($VMId[0]) does not resolve to a single virtual machine."
    }
    if ($vm.state -ne 'Running' -or $mode -eq 'not_running') {
        Write-StandInDirect -Cmdlet $PSCmdlet -Id 'InvalidVMState' -Text "The virtual machine $($vm.name) is not in running state."
    }
    if ($mode -eq 'hangs') { while ($true) { [System.Threading.Thread]::Sleep([System.Threading.Timeout]::Infinite) } }
    $guest = Get-StandInGuestOS -VM $vm
    # A guest without the service, such as one with Linux, does not accept the connection.
    if ($mode -eq 'unsupported' -or $null -eq $guest -or $guest.system -ne 'windows' -or -not $guest.booted) {
        Write-StandInDirect -Cmdlet $PSCmdlet -Id '2100,PSSessionStateBroken' `
            -Text 'An error has occurred which Windows PowerShell cannot handle. A remote session might have ended.'
    }
    # The state has no password of an account: only that it has one.
    $accounts = @($guest.accounts | Where-Object -FilterScript { $_.name -eq $Credential.UserName -and $_.password -eq 'text' })
    if ($mode -eq 'refused' -or $accounts.Count -eq 0 -or $Credential.Password.Length -eq 0) {
        Write-StandInDirect -Cmdlet $PSCmdlet -Id '2100,PSSessionStateBroken' -Text 'The credential is invalid.'
    }

    # What runs in the guest has the folders and the commands of Windows. The script arrives as text.
    $env:SystemRoot = [System.IO.Path]::Combine((Get-StandInPath) + '.d', 'guests', $vm.id, 'Windows')
    if ($mode -eq 'leftover') {
        $panther = [System.IO.Path]::Combine($env:SystemRoot, 'Panther')
        $null = [System.IO.Directory]::CreateDirectory($panther)
        [System.IO.File]::WriteAllText([System.IO.Path]::Combine($panther, 'unattend.xml'), '<unattend/>')
    }
    function Get-CimInstance {
        param([string] $ClassName, [string[]] $Property)
        if ($ClassName -ne 'Win32_ComputerSystem') { throw "the stand-in of a guest has no class $ClassName" }
        $member = $null -ne $guest.PSObject.Properties['member'] -and $guest.member
        [pscustomobject]@{ Name = $guest.host_name.ToUpperInvariant(); PartOfDomain = $member; Domain = if ($member) { $guest.domain } else { 'WORKGROUP' } }
    }
    function Add-Computer {
        [CmdletBinding()]
        param([string] $DomainName, [pscredential] $Credential, [string] $OUPath, [switch] $Force)
        if ($mode -eq 'no_domain') {
            throw "Computer '$($guest.host_name)' failed to join domain '$DomainName' from its current workgroup 'WORKGROUP' with following error message: The specified domain either does not exist or could not be contacted."
        }
        if ($Credential.Password.Length -eq 0) { throw 'The user name or password is incorrect.' }
        $path = Get-StandInPath
        $lock = Lock-StandIn -Path $path
        try {
            $now = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))
            $system = @($now.vms | Where-Object -FilterScript { $_.id -eq $vm.id })[0].guest
            $system.domain = $DomainName
            Add-Member -InputObject $system -MemberType NoteProperty -Name 'member' -Value $true -Force
            Save-StandIn -Path $path -State $now
        } finally {
            $lock.Dispose()
        }
    }
    function shutdown.exe { $null = $args }
    & ([scriptblock]::Create($ScriptBlock.ToString())) @ArgumentList
}

function Write-StandInDirect {
    # Ends a command with an error as PowerShell Direct has it.
    param([Parameter(Mandatory)] $Cmdlet, [Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string] $Text)

    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $Text
    $Cmdlet.ThrowTerminatingError((New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception, $Id,
            ([System.Management.Automation.ErrorCategory]::OpenError), $null))
}
