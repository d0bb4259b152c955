# Hyper-V: the module, the services, the rights in WMI, and what can be read without changing anything.

function Test-CheckHyperV {
    # Checks Hyper-V.
    $script:CheckMachine = $null
    Invoke-Check -Name 'hyperv-module' -Check {
        $module = @(Get-Module -ListAvailable -Name 'Hyper-V' | Sort-Object -Property Version -Descending)
        if ($module.Count -eq 0) {
            Write-Finding -Name 'hyperv-module' -Status fail -Message 'The Hyper-V module for PowerShell is not installed.' `
                -Remedy 'Install-WindowsFeature -Name Hyper-V-PowerShell'
            return
        }
        $script:CheckReport.Facts['hyperv_module'] = [string]$module[0].Version
        try {
            Import-Module -Name 'Hyper-V' -Verbose:$false
        } catch {
            Write-Finding -Name 'hyperv-module' -Status fail -Message "The Hyper-V module (version $($module[0].Version)) does not load: $($_.Exception.Message)" `
                -Remedy 'Import-Module -Name Hyper-V shows the error; execution policies and App Control can prevent it.'
            return
        }
        if ($module[0].Version.Major -lt 2) {
            Write-Finding -Name 'hyperv-module' -Status warn -Message "The newest Hyper-V module is version $($module[0].Version): virtual TPMs need version 2.0.0.0." -Remedy 'Upgrade the host.'
        } else {
            Write-Finding -Name 'hyperv-module' -Status pass -Message "Hyper-V module, version $($module[0].Version)"
        }
    }
    Invoke-Check -Name 'hyperv-service' -Check {
        $state = Get-CheckService -Name 'vmms'
        if ($state -eq 'Running') { Write-Finding -Name 'hyperv-service' -Status pass -Message 'The service Hyper-V Virtual Machine Management (vmms) runs.'; return }
        if (-not $state) {
            Write-Finding -Name 'hyperv-service' -Status fail -Message 'The Hyper-V role is not installed: there is no service vmms.' -Remedy 'Install-WindowsFeature -Name Hyper-V -IncludeManagementTools -Restart'
            return
        }
        Write-Finding -Name 'hyperv-service' -Status fail -Message "The service Hyper-V Virtual Machine Management (vmms) is $state." -Remedy 'Start-Service -Name vmms'
    }
    Test-CheckNamespace
    Invoke-Check -Name 'hyperv-access' -Check {
        try {
            $script:CheckMachine = Get-VMHost
        } catch {
            if ((Test-CheckMissing -ErrorRecord $_)) { throw }
            if (-not (Test-CheckDenied -ErrorRecord $_)) {
                Write-Finding -Name 'hyperv-access' -Status fail -Message "Hyper-V does not answer: $($_.Exception.Message)" -Remedy 'Restart-Service -Name vmms; running virtual machines are not affected.'
                return
            }
            Write-Finding -Name 'hyperv-access' -Status fail -Message "Hyper-V denies the account access: $($_.Exception.Message)" `
                -Remedy 'Run as administrator: Add-LocalGroupMember -SID S-1-5-32-578 -Member ''<account>'' (Hyper-V Administrators)'
            return
        }
        Hide-CheckName -Placeholder '<host>' -Name $script:CheckMachine.Name
        Hide-CheckName -Placeholder '<vhd path>' -Name $script:CheckMachine.VirtualHardDiskPath
        Write-Finding -Name 'hyperv-access' -Status pass -Message "Hyper-V answers: $($script:CheckMachine.LogicalProcessorCount) logical processors, $([long]($script:CheckMachine.MemoryCapacity / 1GB)) GiB of memory."
    }
    if ($null -eq $script:CheckMachine) { return }
    Test-CheckAssumption
}

function Test-CheckNamespace {
    <#
    .SYNOPSIS
    Checks the rights in WMI.
    .DESCRIPTION
    A logon over the network needs "Remote Enable" (0x20) even for WMI of the same computer, which administrators have, and others do
    not (https://github.com/ansible-collections/ansible.windows/issues/770). Methods need 0x2.
    https://learn.microsoft.com/windows/win32/wmisdk/getcalleraccessrights-method-in-class---systemsecurity
    #>
    $spaces = @(
        @{
            Name = 'cimv2-remote-enable'; Namespace = 'root/cimv2'; Why = 'Jobs cannot start, and virtual hard disks cannot be read'
            Remedy = 'Run as administrator the script that "hvprov script grant" prints.'; Other = 'winmgmt.exe /verifyrepository shows whether the repository of WMI is damaged.'
        }
        @{
            Name = 'virtualization-namespace'; Namespace = 'root/virtualization/v2'; Why = 'Hyper-V cannot be used'
            Remedy = 'Run as administrator: Add-LocalGroupMember -SID S-1-5-32-578 -Member ''<account>'' (Hyper-V Administrators)'
            Other = 'Install-WindowsFeature -Name Hyper-V; where it is installed: Restart-Service -Name vmms'
        }
    )
    foreach ($space in $spaces) {
        Invoke-Check -Name $space.Name -Check {
            try {
                $rights = [int](Invoke-CimMethod -Namespace $space.Namespace -ClassName '__SystemSecurity' -MethodName 'GetCallerAccessRights').rights
            } catch {
                if (Test-CheckMissing -ErrorRecord $_) { throw }
                if (Test-CheckDenied -ErrorRecord $_) {
                    Write-Finding -Name $space.Name -Status fail -Message "The account may not query $($space.Namespace). $($space.Why): $($_.Exception.Message)" -Remedy $space.Remedy
                } else {
                    Write-Finding -Name $space.Name -Status fail -Message "The namespace $($space.Namespace) cannot be queried. $($space.Why): $($_.Exception.Message)" -Remedy $space.Other
                }
                return
            }
            if (($rights -band 2) -eq 0) {
                Write-Finding -Name $space.Name -Status fail -Message "The account may query $($space.Namespace), but call no methods (rights 0x$($rights.ToString('x'))). $($space.Why)." -Remedy $space.Remedy
                return
            }
            Write-Finding -Name $space.Name -Status pass -Message "The account may use $($space.Namespace) (rights 0x$($rights.ToString('x')))."
        }
    }
}

function Test-CheckAssumption {
    # Reports what the documentation of Hyper-V leaves open, and how long queries take.
    Invoke-Check -Name 'vm-query' -Check {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $count = @(Get-VM).Count
        $text = "Get-VM returns $count virtual machines in $($watch.ElapsedMilliseconds) ms."
        if ($watch.Elapsed.TotalSeconds -lt 60) { Write-Finding -Name 'vm-query' -Status pass -Message $text; return }
        Write-Finding -Name 'vm-query' -Status warn -Message "$text Plans read the host, so they take long." -Remedy 'Set longer limits in timeouts of the resource.'
    }
    Invoke-Check -Name 'numa-unit' -Check {
        $total = [double]0
        foreach ($node in @(Get-VMHostNumaNode)) { $total += [double]$node.MemoryTotal }
        $capacity = [double]$script:CheckMachine.MemoryCapacity
        foreach ($unit in @(@{ Name = 'MiB'; Bytes = 1MB }, @{ Name = 'bytes'; Bytes = 1 })) {
            if ([System.Math]::Abs($total * $unit.Bytes - $capacity) -gt $capacity / 4) { continue }
            Write-Finding -Name 'numa-unit' -Status pass -Message "Get-VMHostNumaNode returns memory in $($unit.Name)."
            return
        }
        Write-Finding -Name 'numa-unit' -Status warn -Message "The memory of the NUMA nodes adds up to $total, the host has $capacity bytes: checks of the available memory are wrong." `
            -Remedy 'Please report it with this line.'
    }
    Invoke-Check -Name 'virtual-switch' -Check {
        $count = @(Get-VMSwitch).Count
        if ($count -gt 0) { Write-Finding -Name 'virtual-switch' -Status pass -Message "The host has $count virtual switches."; return }
        Write-Finding -Name 'virtual-switch' -Status warn -Message 'The host has no virtual switch: virtual machines cannot be connected.' -Remedy 'New-VMSwitch -Name ''External'' -NetAdapterName ''<network adapter>'' -AllowManagementOS $true'
    }
}
