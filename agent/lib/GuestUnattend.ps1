# The answer file of a Windows guest. Each row of the table below is a setting: pass, component, path, and the value's name. Microsoft
# publishes no schema; the sources are the pages of each setting, below
# https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/components-b-unattend. Elements are in the order of the examples
# there, which some components require.
#
# A path is a list of elements. '*' marks the elements of a list: the setting is repeated for each item of the list whose name is before
# the colon, and its value has the name after the colon in that item.

$script:AgentUnattendSettings = @(
    # pass, component, path, value
    , @('specialize', 'Deployment', 'RunSynchronous/RunSynchronousCommand*/Order', 'SetupCommands:Order')
    , @('specialize', 'Deployment', 'RunSynchronous/RunSynchronousCommand*/Path', 'SetupCommands:Path')
    , @('specialize', 'DNS-Client', 'DNSDomain', 'PrimarySuffix')
    , @('specialize', 'DNS-Client', 'Interfaces/Interface*/Identifier', 'Resolvers:Identifier')
    , @('specialize', 'DNS-Client', 'Interfaces/Interface*/DNSDomain', 'Resolvers:Suffix')
    , @('specialize', 'DNS-Client', 'Interfaces/Interface*/DNSServerSearchOrder/IpAddress*', 'Resolvers:Servers')
    , @('specialize', 'Shell-Setup', 'ComputerName', 'HostName')
    , @('specialize', 'Shell-Setup', 'ProductKey', 'ProductKey')
    , @('specialize', 'Shell-Setup', 'TimeZone', 'TimeZone')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/Ipv4Settings/DhcpEnabled', 'Interfaces:Ipv4Dhcp')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/Ipv6Settings/DhcpEnabled', 'Interfaces:Ipv6Dhcp')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/Identifier', 'Interfaces:Identifier')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/UnicastIpAddresses/IpAddress*', 'Interfaces:Addresses')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/Routes/Route*/Identifier', 'Interfaces:Routes:Key')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/Routes/Route*/NextHopAddress', 'Interfaces:Routes:Gateway')
    , @('specialize', 'TCPIP', 'Interfaces/Interface*/Routes/Route*/Prefix', 'Interfaces:Routes:Prefix')
    , @('specialize', 'UnattendedJoin', 'Identification/Credentials/Domain', 'JoinAccountDomain')
    , @('specialize', 'UnattendedJoin', 'Identification/Credentials/Password', 'DomainPassword')
    , @('specialize', 'UnattendedJoin', 'Identification/Credentials/Username', 'JoinAccount')
    , @('specialize', 'UnattendedJoin', 'Identification/JoinDomain', 'DomainName')
    , @('specialize', 'UnattendedJoin', 'Identification/MachineObjectOU', 'DomainOU')
    , @('oobeSystem', 'International-Core', 'InputLocale', 'Locale')
    , @('oobeSystem', 'International-Core', 'SystemLocale', 'Locale')
    , @('oobeSystem', 'International-Core', 'UILanguage', 'Locale')
    , @('oobeSystem', 'International-Core', 'UserLocale', 'Locale')
    , @('oobeSystem', 'Shell-Setup', 'OOBE/HideEULAPage', 'HidePages')
    , @('oobeSystem', 'Shell-Setup', 'OOBE/HideLocalAccountScreen', 'HidePages')
    , @('oobeSystem', 'Shell-Setup', 'OOBE/HideOEMRegistrationScreen', 'HidePages')
    , @('oobeSystem', 'Shell-Setup', 'OOBE/HideOnlineAccountScreens', 'HidePages')
    , @('oobeSystem', 'Shell-Setup', 'OOBE/HideWirelessSetupInOOBE', 'HidePages')
    , @('oobeSystem', 'Shell-Setup', 'OOBE/ProtectYourPC', 'ExpressSettings')
    # Windows sets the time zone of its region when this pass has none.
    , @('oobeSystem', 'Shell-Setup', 'TimeZone', 'TimeZone')
    , @('oobeSystem', 'Shell-Setup', 'UserAccounts/AdministratorPassword/Value', 'AdministratorPassword')
    , @('oobeSystem', 'Shell-Setup', 'UserAccounts/AdministratorPassword/PlainText', 'AdministratorPlainText')
    , @('oobeSystem', 'Shell-Setup', 'UserAccounts/LocalAccounts/LocalAccount*/Password/Value', 'LocalAccounts:Password')
    , @('oobeSystem', 'Shell-Setup', 'UserAccounts/LocalAccounts/LocalAccount*/Password/PlainText', 'LocalAccounts:PlainText')
    , @('oobeSystem', 'Shell-Setup', 'UserAccounts/LocalAccounts/LocalAccount*/Group', 'LocalAccounts:Group')
    , @('oobeSystem', 'Shell-Setup', 'UserAccounts/LocalAccounts/LocalAccount*/Name', 'LocalAccounts:Name'))

