// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// guestJob returns a definition with settings of the guest.
func guestJob(family, fields string) string {
	image := map[string]string{"linux": "ubuntu-24.04", "windows": "windows-server-2022"}[family]
	return fmt.Sprintf(`{"schema": {"id": "vm-provisioning", "version": 2}, "operation": "provision", "fields": {
		"vm_name": "by-hand", "image_name": %q, "os_family": %q, "gb_ram": 2, "cpu_cores": 1, "guest_la_uid": "ops", "guest_la_pw": %q, %s}}`, image, family, secret, fields)
}

// media returns the ISO files below the fixture's folder, and the records of pending ones.
func (f *fixture) media() (found []string) {
	f.Helper()
	f.must(filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && !entry.IsDir() && (ext == ".iso" || ext == ".media") {
			found = append(found, path)
		}
		return err
	}))
	return found
}

// forms returns the secret in the forms in which a medium may have it: as text in two encodings, and as an answer file encodes it.
func forms() [][]byte {
	var wide []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	encoded := base64.StdEncoding.EncodeToString(wide[:len(wide)/3*3])
	return [][]byte{[]byte(secret), wide, []byte(encoded)}
}

// wantNoTrace looks for the secret in every file of the fixture, in each of its forms.
func (f *fixture) wantNoTrace() {
	f.Helper()
	f.must(filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) == "scripts" {
			return err
		}
		content, err := os.ReadFile(path)
		for _, form := range forms() {
			if bytes.Contains(content, form) {
				f.Errorf("%s contains the secret", path)
			}
		}
		return err
	}))
}

func TestAGuestIsSetUpAndItsMediumIsRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Guest.ReportEvery = 1
		s.Host.MACAddressMinimum, s.Host.MACAddressMaximum = "00155DAB0000", "00155DAB0003"
		s.VMs = append(s.VMs, hyperv.VM{ID: "b0000000-0000-4000-8000-000000000001", Name: "other", State: "Off", Generation: 2})
		for _, mac := range []string{"00155DAB0000", "00155DAB0001", "00155DAB0003"} {
			s.VMs[0].Adapters = append(s.VMs[0].Adapters, hyperv.Adapter{MACAddress: mac, VLANMode: "Untagged"})
		}
		return nil
	}))
	output, code := f.runJob(guestJob("linux", `"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1",
		"guest_v6_ipaddr": "2001:db8::50", "guest_v6_cidrprefix": 64, "guest_dns_servers": ["192.0.2.53"], "guest_net_dnssuffix": "lab.example",
		"guest_host_name": "web", "cnf_ansible_ssh_user": "ansible", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA", "guest_time_zone": "Europe/Berlin"`))
	f.wantOutput(output, code, 0, "static MAC address 00-15-5D-AB-00-02", "wait: "+f.message("guest_stage_accounts", nil), "wait: "+f.message("guest_setup_done", nil),
		"[9/9] eject: ", "succeeded: ")
	if left := f.media(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	f.wantNoTrace()
	if f.Failed() {
		return
	}
	vm := f.vms()[1]
	guest, _ := json.Marshal(vm.Guest)
	if g := vm.Guest; g == nil || g.HostName != "web" || g.InstanceID != vm.ID || g.TimeZone != "Europe/Berlin" || len(g.Accounts) != 2 || g.Accounts[0].Password != "hash" ||
		!slices.Equal(g.Addresses["00155DAB0002"], []string{"192.0.2.50/24", "2001:db8::50/64"}) {
		t.Errorf("the guest is %s", guest)
	}
	if len(vm.DVDs) != 0 || vm.Adapters[0].DynamicMAC || vm.FirstBoot != vm.Drives[0].Path {
		t.Errorf("the virtual machine is %+v", vm)
	}
	// The address is not one of the user's: the inventory does not report it as such.
	a, _ := f.inventory(vm.ID)
	if got := a.VMs[0]["static_mac_address"]; got != "" {
		t.Errorf("static_mac_address is %v", got)
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(vm.Drives[0].Path), "hypervvm.json"))
	f.must(err)
	if bytes.Contains(raw, []byte("guest-setup.iso")) {
		t.Errorf("the manifest lists the medium: %s", raw)
	}
}

func TestAGuestWithDHCPGetsDNSServers(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	output, code := f.runJob(guestJob("linux", `"guest_dns_servers": ["192.0.2.53", "2001:db8::53"]`))
	f.wantOutput(output, code, 0, "network adapter 'Network Adapter': static MAC address ", "succeeded: ")
	if f.Failed() {
		return
	}
	vm := f.vms()[0]
	guest, _ := json.Marshal(vm.Guest)
	if g := vm.Guest; g == nil || g.Problem != "" || len(g.Addresses) != 0 || !slices.Equal(g.DNSServers, []string{"192.0.2.53", "2001:db8::53"}) {
		t.Errorf("the guest is %s", guest)
	}
}

