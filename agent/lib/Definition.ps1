# Reading a job definition, and validating it against what this agent supports.

function Read-ProvisioningJobDefinition {
    <#
    .SYNOPSIS
    Returns the job definition in the input of the pipeline, line by line or in one piece; without input, in standard input.
    #>
    param([AllowNull()] [AllowEmptyCollection()] [object[]] $InputObject)

    $pieces = New-Object -TypeName System.Collections.ArrayList
    foreach ($piece in @($InputObject)) {
        if ($null -eq $piece) { continue }
        if ($piece -is [string]) { $null = $pieces.Add($piece) } else { $null = $pieces.Add((ConvertTo-AgentJson -Value $piece)) }
    }
    $text = [string]::Join("`n", $pieces.ToArray())
    if ([string]::IsNullOrWhiteSpace($text) -and [System.Console]::IsInputRedirected) { $text = [System.Console]::In.ReadToEnd() }
    if ([string]::IsNullOrWhiteSpace($text)) { throw (New-AgentError -MessageId 'definition_missing') }
    try {
        $value = ConvertFrom-AgentJson -Text $text.TrimStart([char]0xFEFF)
    } catch {
        throw (New-AgentError -MessageId 'definition_unreadable' -Values @{ reason = $_.Exception.Message })
    }
    return ConvertTo-JobDefinition -Value $value
}

function ConvertTo-JobDefinition {
    <#
    .SYNOPSIS
    Validates a job definition and returns its Operation and its Fields, in their order.
    .DESCRIPTION
    Partial is for checks, where required fields may be missing.
    #>
    param([Parameter(Mandatory)] [AllowNull()] $Value, [switch] $Partial)

    if ($Value -isnot [System.Management.Automation.PSCustomObject]) { throw (New-AgentError -MessageId 'definition_not_object') }
    $version = Assert-JobSchema -Schema (Get-AgentProperty -Value $Value -Name 'schema')
    $operation = Get-AgentProperty -Value $Value -Name 'operation'
    $operations = 'provision', 'update', 'delete', 'power', 'checkpoint', 'export', 'image', 'disk', 'switch'
    if ($operations -cnotcontains $operation) {
        throw (New-AgentError -MessageId 'definition_operation_invalid' -Values @{ operations = (Join-AgentText -Text $operations) })
    }
    $given = Get-AgentProperty -Value $Value -Name 'fields'
    if ($given -isnot [System.Management.Automation.PSCustomObject]) { throw (New-AgentError -MessageId 'definition_fields_missing') }
    $fields = [ordered]@{}
    foreach ($name in @(Get-AgentPropertyName -Value $given)) {
        $field = Get-AgentProperty -Value $given -Name $name
        if ($null -eq $field) { continue }
        Assert-JobField -Name $name -Value $field
        $fields[$name] = $field
    }
    # Version 1 only recorded the settings of the guest.
    if ($version -eq 1 -and $operation -eq 'provision' -and -not $fields.Contains('guest_setup')) { $fields['guest_setup'] = 'none' }
    if ($operation -eq 'power' -and -not $fields.Contains('power_action')) {
        throw (New-AgentError -Field 'power_action' -MessageId 'field_missing' -Values @{ field = 'power_action' })
    }
    if ($operation -eq 'export' -and -not $Partial -and -not $fields.Contains('export_path')) {
        throw (New-AgentError -Field 'export_path' -MessageId 'field_missing' -Values @{ field = 'export_path' })
    }
    if ($operation -eq 'checkpoint') { Assert-CheckpointField -Fields $fields }
    if ($operation -eq 'image') { Assert-ImageField -Fields $fields }
    if ($operation -eq 'disk') { Assert-DiskField -Fields $fields }
    if ($operation -eq 'switch') { Assert-SwitchField -Fields $fields }
    if ($operation -ne 'delete') { Assert-MemoryOrder -Fields $fields -Partial:$Partial }
    if ($operation -eq 'provision' -and -not $Partial) {
        if ($fields.Contains('vm_name') -and -not (Test-FileName -Value $fields['vm_name'])) { # a check has a finding
            throw (New-AgentError -Field 'vm_name' -MessageId 'field_invalid' -Values @{ field = 'vm_name'; requirement = (Get-AgentMessage -Id 'requirement_file_name').Message })
        }
        foreach ($name in 'vm_name', 'image_name', 'gb_ram', 'cpu_cores') {
            if (-not $fields.Contains($name)) { throw (New-AgentError -Field $name -MessageId 'field_missing' -Values @{ field = $name }) }
        }
    }
    return @{ Operation = $operation; Fields = $fields }
}

