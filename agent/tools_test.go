// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

// checkResult is the output of Test-HypervvmHost.ps1 with -Json.
type checkResult struct {
	*fixture
	status map[string]string // of each check by its name
	output string
	code   int
}

// checkHost runs Test-HypervvmHost.ps1 on the simulated host. The text before is run first, in the same process.
func (f *fixture) checkHost(before string, args ...string) checkResult {
	f.Helper()
	file := filepath.Join(f.dir, "Test-HypervvmHost.ps1")
	f.must(os.WriteFile(file, agent.HostCheckScript(), 0o600))
	data, workers := filepath.Join(f.dir, "ProgramData"), filepath.Join(f.dir, "workers")
	f.must(os.MkdirAll(data, 0o700))
	f.Cleanup(func() { f.must(standin.KillWorkers(workers)) })
	script := fmt.Sprintf("%s; & '%s' -Json %s; exit $LASTEXITCODE", before, file, strings.Join(args, " "))
	cmd := exec.Command(f.pwsh, "-NoProfile", "-NonInteractive", "-Command", script)
	cmd.Env = append(os.Environ(), standin.Environment(f.pwsh, filepath.Join(f.dir, "modules"), f.store.Path(), data, workers)...)
	cmd.Env = append(cmd.Env, "HOME="+f.dir, "COMPUTERNAME=SIMHOST")
	cmd.Dir = f.dir
	raw, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		f.Fatal(err)
	}
	r := checkResult{fixture: f, status: map[string]string{}, output: string(raw), code: cmd.ProcessState.ExitCode()}
	complete := false
	for line := range strings.Lines(r.output) {
		var one struct{ Name, Status, Report, Remedy string }
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			f.Fatalf("not JSON: %v in\n%s", err, r.output)
		}
		if one.Name != "" {
			r.status[one.Name] = one.Status
		}
		if (one.Status == "fail" || one.Status == "warn") && one.Remedy == "" {
			f.Errorf("the finding has no remedy: %s", line)
		}
		complete = complete || one.Report != ""
	}
	if !complete && r.status["language-mode"] != "fail" {
		f.Errorf("the report has no summary:\n%s", r.output)
	}
	return r
}

// wantFindings checks that exactly these checks failed or warn, and the exit code that follows.
func (r checkResult) wantFindings(want map[string]string) {
	r.Helper()
	got := maps.Clone(r.status)
	maps.DeleteFunc(got, func(_, status string) bool { return status != "fail" && status != "warn" })
	code := 0
	if len(want) > 0 {
		code = 1
	}
	if !maps.Equal(got, want) || r.code != code {
		r.Errorf("exit code %d and findings\n%v, want exit code %d and\n%v, in\n%s", r.code, got, code, want, r.output)
	}
}

// wantStatus checks the status of some checks.
func (r checkResult) wantStatus(status string, names ...string) {
	r.Helper()
	for _, name := range names {
		if got := r.status[name]; got != status {
			r.Errorf("%s is %q, not %s, in\n%s", name, got, status, r.output)
		}
	}
}

// hostContent returns the simulated host and the names and sizes of its files, without what counts calls.
func (f *fixture) hostContent() string {
	f.Helper()
	state, err := f.store.Read()
	f.must(err)
	state.NextMAC, state.Behaviour = 0, hyperv.Behaviour{}
	text, err := json.MarshalIndent(state, "", " ")
	f.must(err)
	var files []string
	f.must(filepath.WalkDir(f.store.Path()+".d", func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil && !entry.IsDir() {
				path += fmt.Sprintf(" %d", info.Size())
			}
		}
		files = append(files, path)
		return err
	}))
	return string(text) + strings.Join(files, "\n")
}

// change changes the simulated host.
func (f *fixture) change(change func(*hyperv.State)) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error {
		change(s)
		return nil
	}))
}

// notHere are the checks whose result is unknown where Windows PowerShell does not run the script.
var notHere = []string{"powershell-edition"}

func TestAHealthyHostHasNoFindingAndStaysAsItWas(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := f.hostContent()
	r := f.checkHost("", "-Full")
	r.wantFindings(nil)
	for name, status := range r.status {
		if status != "pass" && !slices.Contains(notHere, name) {
			t.Errorf("%s is %s, in\n%s", name, status, r.output)
		}
	}
	if after := f.hostContent(); after != before {
		t.Errorf("the host changed from\n%s\nto\n%s", before, after)
	}
	state, err := f.store.Read()
	f.must(err)
	for name, word := range map[string]string{"folder": f.dir, "host": state.Host.Name, "account": "svc-terraform", "switch": "External"} {
		if strings.Contains(r.output, word) {
			t.Errorf("the report contains the name of the %s, in\n%s", name, r.output)
		}
	}
}