$script:AgentUnattendNamespace = 'urn:schemas-microsoft-com:unattend'
$script:AgentUnattendListNamespace = 'http://schemas.microsoft.com/WMIConfig/2002/State'

function ConvertTo-Unattend {
    # Returns an answer file in UTF-8 with the table's settings. A setting without a value is left out: many must not be empty.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Values)

    $root = New-UnattendNode -Name 'unattend'
    foreach ($setting in $script:AgentUnattendSettings) {
        $path = @($setting[0], $setting[1]) + $setting[2].Split('/')
        Add-UnattendSetting -Node $root -Path $path -Values $Values -Names $setting[3].Split(':')
    }
    $format = New-Object -TypeName System.Xml.XmlWriterSettings
    $format.OmitXmlDeclaration = $true # it would name the encoding of texts in memory
    $format.Indent = $true
    $format.NewLineChars = "`n"
    $format.NewLineHandling = [System.Xml.NewLineHandling]::Entitize # line ends in values stay as they are
    $text = New-Object -TypeName System.Text.StringBuilder -ArgumentList "<?xml version=`"1.0`" encoding=`"utf-8`"?>`n"
    $writer = [System.Xml.XmlWriter]::Create($text, $format)
    try {
        $writer.WriteStartElement('unattend', $script:AgentUnattendNamespace)
        $writer.WriteAttributeString('xmlns', 'wcm', $null, $script:AgentUnattendListNamespace)
        foreach ($pass in $root.Children.Values) {
            $writer.WriteStartElement('settings', $script:AgentUnattendNamespace)
            $writer.WriteAttributeString('pass', $pass.Name)
            foreach ($component in $pass.Children.Values) {
                $writer.WriteStartElement('component', $script:AgentUnattendNamespace)
                $writer.WriteAttributeString('name', 'Microsoft-Windows-' + $component.Name)
                $writer.WriteAttributeString('processorArchitecture', 'amd64')
                $writer.WriteAttributeString('publicKeyToken', '31bf3856ad364e35')
                $writer.WriteAttributeString('language', 'neutral')
                $writer.WriteAttributeString('versionScope', 'nonSxS')
                foreach ($element in $component.Children.Values) { Write-UnattendElement -Writer $writer -Node $element }
                $writer.WriteEndElement()
            }
            $writer.WriteEndElement()
        }
        $writer.WriteEndElement()
    } finally {
        $writer.Dispose()
    }
    return , (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($text.ToString())
}

function New-UnattendNode {
    # Returns an element without text and children. Key is its number in a list, or 0.
    param([Parameter(Mandatory)] [string] $Name, [int] $Key = 0)

    return @{ Name = $Name; Key = $Key; Text = ''; Children = [ordered]@{} }
}

function Add-UnattendSetting {
    # Adds a setting below an element, once for each item where its path enters a list. An element without content is not added.
    param(
        [Parameter(Mandatory)] $Node, [Parameter(Mandatory)] [string[]] $Path,
        [Parameter(Mandatory)] [System.Collections.IDictionary] $Values, [Parameter(Mandatory)] [string[]] $Names
    )

    $isList = $Path[0].EndsWith('*')
    $key = 0
    foreach ($item in @(if ($isList) { $Values[$Names[0]] } else { , $Values })) {
        if ($null -eq $item) { continue } # there is no list
        if ($isList) { $key++ }
        $id = $Path[0] + $key
        $child = if ($Node.Children.Contains($id)) { $Node.Children[$id] } else { New-UnattendNode -Name $Path[0].TrimEnd('*') -Key $key }
        if ($Path.Count -eq 1) {
            $child.Text = [string]$(if ($isList) { $item } else { $Values[$Names[0]] })
        } else {
            $rest = if ($isList) { $Names[1..($Names.Count - 1)] } else { $Names }
            Add-UnattendSetting -Node $child -Path $Path[1..($Path.Count - 1)] -Values $item -Names $rest
        }
        if ($child.Text -or $child.Children.Count -gt 0) { $Node.Children[$id] = $child }
    }
}

function Write-UnattendElement {
    # Writes an element. Those of a list have attributes: the action, and a key where they have no children.
    param([Parameter(Mandatory)] $Writer, [Parameter(Mandatory)] $Node)

    $Writer.WriteStartElement($Node.Name, $script:AgentUnattendNamespace)
    if ($Node.Key -gt 0) {
        $Writer.WriteAttributeString('action', $script:AgentUnattendListNamespace, 'add')
        if ($Node.Text) { $Writer.WriteAttributeString('keyValue', $script:AgentUnattendListNamespace, [string]$Node.Key) }
    }
    if ($Node.Text) {
        try {
            $Writer.WriteString($Node.Text)
        } catch {
            throw (New-AgentError -MessageId 'answer_text' -Values @{ setting = $Node.Name }) # the error would hold the text
        }
    }
    foreach ($child in $Node.Children.Values) { Write-UnattendElement -Writer $Writer -Node $child }
    $Writer.WriteEndElement()
}