function Assert-JobSchema {
    # Returns the version of a definition's schema. Throws when it is missing, or is not one that this agent supports.
    param([AllowNull()] $Schema)

    $id = Get-AgentProperty -Value $Schema -Name 'id'
    $version = Get-AgentProperty -Value $Schema -Name 'version'
    if ($id -isnot [string] -or [string]::IsNullOrWhiteSpace($id) -or -not (Test-WholeNumber -Value $version)) {
        throw (New-AgentError -MessageId 'definition_schema_missing')
    }
    if ($id -cne $script:AgentSchemaId -or $script:AgentSchemaVersions -notcontains $version) {
        throw (New-AgentError -MessageId 'schema_mismatch' -Values @{
                id = $id; version = $version; supported_id = $script:AgentSchemaId; supported_versions = (Join-AgentText -Text $script:AgentSchemaVersions)
            })
    }
    return $version
}

function Assert-JobField {
    # Throws when a field has a value of the wrong type, or one that could refer to a file outside its folder. Unknown fields pass.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $requirement = ''
    switch -CaseSensitive ($Name) {
        'vm_name' { $requirement = Get-VMNameRequirement -Value $Value }
        'image_name' { $requirement = Get-FileNameRequirement -Value $Value }
        'image_path' { $requirement = Get-FolderRequirement -Value $Value }
        'vm_path' { $requirement = Get-FolderRequirement -Value $Value }
        'media_name' { $requirement = Get-FileNameRequirement -Value $Value }
        'os_family' { $requirement = Get-ChoiceRequirement -Value $Value -Choices 'windows', 'linux' }
        'power_state' { $requirement = Get-ChoiceRequirement -Value $Value -Choices 'running', 'off', 'paused', 'saved' }
        'power_action' { $requirement = Get-ChoiceRequirement -Value $Value -Choices $script:AgentPowerActionNames }
        'disk_action' { $requirement = Get-ChoiceRequirement -Value $Value -Choices $script:AgentDiskActionNames }
        'disk_path' { $requirement = Get-DiskPathRequirement -Value $Value }
        'parent_path' { $requirement = Get-DiskPathRequirement -Value $Value }
        'vhd_type' { $requirement = Get-ChoiceRequirement -Value $Value -Choices $script:AgentVhdTypeNames }
        'checkpoint_action' { $requirement = Get-ChoiceRequirement -Value $Value -Choices $script:AgentCheckpointActionNames }
        'checkpoint_name' { $requirement = Get-VMNameRequirement -Value $Value }
        'checkpoint_id' { if ($Value -isnot [string] -or -not (Get-AgentGuid -Text $Value)) { $requirement = (Get-AgentMessage -Id 'requirement_guid').Message } }
        'checkpoint_children' { $requirement = Get-BooleanRequirement -Value $Value }
        'checkpoint_start' { $requirement = Get-BooleanRequirement -Value $Value }
        'export_path' { $requirement = Get-FolderRequirement -Value $Value }
        'export_live_state' { $requirement = Get-ChoiceRequirement -Value $Value -Choices @($script:AgentExportLiveStates.Keys) }
        'disk_type' { $requirement = Get-ChoiceRequirement -Value $Value -Choices 'copy', 'differencing' }
        'disk_size_gb' { $requirement = Get-WholeNumberRequirement -Value $Value -Minimum 1 -Maximum 65536 }
        'data_disks' { if (-not (Test-DataDiskList -Value $Value)) { $requirement = (Get-AgentMessage -Id 'requirement_data_disks').Message } }
        'cpu_cores' {
            if (-not (Test-WholeNumber -Value $Value) -or $Value -lt 1) {
                $requirement = (Get-AgentMessage -Id 'requirement_whole_number_minimum' -Values @{ minimum = 1 }).Message
            }
        }
        'vlan_id' { $requirement = Get-WholeNumberRequirement -Value $Value -Minimum 0 -Maximum 4094 }
        'mac_address' { $requirement = Get-MacRequirement -Value $Value }
        'network_adapters' { Assert-AdapterField -Value $Value }
        'wait_for' { $requirement = Get-ChoiceRequirement -Value $Value -Choices 'nothing', 'heartbeat', 'address', 'setup' }
        'wait_seconds' { $requirement = Get-WholeNumberRequirement -Value $Value -Minimum 1 -Maximum 7200 }
        'force_stop' { $requirement = Get-BooleanRequirement -Value $Value }
        'vm_clustered' { $requirement = Get-BooleanRequirement -Value $Value }
        'switch_name' { if ($Value -isnot [string]) { $requirement = (Get-AgentMessage -Id 'requirement_text').Message } }
        'notes' { if ($Value -isnot [string]) { $requirement = (Get-AgentMessage -Id 'requirement_text').Message } }
    }
    if (-not $requirement) {
        $requirement = (Get-MemoryRequirement -Name $Name -Value $Value) + (Get-FirmwareRequirement -Name $Name -Value $Value) +
        (Get-ActionRequirement -Name $Name -Value $Value) + (Get-SettingRequirement -Name $Name -Value $Value) + (Get-GuestRequirement -Name $Name -Value $Value) + (Get-ImageRequirement -Name $Name -Value $Value) +
        (Get-SwitchRequirement -Name $Name -Value $Value)
    }
    if ($requirement) { throw (New-AgentError -Field $Name -MessageId 'field_invalid' -Values @{ field = $Name; requirement = $requirement }) }
}