// fault is one thing that is wrong with a host: each is found under its name.
type fault struct {
	want   string // name of the check
	status string
	harm   func(s *hyperv.State, w *hyperv.Windows)
	args   string
}

// faults are grouped so that those of one group do not influence each other.
var faults = [][]fault{
	{
		{"winrm-service", "fail", func(_ *hyperv.State, w *hyperv.Windows) { w.Services["WinRM"] = "Stopped" }, ""},
		{"winrm-listener", "fail", func(_ *hyperv.State, w *hyperv.Windows) { w.WSMan["Listener"] = "" }, ""},
		{"winrm-remote-shell", "fail", func(_ *hyperv.State, w *hyperv.Windows) { w.WSMan["AllowRemoteShellAccess"] = "false" }, ""},
		{"shell-memory", "warn", func(_ *hyperv.State, w *hyperv.Windows) { w.WSMan["MaxMemoryPerShellMB"] = "150" }, ""},
		{"shell-count", "warn", func(_ *hyperv.State, w *hyperv.Windows) { w.WSMan["MaxShellsPerUser"] = "1" }, ""},
		{"shell-processes", "warn", func(_ *hyperv.State, w *hyperv.Windows) { w.WSMan["MaxProcessesPerShell"] = "2" }, ""},
		{"shell-idle-timeout", "warn", func(_ *hyperv.State, w *hyperv.Windows) { w.WSMan["IdleTimeout"] = "60000" }, ""},
		{"hyperv-service", "fail", func(_ *hyperv.State, w *hyperv.Windows) { w.Services["vmms"] = "Stopped" }, ""},
		{"execution-policy", "warn", func(_ *hyperv.State, w *hyperv.Windows) { w.ExecutionPolicy["MachinePolicy"] = "AllSigned" }, ""},
		{"asr-process-creation", "warn", func(_ *hyperv.State, w *hyperv.Windows) { w.ASR["D1E49AAC-8F56-4280-B9BA-992A6D77406C"] = 1 }, ""},
		{"windows-version", "fail", func(_ *hyperv.State, w *hyperv.Windows) {
			w.Registry[`SOFTWARE\Microsoft\Windows NT\CurrentVersion\CurrentBuildNumber`] = "9600"
		}, ""},
		{"powershell-version", "fail", func(_ *hyperv.State, w *hyperv.Windows) {
			w.Registry[`SOFTWARE\Microsoft\PowerShell\3\PowerShellEngine\PowerShellVersion`] = "4.0"
		}, ""},
		{"dotnet-version", "warn", func(_ *hyperv.State, w *hyperv.Windows) {
			w.Registry[`SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full\Release`] = 378389
		}, ""},
		// A filtered token: the integrity level of a member of Administrators is not high.
		{"account-token", "fail", func(_ *hyperv.State, w *hyperv.Windows) { w.Groups = []string{"S-1-5-32-544", "S-1-16-8192"} }, ""},
		{"account-groups", "fail", func(*hyperv.State, *hyperv.Windows) {}, ""},
		{"winrm-shell-right", "fail", func(*hyperv.State, *hyperv.Windows) {}, ""},
		{"virtual-switch", "warn", func(s *hyperv.State, _ *hyperv.Windows) { s.Switches = nil }, ""},
		{"image-path", "fail", func(*hyperv.State, *hyperv.Windows) {}, "-ImagePath '/nonexistent/images'"},
		{"vm-path-share", "fail", func(*hyperv.State, *hyperv.Windows) {}, `-VMPath '\\fs01.lab.example\vms'`},
	},
	{
		// By default only members of Administrators may open a shell: https://github.com/diyan/pywinrm/issues/336
		{"winrm-shell-right", "fail", func(_ *hyperv.State, w *hyperv.Windows) {
			w.Groups = []string{"S-1-5-32-578", "S-1-5-32-580", "S-1-16-8192"}
		}, ""},
		// A logon over the network needs Remote Enable: https://github.com/ansible-collections/ansible.windows/issues/770
		{"cimv2-remote-enable", "fail", func(s *hyperv.State, _ *hyperv.Windows) { s.Behaviour.Rights = &hyperv.Rights{CIMV2Denied: true} }, ""},
		{"cluster-access", "fail", func(s *hyperv.State, _ *hyperv.Windows) {
			s.Host.Cluster = "HV-CLUSTER"
			s.Behaviour.Calls["Get-Cluster"] = hyperv.Call{Fail: "You do not have administrative privileges on the cluster."}
		}, ""},
		{"vm-path", "fail", func(*hyperv.State, *hyperv.Windows) {}, "-VMPath '/nonexistent/vms'"},
		{"image-path-share", "fail", func(*hyperv.State, *hyperv.Windows) {}, `-ImagePath '\\fs01.lab.example\images'`},
	},
	{
		{"vm-path-space", "warn", func(s *hyperv.State, _ *hyperv.Windows) {
			s.Host.Cluster, s.Host.SharedVolumes = "HV-CLUSTER", []hyperv.SharedVolume{{Path: s.Host.VirtualHardDiskPath, SizeBytes: 100 << 30, FreeBytes: 1 << 30}}
		}, ""},
	},
	{
		{"cluster-vm-path", "warn", func(s *hyperv.State, _ *hyperv.Windows) { s.Host.Cluster = "HV-CLUSTER" }, ""},
	},
	{
		{"hyperv-access", "fail", func(s *hyperv.State, _ *hyperv.Windows) { s.Behaviour.Lost = "The RPC server is unavailable." }, ""},
	},
	{
		{"hyperv-access", "fail", func(s *hyperv.State, _ *hyperv.Windows) { s.Behaviour.Rights = &hyperv.Rights{HyperVDenied: true} }, ""},
		{"virtualization-namespace", "fail", func(*hyperv.State, *hyperv.Windows) {}, ""},
	},
}

