// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/guestseed"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

var update = flag.Bool("update", false, "record the documents of guests that the agent renders in testdata; needs HYPERVVM_PWSH")

// guestSeeds has the documents of guests, as the agent has rendered them: '-- name of the guest/name of the document --' and its text.
var guestSeeds = filepath.Join("testdata", "guest_seeds.txt")

// guestSeedScript writes a line of JSON for each guest: its documents, or what the agent refuses. A guest has settings as Get-JobGuest
// returns them, or fields of a definition.
const guestSeedScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Get-CryptHash { '$6$hash' } # 5,000 rounds: another test has it
function ConvertTo-Table {
    param($Value, [switch] $Shallow)
    $table = @{}
    foreach ($property in $Value.PSObject.Properties) {
        $table[$property.Name] = if (-not $Shallow -and $property.Value -is [array]) {
            , @(foreach ($item in $property.Value) { if ($item -is [string]) { $item } else { ConvertTo-Table -Value $item } })
        } else { $property.Value }
    }
    return $table
}
foreach ($object in (ConvertFrom-AgentJson -Text ([System.IO.File]::ReadAllText('guests'))).guests) {
    $refused = @()
    if ($null -ne $object.fields) {
        $fields = ConvertTo-Table -Value $object.fields -Shallow
        $refused = @(Get-GuestFinding -Fields $fields -Unknown @())
        $guest = Get-JobGuest -Fields $fields
        # The host assigns the MAC addresses that are missing: Set-GuestMac.
        if ($null -ne $guest -and (Test-GuestNetwork -Guest $guest)) {
            $number = 0
            foreach ($adapter in $guest.Adapters) { $number++; if (-not $adapter.Mac) { $adapter.Mac = $number.ToString('X12') } }
        }
    } else {
        $guest = ConvertTo-Table -Value $object.settings
    }
    $result = [ordered]@{}
    if ($refused.Count -gt 0) {
        $result['refused'] = [string]::Join("` + "`n" + `", @(foreach ($finding in $refused) { "$($finding.field): $($finding.message): $($finding.remedy)" }))
    } elseif ($null -ne $guest) {
        $files = Get-GuestFile -Guest $guest -InstanceId '%instance%'
        foreach ($name in $files.Keys) { $result[$name] = [System.Text.Encoding]::UTF8.GetString($files[$name]) }
    }
    ConvertTo-Json -InputObject $result -Compress
}
`

// seedGuest is a guest whose documents are rendered by the agent and by package guestseed.
type seedGuest struct {
	Name     string `json:"-"`
	Settings values `json:"settings"` // as Get-JobGuest returns them
	Fields   values `json:"fields"`   // of a definition
}

// secretsOfGuests are the names of secrets in both forms of a guest.
var secretsOfGuests = []string{"AdminPassword", "DomainPassword", "ProductKey", "guest_la_pw", "guest_domain_joinpw", "guest_product_key"}

// seedGuests returns the guests of the tests of both systems, and definitions.
func seedGuests(t *testing.T) (guests []seedGuest) {
	t.Helper()
	with := func(settings, more values) values {
		all := maps.Clone(settings)
		maps.Copy(all, more)
		return all
	}
	for _, g := range linuxGuests() {
		guests = append(guests, seedGuest{Name: "linux " + g.name, Settings: with(g.settings, values{"Setup": "cloud_init", "OSFamily": "linux"})})
	}
	for _, g := range windowsGuests {
		settings := with(values{"HostName": "web-1", "Setup": "unattend", "OSFamily": "windows"}, g.guest)
		guests = append(guests, seedGuest{Name: "windows " + g.name, Settings: settings})
	}
	schema, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	linux := values{"vm_name": "Web Server_1", "image_name": "ubuntu-24.04"}
	windows := values{"vm_name": "web-server-with-a-long-name", "image_name": "windows-server-2022"}
	domain := values{"guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": `LAB\join`, "guest_domain_joinpw": "domain-secret", "guest_la_uid": "ops", "guest_la_pw": "a password"}
	adapters := []any{
		values{"name": "storage", "switch_name": "Storage", "ipv4_address": "198.51.100.50", "ipv4_prefix": 24, "ipv6_address": "2001:db8:1::50", "ipv6_prefix": 64, "ipv6_gateway": "fe80::1"},
		values{"name": "backup", "switch_name": "Backup", "mac_address": "0015.5d00.1021", "dns_servers": []any{"2001:db8::53"}, "ipv4_address": "203.0.113.5", "ipv4_prefix": 8, "ipv4_gateway": "203.0.113.1"},
	}
	for _, d := range []struct {
		name         string
		fields, more values
	}{
		{"nothing to set up", linux, nil},
		{"recorded only", linux, values{"guest_setup": "none", "guest_la_uid": "ops"}},
		{"static addresses", linux, values{
			"mac_address": "00:15:5d:00:10:20", "guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1", "guest_v4_dns1": "192.0.2.53",
			"guest_v4_dns2": "192.0.2.54", "guest_v6_ipaddr": "2001:DB8::50", "guest_v6_cidrprefix": 64, "guest_net_dnssuffix": "lab.example", "network_adapters": adapters,
		}},
		{"DNS servers with DHCP", linux, values{"guest_dns_servers": []any{"192.0.2.53", "2001:db8::53"}, "network_adapters": []any{values{"name": "storage", "switch_name": "Storage"}}}},
		{"one account for all", linux, values{
			"guest_la_uid": "ops", "guest_ssh_keys": []any{opsKey}, "cnf_ansible_ssh_user": "ops", "cnf_ansible_ssh_key": "\n" + ansibleKey + " \n", "guest_host_name": "WEB-1",
		}},
		{"user data", linux, values{"guest_user_data": "#!/bin/sh\necho a secret\n", "guest_la_uid": "ROOT", "guest_la_pw": "a password"}},
		{"a domain", windows, with(domain, values{"guest_commands": []any{"ver", `echo "é"`}, "network_adapters": adapters})},
		{"a domain joined by PowerShell Direct", windows, with(domain, values{"guest_powershell_direct": "join", "guest_net_dnssuffix": "lab.example"})},
		{"cloudbase-init", windows, values{"guest_setup": "cloud_init", "guest_la_uid": "Ädmin", "guest_la_pw": "a password", "guest_time_zone": "W. Europe Standard Time"}},
		{"what cloudbase-init cannot apply", windows, with(domain, values{
			"guest_setup": "cloud_init", "guest_la_pw": strings.Repeat("x", 21), "guest_locale": "de-DE", "guest_product_key": "aaaaa-bbbbb-ccccc-ddddd-eeeee",
			"guest_net_dnssuffix": "lab.example", "guest_dns_servers": []any{"192.0.2.53"}, "vm_name": "---",
		})},
		{"no host name", linux, values{"vm_name": "___", "guest_locale": "C.UTF-8"}},
	} {
		fields, err := schema.Validate(with(d.fields, d.more))
		if err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		guests = append(guests, seedGuest{Name: "definition with " + d.name, Fields: fields.Map()})
	}
	return guests
}

// render returns the documents of package guestseed.
func (g seedGuest) render(t *testing.T) map[string]string {
	t.Helper()
	if g.Fields != nil {
		files, err := guestseed.Render(g.Fields)
		if err != nil {
			return map[string]string{"refused": err.Error()}
		}
		return files
	}
	text, err := json.Marshal(g.Settings)
	if err != nil {
		t.Fatal(err)
	}
	var guest guestseed.Guest
	if err := json.Unmarshal(text, &guest); err != nil {
		t.Fatal(err)
	}
	files, err := guest.Documents()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// marked returns the guest with marks in place of secrets. The first line of user data stays: it names its type.
func (g seedGuest) marked() seedGuest {
	mark := func(table values) values {
		table = maps.Clone(table)
		for _, name := range secretsOfGuests {
			if s, ok := table[name].(string); ok && (name != "guest_la_pw" || len(s) <= 20) { // a longer one is refused
				table[name] = guestseed.Mark
			}
		}
		for _, name := range []string{"UserData", "guest_user_data"} {
			if s, ok := table[name].(string); ok {
				table[name] = strings.SplitAfter(s, "\n")[0]
			}
		}
		return table
	}
	g.Settings, g.Fields = mark(g.Settings), mark(g.Fields)
	return g
}

// setMarks sets the mark in place of each form of a secret in documents of the agent.
func (g seedGuest) setMarks(files map[string]string) {
	secrets := []string{guestseed.Mark}
	for _, name := range append([]string{"UserData", "guest_user_data"}, secretsOfGuests...) {
		for _, table := range []values{g.Settings, g.Fields} {
			if s, ok := table[name].(string); ok {
				secrets = append(secrets, s, strings.ToUpper(s))
			}
		}
	}
	var pairs []string
	for _, secret := range secrets {
		for _, element := range []string{"Password", "AdministratorPassword"} {
			pairs = append(pairs, "<Value>"+hide(secret+element)+"</Value>", "<Value>"+guestseed.Mark+"</Value>")
		}
		quoted, _ := json.Marshal(secret)
		pairs = append(pairs, `"passwd":`+string(quoted), `"passwd":"`+guestseed.Mark+`"`, ">"+secret+"<", ">"+guestseed.Mark+"<",
			"\n"+base64.StdEncoding.EncodeToString([]byte(secret))+"\n", "\n"+guestseed.Mark+"\n")
	}
	replace := strings.NewReplacer(pairs...)
	mark := func(text string) string {
		return hashes.ReplaceAllString(replace.Replace(text), `"hashed_passwd":"`+guestseed.Mark+`"`)
	}
	for name, text := range files {
		text = mark(text)
		if strings.HasPrefix(text, "Content-Type: multipart") {
			text = parts.ReplaceAllStringFunc(text, func(part string) string {
				decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(part, "\n", ""))
				if err != nil {
					return part
				}
				encoded := base64.StdEncoding.EncodeToString([]byte(mark(string(decoded))))
				return regexp.MustCompile(`.{1,76}`).ReplaceAllString(encoded, "$0\n")
			})
		}
		files[name] = text
	}
}

// parts are texts of base64 in lines.
var parts = regexp.MustCompile(`(?m)(^[A-Za-z0-9+/=]{1,76}\n)+`)

var hashes = regexp.MustCompile(`"hashed_passwd":"\$6\$[^"]+"`)

