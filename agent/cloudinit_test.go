// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
)

// seedScript writes the image of each guest in a file of JSON, as the agent does.
const seedScript = `
$ErrorActionPreference = 'Stop'
. '%agent%'
function ConvertTo-Table { # of what the agent's JSON reader returns
    param($Value)
    if ($Value -is [System.Management.Automation.PSCustomObject]) {
        $table = [ordered]@{}
        foreach ($name in @(Get-AgentPropertyName -Value $Value)) { $table[$name] = ConvertTo-Table -Value (Get-AgentProperty -Value $Value -Name $name) }
        return $table
    }
    if ($Value -is [System.Collections.IList]) { return , [object[]]@(foreach ($item in $Value) { ConvertTo-Table -Value $item }) }
    return $Value
}
$guests = ConvertTo-Table -Value (ConvertFrom-AgentJson -Text ([System.IO.File]::ReadAllText('%folder%/guests.json')))
foreach ($name in $guests.Keys) {
    $files = New-LinuxSeed -Guest $guests[$name] -InstanceId "00000000-0000-4000-8000-$($name.Substring(0, 2).PadLeft(12, '0'))"
    [System.IO.File]::WriteAllBytes("%folder%/$name.iso", (New-IsoImage -Label 'cidata' -Files $files))
}
`

type guestTable = map[string]any

// linuxGuest is a set of guest settings, and what a system that cloud-init has set up from its seed must have.
type linuxGuest struct {
	name     string // starts with a number of two digits
	settings guestTable
	renderer string            // of the network configuration; empty: eni (ifupdown)
	boots    int               // 0: 1
	password map[string]string // by account; empty: the account has none, and none is accepted
	want     map[string][]string
	lacks    map[string][]string
}

const (
	macText, secondMACText = "00:15:5d:01:02:03", "00:15:5d:01:02:04"
	opsKey                 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA0aTGPlDDWYQ8Z4DtC5nPnrsdTwMlqMr5VvOmQAkDmp ops@lab.example"
	ansibleKey             = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJjjXRVDvbZXQJmmzXPLNgYQ0bBhQcMx1DKZnAzA5hkc ansible@lab.example"
)

func adapters(settings ...guestTable) []guestTable {
	for i, mac := range []string{"00155D010203", "00155D010204"}[:len(settings)] {
		settings[i] = maps.Clone(settings[i])
		settings[i]["Mac"] = mac
	}
	return settings
}