func TestEachFaultOfAHostIsFoundByItsName(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	for i, group := range faults {
		t.Run(fmt.Sprintf("group %d", i+1), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			want, args := map[string]string{}, []string{}
			f.change(func(s *hyperv.State) {
				s.Behaviour.Windows = &hyperv.Windows{
					Services: map[string]string{}, Registry: map[string]any{}, WSMan: map[string]string{}, ExecutionPolicy: map[string]string{}, ASR: map[string]int{},
				}
				for _, one := range group {
					one.harm(s, s.Behaviour.Windows)
					want[one.want] = one.status
					args = append(args, one.args)
				}
			})
			f.checkHost("", args...).wantFindings(want)
		})
	}
}

func TestEachFaultOfHyperVIsFoundByTheNameOfItsStep(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	f := newFixture(t)
	before := f.hostContent()
	want := map[string]string{}
	f.change(func(s *hyperv.State) {
		for check, cmdlet := range map[string]string{
			"full-disk-fixed": "Resize-VHD", "full-processor": "Set-VMProcessor", "full-memory": "Set-VMMemory", "full-settings": "Set-VM",
			"full-tpm": "Enable-VMTPM", "full-adapter": "Set-VMNetworkAdapterVlan", "full-media": "Set-VMDvdDrive", "full-rename": "Rename-VM",
			"full-pause": "Suspend-VM", "full-checkpoint": "Remove-VMSnapshot", "full-process": "Invoke-CimMethod", "full-running-adapter": "Remove-VMNetworkAdapter",
		} {
			s.Behaviour.Calls[cmdlet] = hyperv.Call{Fail: "injected by the test"}
			want[check] = "fail"
		}
	})
	// Resize-VHD is called by two other steps, and the other adapter depends on the first one.
	delete(want, "full-disk-fixed")
	want["full-disk-expand"], want["full-running-disk"] = "fail", "fail"
	// Changes that a running virtual machine accepts use Set-VM.
	want["fact-running-notes"], want["fact-running-start-action"], want["fact-running-checkpoint-type"] = "warn", "warn", "warn"
	f.change(func(s *hyperv.State) { s.Behaviour.Start = &hyperv.Start{Create: 2, Task: "Access is denied."} })
	want["full-process"], want["full-task"] = "fail", "fail"
	f.checkHost("", "-Full").wantFindings(want)
	if after := f.hostContent(); after != before {
		t.Errorf("the host changed from\n%s\nto\n%s", before, after)
	}
}

func TestAnUnexpectedAnswerOfHyperVIsReported(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f := newFixture(t)
	f.change(func(s *hyperv.State) {
		s.Behaviour.Facts = &hyperv.Facts{Variants: map[string]string{"missing_by_id": "not_specified", "key_protector_output": "bytes"}}
		// Another process has a new disk open for a while: https://github.com/taliesins/terraform-provider-hyperv/issues/121
		s.Behaviour.Locks = &hyperv.Locks{Disks: []hyperv.BusyDisk{{Cmdlet: "Get-VHD", Path: "*", BusyFor: 2}, {Cmdlet: "Resize-VHD", Path: "*", BusyFor: 1}}}
	})
	r := f.checkHost("", "-Full")
	r.wantFindings(map[string]string{"fact-get-vm-missing-id": "warn"})
	r.wantStatus("pass", "fact-key-protector-objects", "fact-disk-in-use", "full-disk", "full-disk-expand")
}

