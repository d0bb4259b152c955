# Integration services of virtual machines. The real names depend on the language of Windows; the ids do not:
# https://github.com/taliesins/terraform-provider-hyperv/blob/master/api/hyperv-winrm/vm_integration_service.go. Only Guest Service
# Interface is disabled in a new virtual machine: https://learn.microsoft.com/virtualization/hyper-v-on-windows/reference/integration-services.

$script:StandInServices = [ordered]@{
    '6C09BB55-D683-4DA0-8931-C9BF705F6480' = @{ Name = 'Guest Service Interface'; Enabled = $false }
    '84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47' = @{ Name = 'Heartbeat'; Enabled = $true }
    '2A34B1C2-FD73-4043-8A5B-DD2159BC743F' = @{ Name = 'Key-Value Pair Exchange'; Enabled = $true }
    '9F8233AC-BE49-4C79-8EE3-E7E1985B2077' = @{ Name = 'Shutdown'; Enabled = $true }
    '2497F4DE-E9FA-4204-80E4-4B75C46419C0' = @{ Name = 'Time Synchronization'; Enabled = $true }
    '5CED1297-4598-4915-A5FC-AD21BB4D02A4' = @{ Name = 'VSS'; Enabled = $true }
}

function Get-VMIntegrationService {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName
    )

    process {
        $given = $PSBoundParameters
        Invoke-StandIn -Cmdlet 'Get-VMIntegrationService' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMIntegrationService' -VM $given['VM'] -Name $given['VMName'])) {
                foreach ($id in $script:StandInServices.Keys) {
                    [pscustomobject]@{
                        PSTypeName = 'Microsoft.HyperV.PowerShell.VMIntegrationComponent'
                        Id = "Microsoft:$($item.id.ToUpperInvariant())\$id"; Name = $script:StandInServices[$id].Name; VMId = [guid]$item.id; VMName = $item.name
                        Enabled = [bool](Get-StandInSetting -Of $item -Name $id -Default $script:StandInServices[$id].Enabled)
                    }
                }
            }
        }
    }
}

function Set-StandInService {
    # Enables or disables integration services, in any state of the virtual machine:
    # https://learn.microsoft.com/windows-server/virtualization/hyper-v/manage/manage-hyper-v-integration-services
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [object[]] $Services, [Parameter(Mandatory)] [bool] $Enabled)

    Invoke-StandIn -Cmdlet $Cmdlet -Change -Action {
        param($state)
        foreach ($service in $Services) {
            Set-StandInSetting -Of (Find-StandInVM -State $state -Cmdlet $Cmdlet -Id $service.VMId.ToString()) -Name $service.Id.Split('\')[1] -Value $Enabled
        }
    }
}

function Enable-VMIntegrationService {
    [CmdletBinding(DefaultParameterSetName = 'VMIntegrationService', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'VMIntegrationService', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMIntegrationService)

    process {
        if (-not $PSCmdlet.ShouldProcess('integration service')) { return }
        Set-StandInService -Cmdlet 'Enable-VMIntegrationService' -Services $VMIntegrationService -Enabled $true
    }
}

function Disable-VMIntegrationService {
    [CmdletBinding(DefaultParameterSetName = 'VMIntegrationService', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'VMIntegrationService', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMIntegrationService)

    process {
        if (-not $PSCmdlet.ShouldProcess('integration service')) { return }
        Set-StandInService -Cmdlet 'Disable-VMIntegrationService' -Services $VMIntegrationService -Enabled $false
    }
}