// linuxGuests are the definitions of TestCloudInitSetsUpTheGuest.
func linuxGuests() []linuxGuest {
	type files = map[string][]string
	static4 := guestTable{"Addresses": []string{"192.0.2.50/24"}, "Gateways": []string{"192.0.2.1"}, "DnsServers": []string{"192.0.2.53", "192.0.2.54"}}
	both := guestTable{
		"Addresses": []string{"192.0.2.50/24", "2001:db8::50/64"}, "Gateways": []string{"192.0.2.1", "2001:db8::1"},
		"DnsServers": []string{"192.0.2.53", "2001:db8::53"},
	}
	return []linuxGuest{
		{
			name: "01-name", settings: guestTable{"HostName": "web-01"},
			want: files{"hostname": {"web-01\n"}, "hosts": {"127.0.1.1 web-01"}},
		},
		{
			name: "02-administrator", boots: 2,
			settings: guestTable{"HostName": "web-02", "DnsSuffix": "lab.example", "AdminUser": "ops", "AdminPassword": "pä\"s\\ w$ 'x", "SshKeys": []string{opsKey}},
			password: map[string]string{"ops": "pä\"s\\ w$ 'x"},
			want:     files{"hosts": {"web-02.lab.example web-02"}, "keys-ops": {opsKey}, "sudoers": {"ops ALL=(ALL:ALL) ALL\n"}, "sshd_config": {"PasswordAuthentication no"}},
			lacks:    files{"sudoers": {"NOPASSWD"}},
		},
		{
			name:     "03-password-only",
			settings: guestTable{"HostName": "web-03", "AdminUser": "ops", "AdminPassword": "Corr3ct horse"},
			password: map[string]string{"ops": "Corr3ct horse"},
			want:     files{"sshd_config": {"PasswordAuthentication yes"}},
		},
		{
			name:     "04-root",
			settings: guestTable{"HostName": "web-04", "AdminUser": "root", "AdminPassword": "r00t-s3cret", "SshKeys": []string{opsKey}},
			password: map[string]string{"root": "r00t-s3cret"},
			want:     files{"keys-root": {opsKey}},
			lacks:    files{"keys-root": {"Please login as"}, "sudoers": {"root"}},
		},
		{
			name:     "05-account-of-the-image",
			settings: guestTable{"HostName": "web-05", "AdminUser": "present", "AdminPassword": "Imag3 account", "SshKeys": []string{opsKey}},
			password: map[string]string{"present": "Imag3 account"},
			want:     files{"keys-present": {opsKey}, "sudoers": {"present ALL=(ALL:ALL) ALL\n"}},
		},
		{
			name: "06-ansible",
			settings: guestTable{
				"HostName": "web-06", "AdminUser": "ops", "AdminPassword": "s", "AnsibleUser": "ansible", "AnsibleKey": ansibleKey + "\n",
			},
			password: map[string]string{"ops": "s", "ansible": ""},
			want:     files{"keys-ansible": {ansibleKey}, "sudoers": {"ansible ALL=(ALL) NOPASSWD:ALL\n", "ops ALL=(ALL:ALL) ALL\n"}},
		},
		{
			name:     "07-static",
			settings: guestTable{"HostName": "web-07", "DnsSuffix": "lab.example", "Adapters": adapters(static4)},
			want: files{"network": {
				"iface eth0 inet static\n", "address 192.0.2.50/24\n", "gateway 192.0.2.1\n", "dns-nameservers 192.0.2.53 192.0.2.54\n", "dns-search lab.example\n",
			}},
		},
		{
			name: "08-static-netplan", renderer: "netplan",
			settings: guestTable{"HostName": "web-08", "DnsSuffix": "lab.example", "Adapters": adapters(static4)},
			want: files{"network": {
				"eth0:", "macaddress: " + macText, "set-name: eth0", "- 192.0.2.50/24", "192.0.2.1", "- 192.0.2.53", "- 192.0.2.54", "- lab.example",
			}},
			lacks: files{"network": {"dhcp4: true"}},
		},
		{
			name: "09-both-families", settings: guestTable{"HostName": "web-09", "Adapters": adapters(both)},
			want: files{"network": {
				"iface eth0 inet static\n", "address 192.0.2.50/24\n", "gateway 192.0.2.1\n", "iface eth0 inet6 static\n", "address 2001:db8::50/64\n", "gateway 2001:db8::1\n",
				"192.0.2.53", "2001:db8::53",
			}},
		},
		{
			name: "10-two-adapters-netplan", renderer: "netplan", settings: guestTable{"HostName": "web-10", "Adapters": adapters(both, guestTable{})},
			want: files{"network": {
				"eth0:", "- 192.0.2.50/24", "- 2001:db8::50/64", "macaddress: " + macText, "eth1:", "macaddress: " + secondMACText, "dhcp4: true",
			}},
		},
		{
			name: "11-cloud-config", boots: 2,
			settings: guestTable{
				"HostName": "web-11", "AdminUser": "ops", "AdminPassword": "s", "TimeZone": "Europe/Berlin", "UserData": "#cloud-config\ntimezone: Asia/Tokyo\nusers: [{name: extra, lock_passwd: true}]\n" +
					"write_files: [{path: /etc/of-the-user, content: 'hällo'}]\nruncmd: [touch /etc/command-of-the-user]\n",
			},
			password: map[string]string{"ops": "s", "extra": ""},
			want:     files{"files1": {"/etc/of-the-user", "/etc/command-of-the-user"}, "localtime": {"/usr/share/zoneinfo/Asia/Tokyo\n"}},
		},
		{
			name: "12-script",
			settings: guestTable{
				"HostName": "web-12", "TimeZone": "Europe/Berlin", "Locale": "de_DE.UTF-8", "UserData": "#!/bin/sh\ntouch /etc/script-of-the-user\n",
				"Adapters": adapters(guestTable{"DnsServers": []string{"192.0.2.53"}}, static4),
			},
			want: files{
				"files1": {"/etc/script-of-the-user"}, "localtime": {"/usr/share/zoneinfo/Europe/Berlin\n"}, "locale": {"LANG=de_DE.UTF-8\n"},
				"network": {"iface eth0 inet dhcp", "iface eth1 inet static\n", "address 192.0.2.50/24\n"},
			},
		},
	}
}

