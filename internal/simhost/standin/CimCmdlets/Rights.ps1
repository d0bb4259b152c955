# Rights in the WMI namespaces root/cimv2 and root/virtualization/v2, from the behaviour in the state file.

function Assert-StandInNamespace {
    # Throws the error of Invoke-CimMethod for an account without Remote Enable on the namespace, in the form of the real cmdlet:
    # https://github.com/ansible-collections/ansible.windows/issues/770
    param([Parameter(Mandatory)] [string] $ClassName, [Parameter(Mandatory)] [string] $Namespace)

    $rules = @{ 'root/cimv2' = 'cimv2_denied'; 'root/virtualization/v2' = 'hyperv_denied' }
    if (-not $rules.ContainsKey($Namespace.Replace('\', '/'))) { return }

    $path = [System.Environment]::GetEnvironmentVariable('HYPERVVM_STANDIN_STATE')
    if (-not $path -or -not [System.IO.File]::Exists($path)) { return }
    $rights = (ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))).behaviour.PSObject.Properties['rights']
    if ($null -eq $rights -or $null -eq $rights.Value) { return }
    $denied = $rights.Value.PSObject.Properties[$rules[$Namespace.Replace('\', '/')]]
    if ($null -eq $denied -or -not $denied.Value) { return }
    $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList 'Access denied '
    throw (New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList $exception,
        'HRESULT 0x80041003,Microsoft.Management.Infrastructure.CimCmdlets.InvokeCimMethodCommand',
        ([System.Management.Automation.ErrorCategory]::PermissionDenied), "$($Namespace):$ClassName")
}
