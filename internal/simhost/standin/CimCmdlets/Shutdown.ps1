# Msvm_ShutdownComponent: the shutdown service of a guest.

# https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-shutdowncomponent: a component exists while the virtual machine runs.
# EnabledState is 2 or 3 (disabled), OperationalStatus 2 (OK), 12 (no contact) or 13 (lost communication).
$script:StandInClasses['Msvm_ShutdownComponent'] = {
    param($state)
    foreach ($vm in $state.vms) {
        if ($vm.state -ne 'Running') { continue }
        $service = Get-StandInShutdown -VM $vm
        if ($null -ne $service -and $service.ready_after -gt 0) {
            $service.ready_after--
            Save-StandIn -Path (Get-StandInPath) -State $state
        }
        $enabled = 2
        if ($null -ne $service -and $service.disabled) { $enabled = 3 }
        $status = 12
        if (Test-StandInShutdownReady -VM $vm) { $status = 2 }
        [ordered]@{
            SystemName = $vm.id.ToUpperInvariant(); DeviceID = "Microsoft:$($vm.id.ToUpperInvariant())\9F8233AC-BE49-4C79-8EE3-E7E1985B2077"
            ElementName = 'Herunterfahren'; EnabledState = [uint16]$enabled; OperationalStatus = [uint16[]]@($status)
        }
    }
}

function Invoke-StandInShutdown {
    # Method InitiateShutdown. The guest shuts down afterwards: the next call of Get-VM finds it off.
    param([Parameter(Mandatory)] $Component, [Parameter(Mandatory)] [string] $MethodName, [Parameter(Mandatory)] $Arguments)

    if ($MethodName -ne 'InitiateShutdown' -or $Arguments['Force'] -isnot [bool] -or $Arguments['Reason'] -isnot [string]) {
        throw "the stand-in for CimCmdlets supports only InitiateShutdown of $($Component.PSObject.TypeNames[0]), with Force and Reason"
    }
    Invoke-StandIn -Cmdlet 'InitiateShutdown' -Change -Action {
        param($state)
        $vm = Find-StandInVM -State $state -Cmdlet 'Invoke-CimMethod' -Id $Component.SystemName.ToLowerInvariant()
        $answer = 0
        if ($vm.state -ne 'Running') { $answer = 32775 } # invalid state
        elseif (-not (Test-StandInShutdownReady -VM $vm)) { $answer = 32780 } # not ready
        elseif (-not (Test-StandInShutdownIgnored -VM $vm)) {
            $vm.state = 'Off'
            Update-StandInGuest -State $state -VM $vm
        }
        [pscustomobject]@{ ReturnValue = [uint32]$answer; PSComputerName = $null }
    }
}