# Each of the following returns what a value must be, or an empty string when the value is valid.

function Get-ChoiceRequirement {
    # The value must be one of the choices.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value, [Parameter(Mandatory)] [object[]] $Choices)

    if ($Choices -ccontains $Value) { return '' }
    return (Get-AgentMessage -Id 'requirement_one_of' -Values @{ values = (Join-AgentText -Text $Choices) }).Message
}

function Get-WholeNumberRequirement {
    # The value must be a whole number within limits.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value, [Parameter(Mandatory)] [int] $Minimum, [Parameter(Mandatory)] [int] $Maximum)

    if ((Test-WholeNumber -Value $Value) -and $Value -ge $Minimum -and $Value -le $Maximum) { return '' }
    return (Get-AgentMessage -Id 'requirement_whole_number' -Values @{ minimum = $Minimum; maximum = $Maximum }).Message
}

function Get-BooleanRequirement {
    # The value must be a boolean.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [bool]) { return '' }
    return (Get-AgentMessage -Id 'requirement_boolean').Message
}

function Get-VMNameRequirement {
    # The value must be a name that Hyper-V allows, up to 100 characters: https://github.com/microsoft/openvmm/issues/1647
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [string] -and $Value -match '^[^\x00-\x1f\x7f]{1,100}\z' -and $Value.Trim() -ceq $Value) { return '' }
    return (Get-AgentMessage -Id 'requirement_vm_name').Message
}

function Get-FileNameRequirement {
    # The value must be valid as a file name.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if (Test-FileName -Value $Value) { return '' }
    return (Get-AgentMessage -Id 'requirement_file_name').Message
}

function Get-MacRequirement {
    # The value must be a MAC address.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [string] -and $Value -cmatch '^[0-9A-F][02468ACE](-[0-9A-F]{2}){5}\z') { return '' }
    return (Get-AgentMessage -Id 'requirement_mac_address').Message
}

