# Reading a job definition, and holding it to what this agent can do.

function Read-ProvisioningJobDefinition {
    # Gives the definition within text that came through the pipeline, line by line or in one piece; without any, within
    # what standard input holds.
    param([AllowNull()] [AllowEmptyCollection()] [object[]] $InputObject)

    $pieces = New-Object -TypeName System.Collections.ArrayList
    foreach ($piece in @($InputObject)) {
        if ($null -eq $piece) { continue }
        if ($piece -is [string]) { $null = $pieces.Add($piece) } else { $null = $pieces.Add((ConvertTo-AgentJson -Value $piece)) }
    }
    $text = [string]::Join("`n", $pieces.ToArray())
    if ([string]::IsNullOrWhiteSpace($text) -and [System.Console]::IsInputRedirected) { $text = [System.Console]::In.ReadToEnd() }
    if ([string]::IsNullOrWhiteSpace($text)) {
        throw (New-AgentError -Code 'invalid_definition' -Message 'no job definition was given' `
                -Remedy 'pipe one in (Get-Content job.json | .\Invoke-ProvisioningJob.ps1) or give it on standard input')
    }
    try {
        $value = ConvertFrom-AgentJson -Text $text.TrimStart([char]0xFEFF)
    } catch {
        throw (New-AgentError -Code 'invalid_definition' -Message "the job definition cannot be read: $($_.Exception.Message)")
    }
    return ConvertTo-JobDefinition -Value $value
}

function ConvertTo-JobDefinition {
    # Gives a definition as a table: Operation, and Fields in their order. Partial is for a dry run, where fields may
    # still lack.
    param([Parameter(Mandatory)] [AllowNull()] $Value, [switch] $Partial)

    if ($Value -isnot [System.Management.Automation.PSCustomObject]) {
        throw (New-AgentError -Code 'invalid_definition' -Message 'the job definition is not a JSON object')
    }
    Assert-JobSchema -Schema (Get-AgentProperty -Value $Value -Name 'schema')
    $operation = Get-AgentProperty -Value $Value -Name 'operation'
    if (@('provision', 'update', 'delete') -cnotcontains $operation) {
        throw (New-AgentError -Code 'invalid_definition' -Message "the job definition's operation must be one of: provision, update, delete")
    }
    $given = Get-AgentProperty -Value $Value -Name 'fields'
    if ($given -isnot [System.Management.Automation.PSCustomObject]) {
        throw (New-AgentError -Code 'invalid_definition' -Message 'the job definition has no fields')
    }
    $fields = [ordered]@{}
    foreach ($property in $given.PSObject.Properties) {
        if ($null -eq $property.Value) { continue }
        Assert-JobField -Name $property.Name -Value $property.Value
        $fields[$property.Name] = $property.Value
    }
    if ($operation -ne 'delete') { Assert-MemoryOrder -Fields $fields -Partial:$Partial }
    if ($operation -eq 'provision' -and -not $Partial) {
        foreach ($name in 'vm_name', 'image_name', 'gb_ram', 'cpu_cores') {
            if (-not $fields.Contains($name)) {
                throw (New-AgentError -Code 'invalid_definition' -Message "the job definition lacks field '$name'" -Field $name)
            }
        }
    }
    return @{ Operation = $operation; Fields = $fields }
}

function Assert-JobSchema {
    param([AllowNull()] $Schema)

    $id = Get-AgentProperty -Value $Schema -Name 'id'
    $version = Get-AgentProperty -Value $Schema -Name 'version'
    if ($id -isnot [string] -or [string]::IsNullOrWhiteSpace($id) -or -not (Test-WholeNumber -Value $version)) {
        throw (New-AgentError -Code 'invalid_definition' -Message 'the job definition does not name its schema by id and version')
    }
    if ($id -cne $script:AgentSchemaId -or $script:AgentSchemaVersions -notcontains $version) {
        $versions = [string]::Join(', ', $script:AgentSchemaVersions)
        throw (New-AgentError -Code 'schema_mismatch' `
                -Message "the job definition is for schema $id version $version, and this agent knows $($script:AgentSchemaId) version $versions" `
                -Remedy 'use a client and an agent of the same release')
    }
}

function Assert-JobField {
    # Refuses a value of the wrong type, or one that could reach beyond its place. Fields that are not the agent's pass.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $wants = ''
    switch -CaseSensitive ($Name) {
        'vm_name' { if (-not (Test-FileName -Value $Value)) { $wants = 'a name of 1 to 100 characters that can name a file' } }
        'image_name' { if (-not (Test-FileName -Value $Value)) { $wants = 'a name of 1 to 100 characters that can name a file' } }
        'media_name' { if (-not (Test-FileName -Value $Value)) { $wants = 'a name of 1 to 100 characters that can name a file' } }
        'os_family' { if (@('windows', 'linux') -cnotcontains $Value) { $wants = 'one of: windows, linux' } }
        'power_state' { if (@('running', 'off') -cnotcontains $Value) { $wants = 'one of: running, off' } }
        'gb_ram' { if (-not (Test-Number -Value $Value) -or $Value -le 0) { $wants = 'a number above 0' } }
        'disk_type' { if (@('copy', 'differencing') -cnotcontains $Value) { $wants = 'one of: copy, differencing' } }
        'disk_size_gb' { if (-not (Test-DiskSize -Value $Value)) { $wants = 'a whole number from 1 to 65536' } }
        'data_disks' {
            if (-not (Test-DataDiskList -Value $Value)) {
                $wants = 'a list of disks, each with a name that no other has, of letters, digits, hyphens and underscores, a size_gb from 1 to 65536, ' +
                'and a type that is dynamic or fixed'
            }
        }
        'cpu_cores' { if (-not (Test-WholeNumber -Value $Value) -or $Value -lt 1) { $wants = 'a whole number of 1 or more' } }
        'vlan_id' { if (-not (Test-WholeNumber -Value $Value) -or $Value -lt 0 -or $Value -gt 4094) { $wants = 'a whole number from 0 to 4094' } }
        'mac_address' { $wants = Get-MacFault -Value $Value }
        'network_adapters' { Assert-AdapterField -Value $Value }
        'wait_for' { if (@('nothing', 'heartbeat', 'address') -cnotcontains $Value) { $wants = 'one of: nothing, heartbeat, address' } }
        'wait_seconds' { if (-not (Test-WholeNumber -Value $Value) -or $Value -lt 1 -or $Value -gt 7200) { $wants = 'a whole number from 1 to 7200' } }
        'vm_clustered' { if ($Value -isnot [bool]) { $wants = 'true or false' } }
        'switch_name' { if ($Value -isnot [string]) { $wants = 'text' } }
        'notes' { if ($Value -isnot [string]) { $wants = 'text' } }
    }
    if (-not $wants) { $wants = (Get-MemoryWant -Name $Name -Value $Value) + (Get-FirmwareWant -Name $Name -Value $Value) + (Get-ActionWant -Name $Name -Value $Value) }
    if ($wants) {
        throw (New-AgentError -Code 'invalid_definition' -Message "field '$Name' must be $wants" -Field $Name)
    }
}

function Get-MacFault {
    # Says what a MAC address must be; empty text when the value is one.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [string] -and $Value -cmatch '^[0-9A-F][02468ACE](-[0-9A-F]{2}){5}\z') { return '' }
    return 'six pairs of the digits 0 to 9 and A to F, joined by hyphens, with the first pair even'
}

function Assert-AdapterField {
    # Refuses a list of network adapters that has a part of the wrong type, or a name twice.
    param([Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $field = 'network_adapters'
    $wants = ''
    if ($Value -isnot [array]) { $wants = 'a list' }
    $names = @()
    for ($index = 0; -not $wants -and $index -lt $Value.Count; $index++) {
        $item = $Value[$index]
        $field = "network_adapters[$index]"
        if ($item -isnot [System.Management.Automation.PSCustomObject]) {
            $wants = 'an object'
            break
        }
        $name = Get-AgentProperty -Value $item -Name 'name'
        $switchName = Get-AgentProperty -Value $item -Name 'switch_name'
        $vlan = Get-AgentProperty -Value $item -Name 'vlan_id'
        $mac = Get-AgentProperty -Value $item -Name 'mac_address'
        if ($name -isnot [string] -or $name -notmatch '^[^\x00-\x1f\x7f]{1,64}\z') {
            $field += '.name'
            $wants = 'a name of 1 to 64 characters'
        } elseif ($switchName -isnot [string] -or -not $switchName) {
            $field += '.switch_name'
            $wants = 'text'
        } elseif ($null -ne $vlan -and (-not (Test-WholeNumber -Value $vlan) -or $vlan -lt 0 -or $vlan -gt 4094)) {
            $field += '.vlan_id'
            $wants = 'a whole number from 0 to 4094'
        } elseif ($null -ne $mac -and (Get-MacFault -Value $mac)) {
            $field += '.mac_address'
            $wants = Get-MacFault -Value $mac
        } elseif ($names -contains $name) {
            $field += '.name'
            for ($first = 0; $names[$first] -ne $name; $first++) { continue }
            $wants = "another name than network_adapters[$first].name"
        }
        $names += $name
    }
    if ($wants) {
        throw (New-AgentError -Code 'invalid_definition' -Message "field '$field' must be $wants" -Field $field)
    }
}

function Test-Number {
    param([AllowNull()] $Value)

    return $Value -is [int] -or $Value -is [long] -or $Value -is [decimal] -or $Value -is [double]
}

function Test-WholeNumber {
    param([AllowNull()] $Value)

    return (Test-Number -Value $Value) -and $Value -eq [System.Math]::Truncate([double]$Value) -and [System.Math]::Abs([double]$Value) -lt 1000000000
}

function Test-FileName {
    # Tells whether text names one file in the folder that it is joined to, on every file system of Windows.
    param([AllowNull()] $Value)

    return $Value -is [string] -and $Value.Length -ge 1 -and $Value.Length -le 100 -and
    $Value -notmatch '[\x00-\x1f\x7f\\/:*?"<>|]' -and $Value -notmatch '^[ .]|[ .]\z' -and
    $Value -notmatch '^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\z'
}