// A real cloud-init sets up a system from the agent's image: names, accounts with passwords that work, keys, sudo, the network under ifupdown
// and netplan, time zone and locale. A second boot changes nothing. It cannot be tried here that cloud-init finds the image by its label.
func TestCloudInitSetsUpTheGuest(t *testing.T) {
	sample.Turn(t, 0, turns)
	needTools(t, "xorriso", "unshare", "apt-get", "chroot", "perl")
	if os.Getuid() != 0 {
		t.Skip("only root can mount the root of a system")
	}
	f := newFixture(t)
	// Overlays cannot be nested deeper than two, so that the folder must not be on one; a memory file system is none.
	if out, err := exec.Command("unshare", "--mount", "--net", "sh", "-ec", "mount -t tmpfs x /mnt; mkdir /mnt/u /mnt/w /mnt/m; mount -t overlay x -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m").CombinedOutput(); err != nil {
		t.Skipf("this machine does not allow an overlay of its root: %s", out)
	}
	var guests []linuxGuest
	for i, g := range linuxGuests() { // each takes some seconds
		if sample.Takes(i, 6) {
			guests = append(guests, g)
		}
	}
	t.Logf("%d of %d guests, by turns: HYPERVVM_TEST_FULL=1 runs all", len(guests), len(linuxGuests()))
	settings := guestTable{}
	for _, g := range guests {
		settings[g.name] = g.settings
	}
	text, err := json.Marshal(settings)
	f.must(err)
	f.write("guests.json", string(text))
	output, code := f.runScript(seedScript, "%folder%", f.dir)
	f.wantOutput(output, code, 0)
	if t.Failed() {
		return
	}
	for _, g := range guests {
		seed := filepath.Join(f.dir, "seeds", g.name)
		f.must(os.MkdirAll(seed, 0o700))
		out, err := exec.Command("xorriso", "-report_about", "SORRY", "-osirrox", "on", "-indev", filepath.Join(f.dir, g.name+".iso"), "-extract", "/", filepath.Join(seed, "files")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for name, value := range map[string]string{
			"renderer": cmp.Or(g.renderer, "eni"), "boots": fmt.Sprint(max(g.boots, 1)), "macs": macText + " " + secondMACText,
		} {
			f.must(os.WriteFile(filepath.Join(seed, name), []byte(value), 0o600))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", filepath.Join("testdata", "cloud-init.sh"), f.dir)
	cmd.WaitDelay = time.Minute
	if out, err := cmd.CombinedOutput(); err != nil {
		log, _ := os.ReadFile(filepath.Join(f.dir, "install.log"))
		if _, err := os.Stat(filepath.Join(f.dir, "results")); err != nil {
			t.Skipf("cloud-init cannot be installed: %s%s", out, log)
		}
		t.Errorf("%v\n%s", err, out)
	}
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) { g.check(t, filepath.Join(f.dir, "results", g.name)) })
	}
}

// check compares a system with what its definition asks for.
func (g linuxGuest) check(t *testing.T, results string) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(results, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
	for boot := range max(g.boots, 1) {
		var result struct {
			V1 struct {
				Datasource string
				Errors     []string
			}
		}
		if text := read(fmt.Sprintf("result%d.json", boot+1)); json.Unmarshal([]byte(text), &result) != nil || len(result.V1.Errors) > 0 || !strings.Contains(result.V1.Datasource, "NoCloud") {
			t.Errorf("boot %d ended with %s\n%s", boot+1, text, strings.Join(regexp.MustCompile(`(?m)^.*(WARNING|ERROR|Error|Traceback).*$`).FindAllString(read(fmt.Sprintf("boot%d.log", boot+1)), -1), "\n"))
		}
	}
	if g.boots == 2 {
		before := strings.Split(read("files1"), "\n")
		for line := range strings.Lines(read("files2")) {
			if !slices.Contains(before, strings.TrimSuffix(line, "\n")) {
				t.Errorf("the second boot changed %s", line)
			}
		}
	}
	if text := read("pool"); !strings.Contains(text, "hypervvm.setupdone") || strings.Count(text, "hypervvm.setup") != 1 {
		t.Errorf("the guest reports %q", text)
	}
	for name, parts := range g.want {
		for _, part := range parts {
			if text := read(name); !strings.Contains(text, part) {
				t.Errorf("%s lacks %q:\n%s", name, part, text)
			}
		}
	}
	for name, parts := range g.lacks {
		for _, part := range parts {
			if text := read(name); strings.Contains(text, part) {
				t.Errorf("%s contains %q:\n%s", name, part, text)
			}
		}
	}
	for account, password := range g.password {
		found := regexp.MustCompile(`(?m)^` + account + `:([^:]*):`).FindStringSubmatch(read("shadow"))
		switch {
		case found == nil:
			t.Errorf("no account %s", account)
		case password == "":
			if !strings.HasPrefix(found[1], "!") && found[1] != "*" {
				t.Errorf("the password of %s is not locked", account)
			}
		default:
			// crypt(3) of the C library hashes the password with the salt of the hash.
			cmd := exec.Command("perl", "-e", `my $p = <STDIN>; print crypt($p, $ARGV[0])`, found[1])
			cmd.Stdin = strings.NewReader(password)
			if hash, err := cmd.Output(); err != nil || string(hash) != found[1] || !strings.HasPrefix(found[1], "$6$") {
				t.Errorf("the password of %s is not accepted (%v)", account, err)
			}
		}
	}
	if text := read("schema"); !strings.Contains(text, "Valid") {
		t.Errorf("cloud-init does not accept the cloud-config: %s", text)
	}
}
