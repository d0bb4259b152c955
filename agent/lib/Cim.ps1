# Queries of Hyper-V's WMI provider: one query reads a class for all virtual machines, where the cmdlets make several calls for each.
# Callers use the cmdlets when a query fails, and also when it returns nothing: the provider may answer an account that lacks rights with no
# instances instead of an error. No answer of a query
# proves that something does not exist.

$script:AgentCimNamespace = 'root/virtualization/v2'

# How long one query may take, in seconds.
$script:AgentCimSeconds = 60

function Get-HostInstance {
    # Returns the instances of a class with the given values; with Where, those that fulfil a condition in WQL. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Class, [Parameter(Mandatory)] [string[]] $Property, [string] $Where = '')

    $query = "SELECT $([string]::Join(', ', $Property)) FROM $Class"
    if ($Where) { $query += " WHERE $Where" }
    Get-CimInstance -Namespace $script:AgentCimNamespace -Query $query -OperationTimeoutSec $script:AgentCimSeconds
}

function ConvertTo-WqlText {
    # Returns text in quotes for WQL, which escapes with backslashes.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    return "'" + $Text.Replace('\', '\\').Replace("'", "\'") + "'"
}

function Get-InstanceOwner {
    # Returns the GUID of the virtual machine or checkpoint that settings belong to, or an empty string. InstanceID is
    # Microsoft:<owner>\<device>; the default settings of a kind of device begin with Microsoft:Definition.
    param([AllowNull()] [AllowEmptyString()] [string] $InstanceId)

    if ($InstanceId -match '^Microsoft:([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(\\|\z)') { return $Matches[1].ToLowerInvariant() }
    return ''
}

function Get-InstanceReference {
    # Returns the value of a key in the path of an object, or an empty string. The path is escaped with backslashes.
    param([AllowNull()] [AllowEmptyString()] [string] $Path, [Parameter(Mandatory)] [string] $Key)

    if ($Path -match ('[.,]' + $Key + '="((?:[^"\\]|\\.)*)"')) { return [System.Text.RegularExpressions.Regex]::Replace($Matches[1], '\\(.)', '$1') }
    return ''
}

function Get-InstanceFirst {
    # Returns the first element of an array property as text, or an empty string.
    param([AllowNull()] $Value)

    foreach ($item in @($Value)) { if ($null -ne $item) { return [string]$item } }
    return ''
}

function Get-HostVMName {
    # Returns the names of all virtual machines by GUID. The class has the host too, under its name.
    $names = @{}
    foreach ($item in @(Get-HostInstance -Class 'Msvm_ComputerSystem' -Property 'Name', 'ElementName')) {
        $id = Get-AgentGuid -Text ([string]$item.Name)
        if ($id) { $names[$id] = [string]$item.ElementName }
    }
    return $names
}