// hide returns a text as an answer file has a password.
func hide(text string) string {
	var wide []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	return base64.StdEncoding.EncodeToString(wide)
}

// recorded returns the documents of guests as text: the script of Windows guests, which is the same for all, and Unattend.xml, which is a
// copy of Autounattend.xml, are left out.
func recorded(guests []seedGuest, files []map[string]string) string {
	var b strings.Builder
	for i, g := range guests {
		for _, name := range slices.Sorted(maps.Keys(files[i])) {
			if name != "hypervvm.ps1" && name != "Unattend.xml" {
				fmt.Fprintf(&b, "-- %s/%s --\n%s\n", g.Name, name, strings.TrimSuffix(files[i][name], "\n"))
			}
		}
	}
	return b.String()
}

// differs reports the first line at which two texts differ.
func differs(t *testing.T, got, want, whose string) {
	t.Helper()
	if got == want {
		return
	}
	name, gotLines, wantLines := "", strings.Split(got, "\n"), strings.Split(want, "\n")
	for i, line := range gotLines {
		if strings.HasPrefix(line, "-- ") {
			name = line
		}
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("%s line %d:\n%s\n%s:\n%s", name, i+1, line, whose, wantLines[min(i, len(wantLines)-1)])
		}
	}
	t.Fatalf("%d lines, %s has %d", len(gotLines), whose, len(wantLines))
}