function Assert-AdapterField {
    # Throws when a list of network adapters has a part of the wrong type, or a name twice.
    param([Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $field = 'network_adapters'
    $requirement = ''
    if ($Value -isnot [array]) { $requirement = (Get-AgentMessage -Id 'requirement_list').Message }
    $names = @()
    for ($index = 0; -not $requirement -and $index -lt $Value.Count; $index++) {
        $item = $Value[$index]
        $field = "network_adapters[$index]"
        if ($item -isnot [System.Management.Automation.PSCustomObject]) {
            $requirement = (Get-AgentMessage -Id 'requirement_object').Message
            break
        }
        $name = Get-AgentProperty -Value $item -Name 'name'
        $switchName = Get-AgentProperty -Value $item -Name 'switch_name'
        $vlan = Get-AgentProperty -Value $item -Name 'vlan_id'
        $mac = Get-AgentProperty -Value $item -Name 'mac_address'
        if ($name -isnot [string] -or $name -notmatch '^[^\x00-\x1f\x7f]{1,64}\z') {
            $field += '.name'
            $requirement = (Get-AgentMessage -Id 'requirement_adapter_name').Message
        } elseif ($switchName -isnot [string] -or -not $switchName) {
            $field += '.switch_name'
            $requirement = (Get-AgentMessage -Id 'requirement_text').Message
        } elseif ($null -ne $vlan -and (Get-WholeNumberRequirement -Value $vlan -Minimum 0 -Maximum 4094)) {
            $field += '.vlan_id'
            $requirement = Get-WholeNumberRequirement -Value $vlan -Minimum 0 -Maximum 4094
        } elseif ($null -ne $mac -and (Get-MacRequirement -Value $mac)) {
            $field += '.mac_address'
            $requirement = Get-MacRequirement -Value $mac
        } elseif ($null -ne ($invalid = Get-AdapterSettingRequirement -Item $item)) {
            $field += '.' + $invalid.Name
            $requirement = $invalid.Requirement
        } elseif ($null -ne ($invalid = Get-AdapterAddressRequirement -Item $item)) {
            $field += '.' + $invalid.Name
            $requirement = $invalid.Requirement
        } elseif ($names -contains $name) {
            $field += '.name'
            for ($first = 0; $names[$first] -ne $name; $first++) { continue }
            $requirement = (Get-AgentMessage -Id 'requirement_adapter_name_unique' -Values @{ index = $first }).Message
        }
        $names += $name
    }
    if ($requirement) { throw (New-AgentError -Field $field -MessageId 'field_invalid' -Values @{ field = $field; requirement = $requirement }) }
}

function Test-Number {
    # Reports whether a value is a number.
    param([AllowNull()] $Value)

    return $Value -is [int] -or $Value -is [long] -or $Value -is [decimal] -or $Value -is [double]
}

function Test-WholeNumber {
    # Reports whether a value is a whole number below 10^9.
    param([AllowNull()] $Value)

    return (Test-Number -Value $Value) -and $Value -eq [System.Math]::Truncate([double]$Value) -and [System.Math]::Abs([double]$Value) -lt 1000000000
}

function Test-FileName {
    <#
    .SYNOPSIS
    Reports whether text is the name of one file in the folder that it is joined to, on every file system of Windows, and is shown as it is.
    .DESCRIPTION
    Windows takes the superscript digits one to three for digits in the names of devices, and ignores spaces behind such a name:
    https://learn.microsoft.com/windows/win32/fileio/naming-a-file. CONIN$ and CONOUT$ are the console:
    https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew. Controls of the writing direction show a name, and
    its extension, as another: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
    #>
    param([AllowNull()] $Value)

    return $Value -is [string] -and $Value.Length -ge 1 -and $Value.Length -le 100 -and
    $Value -notmatch '[\x00-\x1f\x7f\\/:*?"<>|\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]' -and $Value -notmatch '^[ .]|[ .]\z' -and
    $Value -notmatch '^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?\z'
}
