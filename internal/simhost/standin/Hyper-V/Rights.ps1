# Rights that the account lacks, from the state's behaviour.

function Get-StandInRight {
    # Reports whether the account has a right; it has all that the state does not deny.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Name)

    $rights = $State.behaviour.PSObject.Properties['rights']
    if ($null -eq $rights -or $null -eq $rights.Value) { return $true }
    $denied = $rights.Value.PSObject.Properties[$Name]
    return $null -eq $denied -or -not $denied.Value
}

function Assert-StandInRight {
    <#
    .SYNOPSIS
    Throws the error of a cmdlet that the account may not call.
    .DESCRIPTION
    Hyper-V answers AccessDenied with category PermissionDenied: https://github.com/kubernetes/minikube/issues/4146. Get-VHD and
    Resize-VHD of a local path also query CIM_DataFile in root\cimv2; the id of their error is not documented.
    #>
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Cmdlet)

    $text = ''
    if (-not (Get-StandInRight -State $State -Name 'hyperv_denied')) {
        $text = "You do not have the required permission to complete this task. Contact the administrator of the authorization policy for the computer '$($State.host.name)'."
    } elseif ((@('Get-VHD', 'Resize-VHD') -contains $Cmdlet) -and -not (Get-StandInRight -State $State -Name 'cimv2_denied')) {
        $text = 'Access is denied. (Exception from HRESULT: 0x80070005 (E_ACCESSDENIED))'
    }
    if (-not $text) { return }
    $exception = New-Object -TypeName System.UnauthorizedAccessException -ArgumentList $text
    throw (New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception,
        ('AccessDenied,Microsoft.HyperV.PowerShell.Commands.' + $Cmdlet.Replace('-', '')), ([System.Management.Automation.ErrorCategory]::PermissionDenied), $null)
}
