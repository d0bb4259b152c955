// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// guestFilesScript writes the files of Windows guests: a line of JSON for each guest, with a seed for cloudbase-init beside the answer file.
const guestFilesScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function ConvertTo-Table {
    param($Value)
    $table = @{}
    foreach ($property in $Value.PSObject.Properties) {
        $table[$property.Name] = if ($property.Value -is [array]) {
            , @(foreach ($item in $property.Value) { if ($item -is [string]) { $item } else { ConvertTo-Table -Value $item } })
        } else { $property.Value }
    }
    return $table
}
foreach ($object in (ConvertFrom-AgentJson -Text ([System.IO.File]::ReadAllText('guests'))).guests) {
    $guest = ConvertTo-Table -Value $object
    $result = [ordered]@{}
    try {
        $seed = New-CloudbaseSeed -Guest $guest -InstanceId 'a1'
        foreach ($name in $seed.Keys) { $result['seed/' + $name] = [System.Text.Encoding]::UTF8.GetString($seed[$name]) }
        $answer = New-WindowsAnswer -Guest $guest -InstanceId 'a1'
        foreach ($name in $answer.Keys) { $result[$name] = [System.Text.Encoding]::UTF8.GetString($answer[$name]) }
        $result['unsupported'] = [string]::Join(' ', @(foreach ($name in @(Get-CloudbaseUnsupported -Guest $guest)) { $script:AgentCloudbaseFields[$name] }))
    } catch {
        $result['error'] = $_.Exception.Message
    }
    ConvertTo-Json -InputObject $result -Compress
}
`

// Places of settings in an answer file.
const (
	computerName  = "specialize/Microsoft-Windows-Shell-Setup/ComputerName"
	productKey    = "specialize/Microsoft-Windows-Shell-Setup/ProductKey"
	timeZone      = "specialize/Microsoft-Windows-Shell-Setup/TimeZone"
	timeZoneOOBE  = "oobeSystem/Microsoft-Windows-Shell-Setup/TimeZone"
	locale        = "oobeSystem/Microsoft-Windows-International-Core/"
	accounts      = "oobeSystem/Microsoft-Windows-Shell-Setup/UserAccounts/"
	localAccount  = accounts + "LocalAccounts/LocalAccount/"
	interfaces    = "specialize/Microsoft-Windows-TCPIP/Interfaces/Interface/"
	resolver      = "specialize/Microsoft-Windows-DNS-Client/"
	resolvers     = resolver + "Interfaces/Interface/"
	join          = "specialize/Microsoft-Windows-UnattendedJoin/Identification/"
	absent        = "\x00absent" // no such setting
	setupCommands = "specialize/Microsoft-Windows-Deployment/RunSynchronous/RunSynchronousCommand/"
)

type list = []any

// adapter is an adapter of a guest.
func adapter(mac string, addresses, gateways, servers list) values {
	all := func(items list) list { return append(list{}, items...) } // no list is nil
	return values{"Mac": mac, "Addresses": all(addresses), "Gateways": all(gateways), "DnsServers": all(servers)}
}

// domainMember is a guest that joins a domain; change is merged into it.
func domainMember(change values) values {
	guest := values{"DomainName": "corp.lab.example", "DomainUser": `LAB\join`, "DomainPassword": "domain-secret"}
	maps.Copy(guest, change)
	return guest
}

// windowsGuests are definitions of guests, and settings of their answer files. A setting that is repeated is separated by bars.
var windowsGuests = []struct {
	name  string
	guest values
	want  map[string]string
}{
	{"only a name", values{}, map[string]string{
		computerName: "web-1", locale + "UILanguage": "en-US", interfaces + "Identifier": absent, join + "JoinDomain": absent, resolvers + "Identifier": absent,
		accounts + "AdministratorPassword/Value": absent, localAccount + "Name": absent, productKey: absent, timeZone: absent,
	}},
	{"the built-in administrator", values{"AdminUser": "administrator", "AdminPassword": "Pa55"}, map[string]string{
		accounts + "AdministratorPassword/Value": "Pa55", accounts + "AdministratorPassword/PlainText": "false", localAccount + "Name": absent,
	}},
	{"a local account", values{"AdminUser": "ops", "AdminPassword": "Pa55"}, map[string]string{
		localAccount + "Name": "ops", localAccount + "Group": "Administrators", localAccount + "Password/Value": "Pa55", accounts + "AdministratorPassword/Value": absent,
	}},
	{"quotes and markup in a password", values{"AdminUser": "ops", "AdminPassword": `<a b="c">'&amp;]]>`}, map[string]string{localAccount + "Password/Value": `<a b="c">'&amp;]]>`}},
	{"white space around a password", values{"AdminUser": "ops", "AdminPassword": " \ta "}, map[string]string{localAccount + "Password/Value": " \ta "}},
	{"a long password outside ASCII", values{"AdminUser": "ops", "AdminPassword": strings.Repeat("p\u00e4\u00df\U0001F600", 64)}, map[string]string{
		localAccount + "Password/Value": strings.Repeat("p\u00e4\u00df\U0001F600", 64),
	}},
	{"a name outside ASCII", values{"AdminUser": "J\u00f6rg & \u5c0f", "AdminPassword": "Pa55"}, map[string]string{localAccount + "Name": "J\u00f6rg & \u5c0f"}},
	{"a product key", values{"ProductKey": "aaaaa-bbbbb-ccccc-ddddd-eeeee"}, map[string]string{productKey: "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"}},
	{"a time zone", values{"TimeZone": "W. Europe Standard Time"}, map[string]string{timeZone: "W. Europe Standard Time", timeZoneOOBE: "W. Europe Standard Time"}},
	{"a locale", values{"Locale": "de-DE"}, map[string]string{locale + "InputLocale": "de-DE", locale + "SystemLocale": "de-DE", locale + "UserLocale": "de-DE"}},
	{"a domain", domainMember(nil), map[string]string{
		join + "JoinDomain": "corp.lab.example", join + "Credentials/Domain": "LAB", join + "Credentials/Username": "join", join + "Credentials/Password": "domain-secret",
		join + "MachineObjectOU": absent,
	}},
	{"a domain with an OU", domainMember(values{"DomainOU": "OU=Servers & more,DC=corp,DC=lab,DC=example"}), map[string]string{
		join + "MachineObjectOU": "OU=Servers & more,DC=corp,DC=lab,DC=example",
	}},
	{"an account as a user principal name", domainMember(values{"DomainUser": "join@lab.example"}), map[string]string{
		join + "Credentials/Username": "join@lab.example", join + "Credentials/Domain": absent,
	}},
	{"an account without a domain", domainMember(values{"DomainUser": "join"}), map[string]string{join + "Credentials/Username": "join", join + "Credentials/Domain": "corp.lab.example"}},
	{"markup in a domain's password", domainMember(values{"DomainPassword": ` "<&>'` + "\u00e9 "}), map[string]string{join + "Credentials/Password": ` "<&>'` + "\u00e9 "}},
	{"a domain and a suffix", domainMember(values{"DnsSuffix": "lab.example", "Adapters": list{adapter("00155d000001", nil, nil, nil)}}), map[string]string{
		resolver + "DNSDomain": absent, resolvers + "DNSDomain": "lab.example",
	}},
	{"a static IPv4 address", values{"Adapters": list{adapter("00155d0a0b01", list{"192.0.2.5/24"}, list{"192.0.2.1"}, nil)}}, map[string]string{
		interfaces + "Identifier": "00-15-5D-0A-0B-01", interfaces + "Ipv4Settings/DhcpEnabled": "false", interfaces + "Ipv6Settings/DhcpEnabled": absent,
		interfaces + "UnicastIpAddresses/IpAddress": "192.0.2.5/24", interfaces + "Routes/Route/NextHopAddress": "192.0.2.1", interfaces + "Routes/Route/Prefix": "0.0.0.0/0",
	}},
	{"a static IPv6 address", values{"Adapters": list{adapter("00:15:5d:00:00:01", list{"2001:db8::5/64"}, list{"fe80::1"}, nil)}}, map[string]string{
		interfaces + "Identifier": "00-15-5D-00-00-01", interfaces + "Ipv6Settings/DhcpEnabled": "false", interfaces + "Ipv4Settings/DhcpEnabled": absent,
		interfaces + "Routes/Route/NextHopAddress": "fe80::1", interfaces + "Routes/Route/Prefix": "::/0",
	}},
	{"what cloudbase-init cannot apply", domainMember(values{
		"DnsSuffix": "lab.example", "Locale": "de-DE", "ProductKey": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "AdminUser": "ops", "AdminPassword": strings.Repeat("x", 21),
		"DnsServers": list{"192.0.2.53"}, "Adapters": list{adapter("00155d000001", nil, nil, nil)},
	}), map[string]string{"unsupported": "guest_domain_jointarget guest_product_key guest_locale guest_net_dnssuffix guest_dns_servers guest_la_pw"}},
	{"DNS servers with a static address", values{
		"AdminUser": "ops", "AdminPassword": strings.Repeat("x", 20), "TimeZone": "UTC", "DnsServers": list{"192.0.2.53"},
		"Adapters": list{adapter("00155d000001", list{"192.0.2.5/24"}, nil, list{"192.0.2.53"})},
	}, map[string]string{"unsupported": ""}},
	{"both address families", values{"Adapters": list{adapter("00155d000001", list{"192.0.2.5/24", "2001:db8::5/64"}, list{"192.0.2.1", "2001:db8::1"}, nil)}}, map[string]string{
		interfaces + "UnicastIpAddresses/IpAddress": "192.0.2.5/24|2001:db8::5/64", interfaces + "Routes/Route/Prefix": "0.0.0.0/0|::/0", interfaces + "Routes/Route/Identifier": "1|2",
	}},
	{"no gateway", values{"Adapters": list{adapter("00155d000001", list{"192.0.2.5/24"}, nil, nil)}}, map[string]string{interfaces + "Routes/Route/Prefix": absent}},
	{"several adapters", values{"DnsServers": list{"192.0.2.53"}, "Adapters": list{
		adapter("00155d000001", nil, nil, nil),
		adapter("00155d000002", list{"198.51.100.5/24"}, nil, list{"198.51.100.53", "2001:db8::53"}),
		adapter("00155d000003", list{"203.0.113.5/24"}, nil, nil),
	}}, map[string]string{
		interfaces + "Identifier": "00-15-5D-00-00-02|00-15-5D-00-00-03", resolvers + "Identifier": "00-15-5D-00-00-01|00-15-5D-00-00-02",
		resolvers + "DNSServerSearchOrder/IpAddress": "192.0.2.53|198.51.100.53|2001:db8::53",
	}},
	{"DNS servers with DHCP", values{"DnsServers": list{"192.0.2.53", "192.0.2.54"}, "Adapters": list{adapter("00155d000001", nil, nil, nil)}}, map[string]string{
		interfaces + "Identifier": absent, resolvers + "DNSServerSearchOrder/IpAddress": "192.0.2.53|192.0.2.54",
	}},
	{"a suffix", values{"DnsSuffix": "lab.example", "Adapters": list{adapter("00155d000001", nil, nil, nil)}}, map[string]string{
		resolver + "DNSDomain": "lab.example", resolvers + "DNSDomain": "lab.example",
	}},
	{"a suffix and a second adapter", values{"DnsSuffix": "lab.example", "Adapters": list{
		adapter("00155d000001", nil, nil, nil), adapter("00155d000002", list{"192.0.2.5/24"}, nil, list{"192.0.2.53"}),
	}}, map[string]string{resolvers + "DNSDomain": "lab.example", resolvers + "Identifier": "00-15-5D-00-00-01|00-15-5D-00-00-02"}},
	{"a suffix for an adapter without a MAC address", values{"DnsSuffix": "lab.example", "Adapters": list{adapter("", nil, nil, nil)}}, map[string]string{
		resolver + "DNSDomain": "lab.example", resolvers + "Identifier": absent,
	}},
	{"commands", values{"Commands": list{`echo "a & b" > "%TEMP%\x y"`, strings.Repeat("x", 4000), `powershell -Command "'\u00e9'"`}}, map[string]string{
		setupCommands + "Order": "1|2|3",
	}},
	{"everything", domainMember(values{
		"DnsSuffix": "lab.example", "AdminUser": "ops", "AdminPassword": "Pa55", "TimeZone": "UTC", "Locale": "fr-FR", "DomainOU": "OU=x,DC=y",
		"ProductKey": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "Commands": list{"ver"}, "DnsServers": list{"192.0.2.53"},
		"Adapters": list{adapter("00155d000001", list{"192.0.2.5/24"}, list{"192.0.2.1"}, nil)},
	}), map[string]string{computerName: "web-1", join + "MachineObjectOU": "OU=x,DC=y", locale + "UILanguage": "fr-FR"}},
}

