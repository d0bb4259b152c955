# The set-up of a guest at its start: which medium it reads, and what it keeps of it.

function Get-StandInSystem {
    # Returns the operating system on the first disk of a virtual machine, or on the parent of that disk: linux or windows.
    param([Parameter(Mandatory)] $VM)

    if (@($VM.drives).Count -eq 0) { return 'linux' }
    $path = $VM.drives[0].path
    while ($path -and [System.IO.File]::Exists($path)) {
        $head = New-Object -TypeName byte[] -ArgumentList 4096
        $stream = [System.IO.File]::Open($path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, ([System.IO.FileShare]::ReadWrite -bor [System.IO.FileShare]::Delete))
        try { $null = $stream.Read($head, 0, $head.Length) } finally { $stream.Dispose() }
        if ([System.Text.Encoding]::ASCII.GetString($head, 3072, 14) -ceq 'system:windows') { return 'windows' }
        $path = [string](Read-StandInDisk -Path $path).Parent
    }
    return 'linux'
}

function New-StandInGuestOS {
    # Returns an operating system that is not set up.
    param([Parameter(Mandatory)] [string] $System)

    return [pscustomobject]@{
        booted = $true; system = $System; medium = ''; problem = ''; instance_id = ''; host_name = ''; domain = ''; member = $false; time_zone = ''; locale = ''
        accounts = [object[]]@(); addresses = [pscustomobject]@{}; dns_servers = [object[]]@(); commands = [object[]]@()
        kvp = [pscustomobject]@{}; pending = [object[]]@(); looks = 0
    }
}

function Invoke-StandInSetup {
    <#
    .SYNOPSIS
    Looks for a medium among ISO files, and applies it to the guest of a virtual machine.
    .DESCRIPTION
    Windows that was generalized reads an answer file once, from the root of any removable medium:
    https://learn.microsoft.com/windows-hardware/manufacture/desktop/windows-setup-automation-overview
    cloud-init, and cloudbase-init in Windows, read a NoCloud seed by the label of its volume, once for each instance id:
    https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
    #>
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Media)

    if ((Test-StandInGuest -State $State -Name 'never_boots') -or (Test-StandInGuest -State $State -Name 'no_setup')) { return }
    $label = 'cidata'
    if (Test-StandInGuest -State $State -Name 'seed_label') { $label = $State.behaviour.guest.seed_label }
    $system = Get-StandInSystem -VM $VM
    $old = Get-StandInGuestOS -VM $VM
    foreach ($path in $Media) {
        $medium = Read-StandInMedium -Path $path -System $system
        if ($null -eq $medium) { continue }
        $guest = New-StandInGuestOS -System $system
        $answer = $null
        # Names are not case-sensitive in Windows.
        if ($system -eq 'windows') { foreach ($name in $medium.Files.Keys) { if ($name -eq 'Autounattend.xml') { $answer = $medium.Files[$name] } } }
        if ($null -eq $answer -and @($label.ToLowerInvariant(), $label.ToUpperInvariant()) -cnotcontains $medium.Label) { continue }
        if ($null -ne $answer -and $null -ne $old) { return }
        try {
            if ($null -ne $answer) {
                $reports = @(Set-StandInAnswer -VM $VM -Guest $guest -Bytes $answer -Files $medium.Files)
            } else {
                $seed = Read-StandInSeed -Files $medium.Files
                if ($null -ne $old -and $old.instance_id -ceq $seed.InstanceId) { return }
                $reports = @(Set-StandInSeed -VM $VM -Guest $guest -Seed $seed)
            }
            $guest.medium = $path
            Set-StandInReport -State $State -Guest $guest -Reports $reports
        } catch {
            # Windows Setup stops with a dialog before any service runs, and cloud-init looks elsewhere.
            $guest.problem = $_.Exception.Message
            $guest.booted = $null -eq $answer
        }
        Add-Member -InputObject $VM -MemberType NoteProperty -Name 'guest' -Value $guest -Force
        return
    }
}
