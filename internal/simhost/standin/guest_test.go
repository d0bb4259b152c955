// SPDX-License-Identifier: MPL-2.0

package standin_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

const (
	guestMAC  = "00155D00AA01"
	metaData  = `{"instance-id":"i-1","local-hostname":"from-meta"}`
	poolWrite = `f=/var/lib/hyperv/.kvp_pool_1; { printf %s hypervvm.setup; head -c 498 /dev/zero; printf %s done; head -c 2044 /dev/zero; } >>$f`
)

var cloudConfig = `#cloud-config
{"hostname":"web-01","fqdn":"web-01.lab.example","timezone":"Europe/Berlin","reporting":{"host":{"type":"hyperv"}},
"users":[{"name":"ops","lock_passwd":false,"hashed_passwd":"$6$salt$` + strings.Repeat("A", 86) + `","sudo":["ALL=(ALL) ALL"],"ssh_authorized_keys":["ssh-ed25519 AAAA"]},
{"name":"locked","hashed_passwd":"$6$salt$` + strings.Repeat("A", 86) + `"},{"name":"plain","lock_passwd":false,"passwd":"lab"}],
"packages":["nginx"],"runcmd":[["sh","-c","` + poolWrite + `"],["echo","ours"]]}
`

const networkConfig = `{"version":1,"config":[{"type":"physical","name":"eth0","mac_address":"00:15:5d:00:aa:01","subnets":[
{"type":"static","address":"192.0.2.77/24","gateway":"192.0.2.1","dns_nameservers":["192.0.2.53"]},{"type":"static6","address":"2001:db8::7/64"}]}]}`

// part returns a part of a message in MIME.
func part(name, contentType, merge, text string) string {
	return fmt.Sprintf("--border\nContent-Type: %s\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=%q\n%s\n%s\n",
		contentType, name, merge, base64.StdEncoding.EncodeToString([]byte(text)))
}

func component(name, content string) string {
	return `<component name="Microsoft-Windows-` + name + `" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">` + content + `</component>`
}

// answerFile returns an answer file with these contents of an interface and of the component that sets the account.
func answerFile(iface, specialize string) string {
	return `<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize">` +
		component("Shell-Setup", `<ComputerName>WEB-01</ComputerName><TimeZone>UTC</TimeZone>`) +
		component("TCPIP", `<Interfaces><Interface>`+iface+`</Interface></Interfaces>`) +
		component("Deployment", `<RunSynchronous><RunSynchronousCommand><Order>2</Order><Path>cmd /c second</Path></RunSynchronousCommand>`+
			`<RunSynchronousCommand><Order>1</Order><Path>reg.exe add "HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest" /v hypervvm.stage /t REG_SZ /d network /f</Path></RunSynchronousCommand></RunSynchronous>`) +
		specialize + `</settings><settings pass="oobeSystem">` +
		component("Shell-Setup", `<UserAccounts><LocalAccounts><LocalAccount><Name>ops</Name><Group>Administrators</Group><Password><Value>bGFi</Value></Password></LocalAccount></LocalAccounts></UserAccounts>`) +
		`</settings></unattend>`
}

const goodInterface = `<Ipv4Settings><DhcpEnabled>false</DhcpEnabled></Ipv4Settings><Identifier>00-15-5D-00-AA-01</Identifier><UnicastIpAddresses><IpAddress>192.0.2.78/24</IpAddress></UnicastIpAddresses>`

// guestCase is a guest with a medium that a tool of Debian wrote.
type guestCase struct {
	name    string
	tool    []string // with its options
	label   string
	files   map[string]string
	windows bool
	guest   hyperv.Guest
	check   func(*testing.T, *hyperv.GuestOS, map[string]string) // the guest, and what the host reads of it
}

var (
	genisoimage = []string{"genisoimage", "-quiet", "-joliet", "-rock"}
	xorriso     = []string{"xorriso", "-as", "mkisofs", "-quiet", "-J"}
	plainNames  = []string{"genisoimage", "-quiet"}
	jolietNames = []string{"genisoimage", "-quiet", "-joliet"}
)

func seed(userData string) map[string]string {
	return map[string]string{"meta-data": metaData, "user-data": userData, "network-config": networkConfig}
}