// answerValues returns the values of an answer file by place, hidden passwords in clear text.
func answerValues(t *testing.T, document string) map[string]string {
	t.Helper()
	root, err := parseAnswer([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(place string, e *element)
	walk = func(place string, e *element) {
		if len(e.children) > 0 {
			for _, child := range e.children {
				name := child.name.Local
				if id := child.attr("", "pass") + child.attr("", "name"); id != "" {
					name = id
				}
				walk(strings.TrimPrefix(place+"/"+name, "/"), child)
			}
			return
		}
		text := e.text
		if parent, isValue := strings.CutSuffix(place, "/Value"); isValue {
			if text, err = hiddenPassword(text, parent[strings.LastIndex(parent, "/")+1:]); err != nil {
				t.Errorf("%s: %v", place, err)
			}
		}
		if before, more := found[place]; more {
			text = before + "|" + text
		}
		found[place] = text
	}
	walk("", root)
	return found
}

// renderGuests returns the files of guests.
func renderGuests(t *testing.T, guests []values) []map[string]string {
	t.Helper()
	f := newFixture(t)
	text, err := json.Marshal(values{"guests": guests})
	f.must(err)
	f.write("guests", string(text))
	output, code := f.runScript(guestFilesScript)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if code != 0 || len(lines) != len(guests) {
		t.Fatalf("exit code %d, output %s", code, output)
	}
	files := make([]map[string]string, len(lines))
	for i, line := range lines {
		f.must(json.Unmarshal([]byte(line), &files[i]))
	}
	return files
}

func TestAWindowsGuestIsDescribedByAnAnswerFile(t *testing.T) {
	t.Parallel()
	guests := []values{{"HostName": "bad\x01name"}}
	for _, c := range windowsGuests {
		guest := values{"HostName": "web-1"}
		maps.Copy(guest, c.guest)
		guests = append(guests, guest)
	}
	rendered := renderGuests(t, guests)
	if message := rendered[0]["error"]; !strings.Contains(message, "ComputerName") || strings.Contains(message, "bad") {
		t.Errorf("a control character: %q", message)
	}
	settings := answerSettings(t)
	for i, c := range windowsGuests {
		files := rendered[i+1]
		t.Run(c.name, func(t *testing.T) {
			answer := files["Autounattend.xml"]
			if files["error"] != "" || files["Unattend.xml"] != answer || !strings.HasPrefix(answer, `<?xml version="1.0" encoding="utf-8"?>`) {
				t.Fatalf("error %q, answer file %q", files["error"], answer)
			}
			for _, problem := range validateAnswer(settings, []byte(answer)) {
				t.Error(problem)
			}
			found := answerValues(t, answer)
			found["unsupported"] = files["unsupported"]
			for place, want := range c.want {
				if got, exists := found[place]; got != want && (exists || want != absent) {
					t.Errorf("%s: %q, want %q", place, got, want)
				}
			}
			checkGuestScript(t, guests[i+1], files)
		})
	}
}

// checkGuestScript checks the files that the guest's script needs: in the answer file's medium and in the one for cloudbase-init.
func checkGuestScript(t *testing.T, guest values, files map[string]string) {
	t.Helper()
	var got struct {
		Instance string   `json:"instance"`
		Commands []string `json:"commands"`
		Account  string   `json:"account"`
	}
	if err := json.Unmarshal([]byte(files["hypervvm.json"]), &got); err != nil {
		t.Fatal(err)
	}
	commands, _ := guest["Commands"].(list)
	account, _ := guest["AdminUser"].(string)
	builtIn := strings.EqualFold(account, "Administrator")
	if got.Instance != "a1" || fmt.Sprint(got.Commands) != fmt.Sprint(commands) || got.Account != account && !builtIn || builtIn && got.Account != "" {
		t.Errorf("hypervvm.json is %+v", got)
	}
	for _, name := range []string{"meta-data", "user-data", "network-config"} {
		if files["seed/"+name] != files[name] {
			t.Errorf("%s of the answer file's medium and of cloudbase-init's differ", name)
		}
	}
	for _, name := range []string{"hypervvm.json", "hypervvm.ps1"} {
		if files[name] == "" || files["seed/"+name] != files[name] {
			t.Errorf("%s of the answer file's medium and of cloudbase-init's differ", name)
		}
		for _, password := range []string{"AdminPassword", "DomainPassword"} {
			if secret, _ := guest[password].(string); len(secret) > 4 && strings.Contains(files[name], secret) {
				t.Errorf("%s has a password", name)
			}
		}
	}
	launcher := answerValues(t, files["Autounattend.xml"])[setupCommands+"Path"]
	launcher = launcher[strings.LastIndex(launcher, "|")+1:]
	text, found := strings.CutPrefix(files["seed/user-data"], "#cloud-config\n")
	var config struct {
		Users []struct {
			Name, Passwd string
			Groups       []string
		}
		RunCmd []string
	}
	if err := json.Unmarshal([]byte(text), &config); err != nil || !found {
		t.Fatalf("user data %q: %v", files["seed/user-data"], err)
	}
	if !slices.Equal(config.RunCmd, []string{launcher}) {
		t.Errorf("cloudbase-init runs %q, the answer file %q", config.RunCmd, launcher)
	}
	if len(config.Users) > 0 != (account != "") || account != "" && (config.Users[0].Name != account || config.Users[0].Passwd != guest["AdminPassword"] || config.Users[0].Groups[0] != "Administrators") {
		t.Errorf("the users of cloudbase-init are %+v", config.Users)
	}
	if want := `{"instance-id":"a1","local-hostname":"web-1"}` + "\n"; files["seed/meta-data"] != want {
		t.Errorf("the meta-data is %s", files["seed/meta-data"])
	}
	if network := files["seed/network-config"]; strings.Contains(files["Autounattend.xml"], "<UnicastIpAddresses>") != (network != "") {
		t.Errorf("the network configuration is %q", network)
	}
}

func TestAHostNameIsMadeOfTheNameOfAVirtualMachine(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, windows, linux string }{
		{"web-1", "web-1", "web-1"},
		{"Web Server_1", "Web-Server-1", "web-server-1"},
		{"12345", "vm-12345", "12345"},
		{"1234567890123456", "vm-123456789012", "1234567890123456"},
		{"web-server-01--02", "web-server-01-0", "web-server-01-02"},
		{"a-name-of-15-x-y", "a-name-of-15-x", "a-name-of-15-x-y"},
		{"---", "", ""},
		{"b\u00fcro", "b-ro", "b-ro"},
		{strings.Repeat("x", 64), strings.Repeat("x", 15), strings.Repeat("x", 63)},
	}
	invalid := []string{"", "-a", "a-", "a.b", "a_b", "b\u00fcro", strings.Repeat("x", 64), "a b"}
	var names, want []string
	for _, c := range cases {
		names = append(names, c.name)
		want = append(want, fmt.Sprintf("%s %s %v %v", c.windows, c.linux, c.windows != "", c.linux != ""))
	}
	f := newFixture(t)
	f.write("names", strings.Join(names, "\n"))
	f.write("invalid", strings.Join(append(invalid, "1234567890123456", "2026"), "\n"))
	output, code := f.runScript(`
. '%agent%'
foreach ($name in [System.IO.File]::ReadAllLines('names')) {
    $windows = ConvertTo-GuestHostName -Name $name -OSFamily 'windows'
    $linux = ConvertTo-GuestHostName -Name $name -OSFamily 'linux'
    "$windows $linux $((Test-GuestHostName -Name $windows -OSFamily 'windows').ToString().ToLower()) $((Test-GuestHostName -Name $linux -OSFamily 'linux').ToString().ToLower())"
}
foreach ($name in [System.IO.File]::ReadAllLines('invalid')) {
    if (Test-GuestHostName -Name $name -OSFamily 'windows') { "windows accepts '$name'" }
    if (Test-GuestHostName -Name $name -OSFamily 'linux') { "linux accepts '$name'" }
}
`)
	want = append(want, "linux accepts '1234567890123456'", "linux accepts '2026'")
	if got := strings.TrimRight(output, "\n"); code != 0 || got != strings.Join(want, "\n") {
		t.Errorf("exit code %d, got\n%s\nwant\n%s", code, got, strings.Join(want, "\n"))
	}
}