func TestTheRoleInTheClusterIsRemoved(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	f.change(func(s *hyperv.State) {
		s.Host.Cluster, s.Host.SharedVolumes = "HV-CLUSTER", []hyperv.SharedVolume{{Path: s.Host.VirtualHardDiskPath, SizeBytes: 100 << 30}}
	})
	before := f.hostContent()
	r := f.checkHost("", "-Full", "-Cluster", "-SkipTpm")
	r.wantFindings(nil)
	r.wantStatus("pass", "cluster-access", "cluster-vm-path", "full-cluster")
	r.wantStatus("skip", "full-tpm")
	f.change(func(s *hyperv.State) {
		s.Behaviour.Calls["Remove-ClusterGroup"] = hyperv.Call{Fail: "injected", Times: 1}
	})
	f.checkHost("", "-Full", "-Cluster", "-SkipTpm").wantFindings(map[string]string{"full-cluster": "fail"})
	if after := f.hostContent(); after != before {
		t.Errorf("the host changed from\n%s\nto\n%s", before, after)
	}
	if strings.Contains(r.output, "HV-CLUSTER") {
		t.Errorf("the report contains the name of the cluster:\n%s", r.output)
	}
}

func TestWhatAnEarlierStepCreatedIsRemovedAfterAFailure(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	for name, test := range map[string]struct {
		calls map[string]hyperv.Call
		want  map[string]string
	}{
		"the virtual machine is not created": {map[string]hyperv.Call{"New-VM": {Fail: "injected"}}, map[string]string{"full-create": "fail"}},
		"it does not start":                  {map[string]hyperv.Call{"Start-VM": {Fail: "injected"}}, map[string]string{"full-start": "fail"}},
		"it does not stop and is removed at the third attempt": {
			map[string]hyperv.Call{"Stop-VM": {Fail: "injected", Times: 2}, "Remove-VM": {Fail: "injected", Times: 1}}, map[string]string{"full-stop": "fail"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			before := f.hostContent()
			f.change(func(s *hyperv.State) { maps.Copy(s.Behaviour.Calls, test.calls) })
			f.checkHost("", "-Full", "-SkipTpm").wantFindings(test.want)
			if after := f.hostContent(); after != before {
				t.Errorf("the host changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

func TestWhatCannotBeRemovedIsReported(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newFixture(t)
	f.change(func(s *hyperv.State) { s.Behaviour.Calls["Remove-VM"] = hyperv.Call{Fail: "injected"} })
	r := f.checkHost("", "-Full", "-SkipTpm")
	r.wantFindings(map[string]string{"full-cleanup": "fail"})
	f.change(func(s *hyperv.State) { delete(s.Behaviour.Calls, "Remove-VM") })
	r = f.checkHost("", "-Full", "-SkipTpm")
	r.wantFindings(map[string]string{"full-leftovers": "warn"})
}

func TestACommandThatDoesNotExistMakesAResultUnknown(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	f.change(func(s *hyperv.State) {
		s.Behaviour.Windows = &hyperv.Windows{Missing: []string{"Get-MpPreference", "Get-ExecutionPolicy", "whoami.exe"}, Denied: []string{"Get-WSManInstance", "Get-Service"}}
	})
	r := f.checkHost("")
	// Processes show whether the service runs, and this computer has none of its name.
	r.wantFindings(map[string]string{"hyperv-service": "fail"})
	r.wantStatus("pass", "cluster-membership")
	if !strings.Contains(r.output, "may not read this") {
		t.Errorf("the reasons are missing:\n%s", r.output)
	}
	r.wantStatus("unknown", "winrm-service", "asr-process-creation", "execution-policy", "account-token", "account-groups", "winrm-listener", "winrm-shell-right", "winrm-remote-shell")
	r = f.checkHost("", "-OverWinRM")
	r.wantStatus("pass", "winrm-service", "winrm-listener", "winrm-shell-right", "winrm-remote-shell")
	if !strings.Contains(r.output, "does not have the command Get-MpPreference") {
		t.Errorf("the reasons are missing:\n%s", r.output)
	}
}

func TestALanguageModeWithoutDotNetIsReported(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.checkHost("$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'").wantFindings(map[string]string{"language-mode": "fail"})
}
