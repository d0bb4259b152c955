# Windows Setup in a guest: an answer file, and what it sets.

$script:StandInUnattend = 'urn:schemas-microsoft-com:unattend'

# The passes in which a component may set something, of those that run when a generalized image starts:
# https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/components-b-unattend
$script:StandInPasses = @{
    'Microsoft-Windows-Shell-Setup'                       = @('specialize', 'oobeSystem')
    'Microsoft-Windows-TCPIP'                             = @('specialize')
    'Microsoft-Windows-DNS-Client'                        = @('specialize')
    'Microsoft-Windows-UnattendedJoin'                    = @('specialize')
    'Microsoft-Windows-Deployment'                        = @('specialize')
    'Microsoft-Windows-TerminalServices-LocalSessionManager' = @('specialize')
    'Microsoft-Windows-International-Core'                = @('specialize', 'oobeSystem')
}

# The order of the elements within another one, where it is documented:
# https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/microsoft-windows-tcpip-interfaces-interface
$script:StandInOrder = @{
    'Interface' = @('Ipv4Settings', 'Ipv6Settings', 'Identifier', 'UnicastIpAddresses', 'Routes')
    'Route'     = @('Identifier', 'Metric', 'NextHopAddress', 'Prefix')
}

function Set-StandInAnswer {
    <#
    .SYNOPSIS
    Applies an answer file to a guest, and returns its reports. Throws when Setup refuses the file.
    #>
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Guest, [Parameter(Mandatory)] [byte[]] $Bytes, [Parameter(Mandatory)] [System.Collections.IDictionary] $Files)

    $document = New-Object -TypeName System.Xml.XmlDocument
    $document.XmlResolver = $null
    $document.Load((New-Object -TypeName System.IO.MemoryStream -ArgumentList (, $Bytes)))
    Assert-StandInAnswer -Document $document
    $spaces = New-Object -TypeName System.Xml.XmlNamespaceManager -ArgumentList $document.NameTable
    $spaces.AddNamespace('u', $script:StandInUnattend)
    $find = { param($Path, $From = $document) , @($From.SelectNodes($Path, $spaces)) }
    $text = { param($Path, $From = $document) $node = $From.SelectSingleNode($Path, $spaces); if ($null -ne $node) { $node.InnerText } else { '' } }

    $setup = "//u:component[@name='Microsoft-Windows-Shell-Setup']"
    $Guest.host_name = & $text "$setup/u:ComputerName"
    if ($Guest.host_name.Length -gt 15 -or $Guest.host_name -match '^\d+\z|[{|}~\[\\\]^'':;<=>?@!"#$%`()+/.,*& ]') {
        throw "the setting ComputerName has the invalid value $($Guest.host_name)"
    }
    $Guest.time_zone = & $text "$setup/u:TimeZone"
    $Guest.locale = & $text "//u:component[@name='Microsoft-Windows-International-Core']/u:UserLocale"
    $Guest.domain = & $text '//u:Identification/u:JoinDomain'
    $Guest.member = [bool]$Guest.domain
    if (-not $Guest.domain) { $Guest.domain = & $text "//u:component[@name='Microsoft-Windows-DNS-Client']/u:DNSDomain" }
    $Guest.accounts = [object[]]@(
        if (& $text "$setup/u:UserAccounts/u:AdministratorPassword/u:Value") { [pscustomobject]@{ name = 'Administrator'; password = 'text'; admin = $true; keys = [object[]]@() } }
        foreach ($account in (& $find "$setup/u:UserAccounts/u:LocalAccounts/u:LocalAccount")) {
            $password = ''
            if (& $text 'u:Password/u:Value' $account) { $password = 'text' }
            [pscustomobject]@{
                name = & $text 'u:Name' $account; password = $password; keys = [object[]]@()
                admin = (& $text 'u:Group' $account).Split(';') -contains 'Administrators'
            }
        })

    # An interface that Windows does not have is ignored. A MAC address is written with dashes.
    $found = [ordered]@{}
    foreach ($interface in (& $find "//u:component[@name='Microsoft-Windows-TCPIP']/u:Interfaces/u:Interface")) {
        $identifier = & $text 'u:Identifier' $interface
        if ($identifier -notmatch '^([0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}\z') { continue }
        $mac = $identifier.Replace('-', '').ToUpperInvariant()
        if (@($VM.adapters | Where-Object -FilterScript { $_.mac_address -eq $mac }).Count -eq 0) { continue }
        $addresses = @(foreach ($node in (& $find 'u:UnicastIpAddresses/u:IpAddress' $interface)) { $node.InnerText })
        if ($addresses.Count -gt 0) { $found[$mac] = [object[]]$addresses }
    }
    $Guest.addresses = [pscustomobject]$found
    $servers = New-Object -TypeName System.Collections.ArrayList
    foreach ($node in (& $find "//u:component[@name='Microsoft-Windows-DNS-Client']/u:Interfaces/u:Interface/u:DNSServerSearchOrder/u:IpAddress")) {
        if (-not $servers.Contains($node.InnerText)) { $null = $servers.Add($node.InnerText) }
    }
    $Guest.dns_servers = [object[]]$servers.ToArray()

    $commands = @(foreach ($command in (& $find "//u:component[@name='Microsoft-Windows-Deployment']/u:RunSynchronous/u:RunSynchronousCommand")) {
            [pscustomobject]@{ Order = [int](& $text 'u:Order' $command); Path = & $text 'u:Path' $command }
        })
    Invoke-StandInCommand -Guest $Guest -Files $Files -Commands ([string[]]@($commands | Sort-Object -Property 'Order' | ForEach-Object -Process { $_.Path }))
}