var guestCases = []guestCase{
	{name: "genisoimage", tool: genisoimage, label: "cidata", files: seed(cloudConfig), check: configured},
	{name: "xorriso", tool: xorriso, label: "CIDATA", files: seed(cloudConfig), check: configured},
	{name: "Joliet without Rock Ridge", tool: jolietNames, label: "cidata", files: seed(cloudConfig), check: configured},
	{
		name: "a file longer than a sector, with a long name beside it", tool: genisoimage, label: "cidata",
		files: map[string]string{"meta-data": metaData, "user-data": cloudConfig + strings.Repeat("# padding\n", 900), strings.Repeat("long", 50) + ".txt": "x", "network-config": networkConfig}, check: configured,
	},
	{name: "plain names are no names of a seed", tool: plainNames, label: "cidata", files: seed(cloudConfig), check: refused("no meta-data")},
	{name: "another label", tool: genisoimage, label: "config-2", files: seed(cloudConfig), check: ignored},
	{name: "an image that looks for another label", tool: genisoimage, label: "cidata", files: seed(cloudConfig), guest: hyperv.Guest{SeedLabel: "other"}, check: ignored},
	{name: "an image without cloud-init", tool: genisoimage, label: "cidata", files: seed(cloudConfig), guest: hyperv.Guest{NoSetup: true}, check: ignored},
	{name: "a guest that never boots", tool: genisoimage, label: "cidata", files: seed(cloudConfig), guest: hyperv.Guest{NeverBoots: true}, check: ignored},
	{name: "no meta-data", tool: genisoimage, label: "cidata", files: map[string]string{"user-data": cloudConfig}, check: refused("no meta-data")},
	{name: "no user-data", tool: genisoimage, label: "cidata", files: map[string]string{"meta-data": metaData}, check: refused("no user-data")},
	{
		name: "no service for key-value pairs", tool: genisoimage, label: "cidata", files: seed(cloudConfig), guest: hyperv.Guest{NoKVP: true},
		check: func(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
			if os == nil || os.HostName != "web-01" || len(pairs) != 0 || len(os.KVP) != 0 {
				t.Errorf("guest %+v, host reads %v", os, pairs)
			}
		},
	},
	{
		name: "a guest that fails", tool: genisoimage, label: "cidata", files: seed(cloudConfig), guest: hyperv.Guest{Reject: "no space left on device"},
		check: func(t *testing.T, _ *hyperv.GuestOS, pairs map[string]string) {
			if pairs["hypervvm.setup"] != "failed: no space left on device" {
				t.Errorf("host reads %v", pairs)
			}
		},
	},
	{
		name: "reports one after the other", tool: genisoimage, label: "cidata", files: seed(cloudConfig), guest: hyperv.Guest{ReportEvery: 1},
		check: func(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
			if len(os.Pending) == 0 || pairs["hypervvm.setup"] != "" || len(pairs) == 0 {
				t.Errorf("pending %v, host reads %v", os.Pending, pairs)
			}
		},
	},
	{
		name: "an adapter that is not there", tool: genisoimage, label: "cidata",
		files: map[string]string{"meta-data": metaData, "user-data": cloudConfig, "network-config": strings.Replace(networkConfig, "aa:01", "aa:02", 1)},
		check: func(t *testing.T, os *hyperv.GuestOS, _ map[string]string) {
			if os == nil || !strings.Contains(os.Problem, "00:15:5d:00:aa:02") || len(os.Addresses) != 0 || os.HostName != "web-01" {
				t.Errorf("guest %+v", os)
			}
		},
	},
	{
		name: "a message with two configurations and a script", tool: xorriso, label: "cidata", files: seed("Content-Type: multipart/mixed; boundary=\"border\"\nMIME-Version: 1.0\n\n" +
			part("a.cfg", "text/cloud-config", "", "#cloud-config\ntimezone: UTC\nlocale: de_DE.UTF-8\nruncmd:\n  - echo theirs\n  - [\"echo\", \"list\"]\n") +
			part("b.cfg", "text/cloud-config", "Merge-Type: list(prepend)+dict(no_replace,recurse_array)+str()\n", cloudConfig) +
			part("first.sh", "text/x-shellscript", "", "#!/bin/sh\necho\n") + "--border--\n"),
		check: func(t *testing.T, os *hyperv.GuestOS, _ map[string]string) {
			// dict(no_replace) keeps what is there, and recurse_array with prepend puts lists before those that are there.
			want := []string{"package nginx", "script first.sh", "echo ours", "echo theirs", "echo list"}
			if os == nil || os.TimeZone != "UTC" || os.Locale != "de_DE.UTF-8" || !slices.Equal(os.Commands, want) {
				t.Errorf("guest %+v", os)
			}
		},
	},
	{
		name: "reports of a command in the background come last", tool: xorriso, label: "cidata", files: seed(`#cloud-config
{"runcmd":[["sh","-c","( while sleep 1; do [ -e x ] && break; done; ` + poolWrite + ` ) &"],["sh","-c","` + strings.Replace(strings.Replace(poolWrite, "setup", "stage", 1), "done", "fine", 1) + `"]]}
`), guest: hyperv.Guest{ReportEvery: 1},
		check: func(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
			if os == nil || pairs["hypervvm.stage"] != "fine" || len(os.Pending) != 1 || os.Pending[0] != (hyperv.KeyValue{Key: "hypervvm.setup", Value: "done"}) {
				t.Errorf("guest %+v, host reads %v", os, pairs)
			}
		},
	},
	{
		name: "an answer file", tool: xorriso, label: "anything", windows: true, files: map[string]string{"Autounattend.xml": answerFile(goodInterface, "")},
		check: func(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
			want := []hyperv.Account{{Name: "ops", Password: "text", Keys: []string{}, Admin: true}}
			if os == nil || os.HostName != "WEB-01" || os.TimeZone != "UTC" || !slices.Equal(os.Addresses[guestMAC], []string{"192.0.2.78/24"}) ||
				!slices.Equal(os.Commands, []string{"cmd /c second"}) || pairs["hypervvm.stage"] != "network" || fmt.Sprint(os.Accounts) != fmt.Sprint(want) ||
				!strings.Contains(pairs["NetworkAddressIPv4"], "192.0.2.78") || !strings.HasPrefix(pairs["OSName"], "Windows") {
				t.Errorf("guest %+v, host reads %v", os, pairs)
			}
		},
	},
	{
		name: "Windows does not see the names of Rock Ridge", tool: []string{"genisoimage", "-quiet", "-rock"}, label: "cidata", windows: true,
		files: map[string]string{"Autounattend.xml": answerFile(goodInterface, "")}, check: refused("no meta-data"),
	},
	{
		name: "an interface that Windows does not have", tool: xorriso, label: "cidata", windows: true,
		files: map[string]string{"autounattend.xml": answerFile(strings.Replace(goodInterface, "AA-01", "AA-02", 1), "")},
		check: func(t *testing.T, os *hyperv.GuestOS, _ map[string]string) {
			if os == nil || len(os.Addresses) != 0 || os.HostName != "WEB-01" {
				t.Errorf("guest %+v", os)
			}
		},
	},
	{name: "an answer file that is no XML", tool: xorriso, label: "cidata", windows: true, files: map[string]string{"Autounattend.xml": "<unattend>"}, check: stopped("unattend")},
	{
		name: "cloudbase-init without an answer file", tool: xorriso, label: "cidata", windows: true,
		files: map[string]string{"meta-data": metaData, "user-data": "#cloud-config\nusers: [{\"name\": \"ops\", \"passwd\": \"lab\", \"groups\": [\"Administrators\"]}]\nruncmd: [first, second]\n"},
		check: func(t *testing.T, os *hyperv.GuestOS, _ map[string]string) {
			want := []hyperv.Account{{Name: "ops", Password: "text", Keys: []string{}, Admin: true}}
			if os == nil || os.HostName != "from-meta" || fmt.Sprint(os.Accounts) != fmt.Sprint(want) || !slices.Equal(os.Commands, []string{"first", "second"}) {
				t.Errorf("guest %+v", os)
			}
		},
	},
	{
		name: "elements in another order", tool: xorriso, label: "cidata", windows: true,
		files: map[string]string{"Autounattend.xml": answerFile(`<UnicastIpAddresses><IpAddress>192.0.2.78/24</IpAddress></UnicastIpAddresses><Identifier>00-15-5D-00-AA-01</Identifier>`, "")},
		check: stopped("Identifier"),
	},
	{
		name: "a component in another pass", tool: xorriso, label: "cidata", windows: true,
		files: map[string]string{"Autounattend.xml": strings.ReplaceAll(answerFile(goodInterface, ""), "specialize", "oobeSystem")}, check: stopped("TCPIP"),
	},
	{
		name: "an empty setting", tool: xorriso, label: "cidata", windows: true,
		files: map[string]string{"Autounattend.xml": answerFile(goodInterface, component("DNS-Client", "<DNSDomain></DNSDomain>"))}, check: stopped("DNSDomain"),
	},
	{
		name: "a computer name of 16 characters", tool: xorriso, label: "cidata", windows: true,
		files: map[string]string{"Autounattend.xml": strings.Replace(answerFile(goodInterface, ""), "WEB-01", "A123456789012345", 1)}, check: stopped("ComputerName"),
	},
}

