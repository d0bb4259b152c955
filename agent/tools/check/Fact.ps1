# -Full: what Hyper-V did, compared with the facts that the agent relies on.

# By name: what the agent expects. Several possible values are separated by a vertical bar.
$script:CheckFacts = @{
    'new-vm-adapters'           = '1'
    'new-vm-generation-2-dvd'   = '0'
    'new-vm-path'               = 'True'
    'get-vm-missing-id'         = 'ObjectNotFound ObjectNotFound|InvalidParameter InvalidArgument'
    'get-vm-missing-name'       = 'InvalidParameter InvalidArgument'
    'key-protector-objects'     = '1|4'
    'key-protector-none-bytes'  = '4'
    'checkpoint-disk-extension' = '.avhdx'
}

function Test-CheckFact {
    # Writes a finding for each fact that was seen.
    foreach ($fact in $script:CheckRun.Facts) {
        $name = "fact-$($fact.Name)"
        $expected = [string]$script:CheckFacts[$fact.Name]
        if (($expected -split '\|') -contains $fact.Seen) {
            Write-Finding -Name $name -Status pass -Message $fact.Seen
        } else {
            Write-Finding -Name $name -Status warn -Message "Hyper-V returned '$($fact.Seen)'; the agent expects '$expected'." -Remedy 'Please report it with this line and the versions.'
        }
    }
}