func TestAMediumThatNoJobAwaitsIsRemovedByTheNextSession(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Guest.ReportEvery = 1; return nil }))
	output, code := f.runJob(guestJob("windows", `"wait_for": "nothing", "guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": "join", "guest_domain_joinpw": "`+secret+`"`))
	f.wantOutput(output, code, 0, f.message("guest_media_kept", values{"hours": 24}))
	media := f.media()
	if len(media) != 2 {
		t.Fatalf("media: %v", media)
	}
	iso := media[slices.IndexFunc(media, func(path string) bool { return strings.HasSuffix(path, ".iso") })]
	t.Run("independent readers find the answer file", func(t *testing.T) {
		for _, command := range [][]string{{"bsdtar", "-xOf", iso, "Autounattend.xml"}, {"isoinfo", "-J", "-i", iso, "-x", "/Autounattend.xml"}} {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Logf("%s is not installed", command[0])
				continue
			}
			text, err := exec.Command(command[0], command[1:]...).Output()
			if err != nil || !bytes.Contains(text, []byte("<ComputerName>by-hand</ComputerName>")) || !bytes.Contains(text, forms()[2]) {
				t.Errorf("%s: %v\n%s", command[0], err, text)
			}
		}
	})
	clean := `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
Import-Module -Name Hyper-V
for ($i = 0; $i -lt 9; $i++) {
    Clear-GuestMedia
    if (-not [System.IO.File]::Exists('%iso%')) { [System.Console]::WriteLine("gone after $($i + 1)") }
}
`
	output, code = f.runScript(clean, "%iso%", iso)
	if lines := strings.Fields(output); code != 0 || len(lines) == 0 || strings.HasPrefix(output, "gone after 1") {
		t.Errorf("exit code %d: %s", code, output)
	}
	if left := f.media(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	f.wantNoTrace()
	vm := f.vms()[0]
	if len(vm.DVDs) != 0 {
		t.Errorf("DVD drives: %+v", vm.DVDs)
	}
	output, code = f.runJob(strings.Replace(guestJob("windows", `"guest_setup": "none"`), `"provision"`, `"delete"`, 1), "-VMId", vm.ID)
	f.wantOutput(output, code, 0, "removed folder")
	if strings.Contains(output, "guest-setup.iso") {
		t.Errorf("the medium is deleted twice:\n%s", output)
	}
}

func TestASetUpThatFailsFailsTheJobWithTheWordsOfTheGuest(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	for name, c := range map[string]struct {
		guest hyperv.Guest
		want  func(f *fixture) []string
	}{
		"the guest rejects a setting": {
			hyperv.Guest{Reject: "cannot set " + secret + "\x1b[31m " + strings.Repeat("x", 900)},
			func(f *fixture) []string {
				return []string{"failed: " + f.message("guest_setup_failed", values{"reason": "cannot set ****** [31m "}), strings.Repeat("x", 400) + "..."}
			},
		},
		"an image without the guest services": {
			hyperv.Guest{NoKVP: true}, func(*fixture) []string { return []string{"no key-value pairs: the image may lack"} },
		},
		"an image without cloud-init": {
			hyperv.Guest{NoSetup: true}, func(*fixture) []string {
				return []string{"system 'Linux', no report of the set-up: the image may lack cloud-init"}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Guest = c.guest; return nil }))
			output, code := f.runJob(guestJob("linux", `"wait_seconds": 1`))
			f.wantOutput(output, code, 1, append(c.want(f), "undo: removed virtual machine 'by-hand'")...)
			f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Guest = hyperv.Guest{}; return nil })) // it contained the secret
			if left := f.media(); len(left) > 0 || len(f.vms()) > 0 {
				t.Errorf("left: %v", left)
			}
			f.wantNoTrace()
		})
	}
}