// configured checks a Linux guest that applied the seed.
func configured(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
	if os == nil {
		t.Fatal("the guest read no medium")
	}
	accounts := []hyperv.Account{
		{Name: "ops", Password: "hash", Keys: []string{"ssh-ed25519 AAAA"}, Admin: true}, {Name: "locked", Password: "locked", Keys: []string{}}, {Name: "plain", Password: "text", Keys: []string{}},
	}
	if !os.Booted || os.InstanceID != "i-1" || os.HostName != "web-01" || os.Domain != "lab.example" || os.TimeZone != "Europe/Berlin" || os.Problem != "" ||
		fmt.Sprint(os.Accounts) != fmt.Sprint(accounts) || !slices.Equal(os.Addresses[guestMAC], []string{"192.0.2.77/24", "2001:db8::7/64"}) ||
		!slices.Equal(os.DNSServers, []string{"192.0.2.53"}) || !slices.Equal(os.Commands, []string{"package nginx", "echo ours"}) {
		t.Errorf("guest %+v", os)
	}
	if pairs["hypervvm.setup"] != "done" || pairs["FullyQualifiedDomainName"] != "web-01.lab.example" || !strings.Contains(pairs["NetworkAddressIPv4"], "192.0.2.77") ||
		!strings.Contains(pairs["NetworkAddressIPv6"], "2001:db8::7") {
		t.Errorf("host reads %v", pairs)
	}
	for _, event := range []string{"|start|init-network/config-users_groups|", "|finish|modules-final|"} {
		if !strings.Contains(strings.Join(slices.Collect(maps.Keys(pairs)), " "), event) {
			t.Errorf("no event %s in %v", event, pairs)
		}
	}
}