// Package guestseed renders the documents that the agent has rendered, without secrets.
func TestTheDocumentsOfGuestsAreThoseThatTheAgentHasRendered(t *testing.T) {
	t.Parallel()
	guests := seedGuests(t)
	files := make([]map[string]string, len(guests))
	for i, g := range guests {
		files[i] = g.render(t)
		if files[i]["Autounattend.xml"] != files[i]["Unattend.xml"] {
			t.Errorf("%s: the two answer files differ", g.Name)
		}
		for _, name := range secretsOfGuests {
			for _, table := range []values{g.Settings, g.Fields} {
				secret, _ := table[name].(string)
				for document, text := range files[i] {
					if len(secret) > 4 && secret != guestseed.Mark && (strings.Contains(text, secret) || strings.Contains(text, hide(secret)[:8])) {
						t.Errorf("%s: %s contains %s", g.Name, document, name)
					}
				}
			}
		}
	}
	want, err := os.ReadFile(guestSeeds)
	if err != nil {
		t.Fatal(err)
	}
	differs(t, recorded(guests, files), string(want), "the agent")
}

// The recorded documents are those of the agent of this commit. With -update they are recorded.
func TestTheRecordedDocumentsOfGuestsAreThoseOfTheAgent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	guests := seedGuests(t)
	marked := make([]seedGuest, len(guests))
	for i, g := range guests {
		marked[i] = g.marked()
	}
	text, err := json.Marshal(values{"guests": marked})
	f.must(err)
	f.write("guests", string(text))
	output, code := f.runScript(guestSeedScript, "%instance%", guestseed.InstanceID)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if code != 0 || len(lines) != len(guests) {
		t.Fatalf("exit code %d, output %s", code, output)
	}
	files := make([]map[string]string, len(guests))
	for i, line := range lines {
		f.must(json.Unmarshal([]byte(line), &files[i]))
		marked[i].setMarks(files[i])
		for name, text := range guests[i].render(t) {
			if (name == "hypervvm.ps1" || name == "Unattend.xml") && text != files[i][name] {
				differs(t, text, files[i][name], "the agent")
			}
		}
	}
	got := recorded(guests, files)
	if *update {
		f.must(os.WriteFile(guestSeeds, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(guestSeeds)
	f.must(err)
	differs(t, string(want), got, "the agent (record it with go test ./agent -run Recorded -update)")
}