// interruptScript runs jobs that end at a point: their worker dies, they are cancelled, or they fail. A repair follows, as the next session
// makes it. It writes what is left of each, and where the secret is while the medium exists.
const interruptScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
Import-Module -Name Hyper-V
$text = [System.IO.File]::ReadAllText('%definition%')
$realEnter = ${function:Enter-JobStep}
$realUndo = ${function:Undo-Job}
$realEnd = ${function:Complete-AgentJob}
$realWrite = ${function:Write-GuestMedia}
$at = @{ Step = ''; Mode = ''; Key = '' }
function Search-Secret {
    $latin = [System.Text.Encoding]::GetEncoding(28591)
    foreach ($file in [System.IO.Directory]::GetFiles('%dir%', '*', 'AllDirectories')) {
        if ($file -match 'guest-setup\.iso\z|/scripts/|/modules/') { continue }
        try { $content = $latin.GetString([System.IO.File]::ReadAllBytes($file)) } catch { continue } # locked, and empty
        foreach ($form in '%forms%'.Split(',')) {
            $bytes = [byte[]]@(for ($i = 0; $i -lt $form.Length; $i += 2) { [System.Convert]::ToByte($form.Substring($i, 2), 16) })
            if ($content.Contains($latin.GetString($bytes))) { [System.Console]::WriteLine("the secret is in $file") }
        }
    }
}
function Stop-Here {
    Search-Secret
    if ($at.Mode -eq 'cancel') { [System.IO.File]::WriteAllText((Get-JobFile -Key $at.Key -Name 'cancel'), '') } else { throw 'here' }
}
function Enter-JobStep {
    param($Context, $Job, $Name, $MessageId, $Values = @{})
    if ($Name -eq $at.Step) { Stop-Here }
    & $realEnter -Context $Context -Job $Job -Name $Name -MessageId $MessageId -Values $Values
}
function Write-GuestMedia {
    param($Path, $Image, $VMId)
    if ($at.Step -eq 'write') {
        [System.IO.File]::WriteAllBytes($Path, [byte[]]$Image[0..65535])
        Stop-Here
    }
    & $realWrite -Path $Path -Image $Image -VMId $VMId
}
function Undo-Job { param($Context, $Job) if ($at.Mode -ne 'die' -or $at.Step -eq '') { & $realUndo -Context $Context -Job $Job } }
function Complete-AgentJob { param($Context, $Job, $Failure) if ($at.Mode -ne 'die' -or $at.Step -eq '') { & $realEnd -Context $Context -Job $Job -Failure $Failure } }
Initialize-DataFolder
foreach ($point in '%points%'.Split(',')) {
    $at.Mode, $at.Step = $point.Split(':')
    $at.Key = [guid]::NewGuid().ToString()
    $job = New-AgentJob -Id $at.Key -Definition (Read-ProvisioningJobDefinition -InputObject @($text)) -SecretNames 'guest_la_pw', 'guest_domain_joinpw' -Settings $null
    (New-JobClaim -Key $at.Key).Dispose()
    $context = New-JobContext -Key $at.Key -Agent 'test'
    $context.Events = (Open-JobEvent -Key $at.Key).Stream
    Save-JobState -Context $context -Job $job
    Invoke-AgentJob -Context $context -Job $job
    $context.Events.Dispose()
    $at.Step = ''
    Invoke-AgentCleanup -Context (New-AgentContext -Token '' -Writer ([System.IO.TextWriter]::Null)) -Argument $null
    $left = @([System.IO.Directory]::GetFiles('%dir%', '*', 'AllDirectories') | Where-Object -FilterScript { $_ -match '\.(iso|media)\z|by-hand' })
    [System.Console]::WriteLine("$point left: $left; $(@(Get-VM).Count) virtual machines")
}
`

func TestNoMediumIsLeftWhereverAJobEnds(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	f := newFixture(t)
	f.must(os.Mkdir(filepath.Join(f.dir, "scripts"), 0o700))
	file := filepath.Join(f.dir, "scripts", "definition.json")
	f.must(os.WriteFile(file, []byte(guestJob("windows", `"guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": "join", "guest_domain_joinpw": "`+secret+`"`)), 0o600))
	points := []string{"die:write", "cancel:start", "die:eject", "fail:wait"}
	if full {
		points = nil
		for _, mode := range []string{"die", "cancel", "fail"} {
			for _, step := range []string{"vm", "disk", "firmware", "network", "guest_media", "write", "start", "wait", "eject"} {
				points = append(points, mode+":"+step)
			}
		}
	}
	var hexed []string
	for _, form := range forms() {
		hexed = append(hexed, hex.EncodeToString(form))
	}
	output, code := f.runScript(interruptScript, "%forms%", strings.Join(hexed, ","), "%definition%", file, "%dir%", f.dir, "%points%", strings.Join(points, ","))
	var want strings.Builder
	for _, point := range points {
		fmt.Fprintf(&want, "%s left: ; 0 virtual machines\n", point)
	}
	if code != 0 || strings.ReplaceAll(output, "\r", "") != want.String() {
		t.Errorf("exit code %d, got\n%swant\n%s", code, output, &want)
	}
	f.wantNoTrace()
}

// The pairs are those of events that Hyper-V wrote.
func TestTheAccountOfAVirtualMachineHasTheSIDOfItsGUID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(". '%agent%'\nGet-VMSid -VMId 'd9e0eb0a-5b37-508e-9173-67e9ade83acf'\nGet-VMSid -VMId 'AFF04EB7-A25D-40BD-A809-9325ADD90B37'\n")
	want := "S-1-5-83-1-3655396106-1351506743-3915871121-3476744365\nS-1-5-83-1-2951761591-1086169693-630393256-923523501"
	if got := strings.TrimSpace(strings.ReplaceAll(output, "\r", "")); code != 0 || got != want {
		t.Errorf("exit code %d, got\n%s\nwant\n%s", code, got, want)
	}
}