// ignored checks a guest that read no medium.
func ignored(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
	if os != nil || pairs["hypervvm.setup"] != "" {
		t.Errorf("guest %+v, host reads %v", os, pairs)
	}
}

// refused returns a check of a guest that runs without its medium.
func refused(why string) func(*testing.T, *hyperv.GuestOS, map[string]string) {
	return func(t *testing.T, os *hyperv.GuestOS, _ map[string]string) {
		if os == nil || !os.Booted || os.Medium != "" || !strings.Contains(os.Problem, why) {
			t.Errorf("guest %+v, want %q", os, why)
		}
	}
}

// stopped returns a check of a guest that Setup does not let boot.
func stopped(why string) func(*testing.T, *hyperv.GuestOS, map[string]string) {
	return func(t *testing.T, os *hyperv.GuestOS, pairs map[string]string) {
		if os == nil || os.Booted || !strings.Contains(os.Problem, why) || len(pairs) != 0 {
			t.Errorf("guest %+v, want %q; host reads %v", os, why, pairs)
		}
	}
}

const runGuests = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name 'Hyper-V', 'CimCmdlets'
$seen = [ordered]@{}
foreach ($file in [System.IO.File]::ReadAllLines([System.IO.Path]::Combine($PSScriptRoot, 'states'))) {
    $env:HYPERVVM_STANDIN_STATE = $file
    $vm = @(Get-VM)[0]
    $items = @()
    foreach ($boot in 1, 2) {
        Start-VM -VM $vm
        $component = @(Get-CimInstance -Namespace 'root\virtualization\v2' -ClassName 'Msvm_KvpExchangeComponent' -Filter "SystemName = '$($vm.Id)'")
        if ($boot -eq 1) { $items = @(@($component[0].GuestExchangeItems) + @($component[0].GuestIntrinsicExchangeItems) | Where-Object -FilterScript { $_ }) }
        if ($boot -eq 1) { [System.IO.File]::Copy($file, "$file.first") }
        Stop-VM -VM $vm -TurnOff -Force
    }
    $off = @(Get-CimInstance -Namespace 'root/virtualization/v2' -Query "SELECT SystemName, GuestExchangeItems FROM Msvm_KvpExchangeComponent WHERE SystemName = '$($vm.Id)'")
    if ($off.Count -ne 1 -or $null -ne $off[0].GuestExchangeItems) { throw 'a virtual machine that is off has items' }
    $seen[$file] = [object[]]$items
}
[System.Console]::WriteLine((ConvertTo-Json -InputObject $seen -Depth 5 -Compress))
`

// TestGuestsReadMedia starts guests with media that other programs than the agent wrote, all in one engine process.
func TestGuestsReadMedia(t *testing.T) {
	t.Parallel()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH is not set to a PowerShell that can run the stand-in")
	}
	for _, tool := range []string{"genisoimage", "xorriso"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no program writes the media: install %s", tool)
		}
	}
	dir := t.TempDir()
	if err := standin.WriteModules(filepath.Join(dir, "modules")); err != nil {
		t.Fatal(err)
	}
	var states []string
	for n, c := range guestCases {
		states = append(states, c.prepare(t, filepath.Join(dir, fmt.Sprint(n))))
	}
	script := filepath.Join(dir, "guests.ps1")
	writeFile(t, script, runGuests)
	writeFile(t, filepath.Join(dir, "states"), strings.Join(states, "\n"))
	cmd := exec.Command(pwsh, "-NoProfile", "-NonInteractive", "-File", script)
	cmd.Env = append(os.Environ(), standin.Environment(pwsh, filepath.Join(dir, "modules"), states[0], dir, filepath.Join(dir, "workers"))...)
	cmd.Env = append(cmd.Env, "HOME="+dir)
	raw, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	var seen map[string][]string
	if err := json.Unmarshal(raw, &seen); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	for n, c := range guestCases {
		t.Run(c.name, func(t *testing.T) {
			first, second := readGuest(t, states[n]+".first"), readGuest(t, states[n])
			c.check(t, first, readPairs(t, seen[states[n]]))
			if c.guest.ReportEvery == 0 && fmt.Sprintf("%+v", first) != fmt.Sprintf("%+v", second) {
				t.Errorf("after the second boot the guest is %+v, was %+v", second, first)
			}
		})
	}
}

// prepare writes the medium and the host of a case, and returns its state file.
func (c guestCase) prepare(t *testing.T, dir string) string {
	t.Helper()
	files := filepath.Join(dir, "files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range c.files {
		writeFile(t, filepath.Join(files, name), text)
	}
	medium := filepath.Join(dir, "medium.iso")
	args := append(slices.Clone(c.tool[1:]), "-V", c.label, "-o", medium, files)
	if out, err := exec.Command(c.tool[0], args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", c.tool[0], err, out)
	}
	store, err := hyperv.Open(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(func(s *hyperv.State) error {
		image := hyperv.SeedImages[0]
		if c.windows {
			image = hyperv.SeedImages[1]
		}
		s.Behaviour.Guest = c.guest
		s.VMs = []hyperv.VM{{
			ID: uuid.NewString(), Name: "guest", State: "Off", Generation: 2, MemoryStartupBytes: 1 << 30, Path: dir,
			Adapters: []hyperv.Adapter{{Name: "Network Adapter", SwitchName: "External", MACAddress: guestMAC, VLANMode: "Untagged"}},
			Drives:   []hyperv.Drive{{ControllerType: "SCSI", Path: filepath.Join(s.Host.VirtualHardDiskPath, "Images", image+".vhdx")}},
			DVDs:     []hyperv.DVD{{ControllerType: "SCSI", ControllerLocation: 1, Path: medium}},
		}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return store.Path()
}

func readGuest(t *testing.T, path string) *hyperv.GuestOS {
	t.Helper()
	raw, err := os.ReadFile(path)
	var state hyperv.State
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state.VMs[0].Guest
}

// readPairs returns the names and data of instances of Msvm_KvpExchangeDataItem.
func readPairs(t *testing.T, items []string) map[string]string {
	t.Helper()
	pairs := map[string]string{}
	for _, item := range items {
		var instance struct {
			Properties []struct {
				Name  string `xml:"NAME,attr"`
				Value string `xml:"VALUE"`
			} `xml:"PROPERTY"`
		}
		if err := xml.Unmarshal([]byte(item), &instance); err != nil {
			t.Fatalf("%v: %s", err, item)
		}
		var name, data string
		for _, p := range instance.Properties {
			switch p.Name {
			case "Name":
				name = p.Value
			case "Data":
				data = p.Value
			}
		}
		pairs[name] = data
	}
	return pairs
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