function Assert-StandInAnswer {
    # Throws when an answer file is not what Windows Setup accepts: the simple rules, which a file that was made by hand breaks first.
    param([Parameter(Mandatory)] $Document)

    $root = $Document.DocumentElement
    if ($root.LocalName -cne 'unattend' -or $root.NamespaceURI -cne $script:StandInUnattend) { throw 'the answer file has no element unattend of its namespace' }
    foreach ($settings in $root.ChildNodes) {
        if ($settings -isnot [System.Xml.XmlElement]) { continue }
        if ($settings.LocalName -cne 'settings') { throw "the answer file has an element $($settings.LocalName) in place of settings" }
        foreach ($component in $settings.ChildNodes) {
            if ($component -isnot [System.Xml.XmlElement]) { continue }
            $name = $component.GetAttribute('name')
            foreach ($attribute in 'processorArchitecture', 'publicKeyToken', 'language', 'versionScope') {
                if (-not $component.GetAttribute($attribute)) { throw "component $name has no $attribute" }
            }
            if (-not $script:StandInPasses.ContainsKey($name) -or $script:StandInPasses[$name] -cnotcontains $settings.GetAttribute('pass')) {
                throw "component $name is not applicable in pass $($settings.GetAttribute('pass'))"
            }
        }
    }
    foreach ($element in $root.GetElementsByTagName('*', $script:StandInUnattend)) {
        if (-not $element.HasChildNodes -and $element.LocalName -cne 'component' -and $element.LocalName -cne 'settings') { throw "the setting $($element.LocalName) is empty" }
        if (-not $script:StandInOrder.ContainsKey($element.LocalName)) { continue }
        $last = -1
        foreach ($child in $element.ChildNodes) {
            if ($child -isnot [System.Xml.XmlElement]) { continue }
            $position = [System.Array]::IndexOf($script:StandInOrder[$element.LocalName], $child.LocalName)
            # Interfaces of the DNS client have other elements.
            if ($position -lt 0) { continue }
            if ($position -lt $last) { throw "element $($child.LocalName) is not expected after its place in $($element.LocalName)" }
            $last = $position
        }
    }
}
