// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// runCommand runs the command with an environment and returns its exit code and output.
func runCommand(t *testing.T, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, getenv: func(name string) string { return env[name] }}
	code = c.run(t.Context(), args)
	return code, out.String(), errs.String()
}

func TestScriptCheckPrintsOneScript(t *testing.T) {
	t.Parallel()
	code, out, _ := runCommand(t, nil, "", "script", "check")
	if code != exitOK || out != string(agent.HostCheckScript()) {
		t.Errorf("exit code %d, %d bytes", code, len(out))
	}
	for _, want := range []string{".SYNOPSIS", "function Test-CheckWinRM", "Test-CheckStep -VMPath"} {
		if !strings.Contains(out, want) {
			t.Errorf("the script lacks %q", want)
		}
	}
	if strings.Contains(out, "PSScriptRoot") {
		t.Error("the script refers to other files")
	}
}

func TestInvalidCommandLines(t *testing.T) {
	t.Parallel()
	account := map[string]string{"HYPERVVM_HOST": "hv01.lab.example", "HYPERVVM_USERNAME": "svc", "HYPERVVM_PASSWORD": "pw"}
	for _, test := range []struct {
		env  map[string]string
		args string
		want string
	}{
		{nil, "", "no command"},
		{nil, "nothing", `unknown command "nothing"`},
		{nil, "script", "expects the name"},
		{nil, "script nothing", `unknown script "nothing"`},
		{nil, "doctor", "set -host or HYPERVVM_HOST"},
		{nil, "doctor -host hv01.lab.example", "missing the account: set -username or HYPERVVM_USERNAME; missing the password: set HYPERVVM_PASSWORD"},
		{nil, "doctor -nothing", "flag provided but not defined"},
		{account, "doctor more", `unknown argument "more"`},
		{account, "doctor -port x", `port "x" is not a number`},
		{account, "doctor -use-tls maybe", `use-tls "maybe" is not a boolean`},
		{account, "doctor -insecure maybe", `insecure "maybe" is not a boolean`},
		{account, "doctor -auth digest", `"digest" is not a supported`},
		{account, "doctor -ca-cert /nonexistent.pem", "no such file"},
		{account, "doctor -password-stdin", "the first line of standard input is empty"},
	} {
		code, out, errs := runCommand(t, test.env, "", strings.Fields(test.args)...)
		if code != exitFailed || out != "" || !strings.Contains(errs, test.want) {
			t.Errorf("%q: exit code %d, %q, %q", test.args, code, out, errs)
		}
	}
	for _, args := range [][]string{{"-h"}, {"doctor", "-h"}} {
		if code, out, errs := runCommand(t, nil, "", args...); code != exitOK || !strings.Contains(out, "Usage:") || errs != "" {
			t.Errorf("%q: exit code %d, %q, %q", args, code, out, errs)
		}
	}
}

// host is a simulated host and the environment variables that connect to it.
func host(t *testing.T, options simhost.Options) (*simhost.Server, map[string]string) {
	t.Helper()
	server, err := simhost.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, map[string]string{
		"HYPERVVM_HOST": server.Address(), "HYPERVVM_PORT": strconv.Itoa(server.Port()), "HYPERVVM_CA_CERT": string(server.CACertPEM()),
		"HYPERVVM_USERNAME": server.Username(), "HYPERVVM_PASSWORD": server.Password(),
	}
}

// powerShell returns the PowerShell that runs scripts on a simulated host, or skips the test.
func powerShell(t *testing.T) string {
	t.Helper()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH is not set to a PowerShell that can run the script")
	}
	return pwsh
}

func TestDoctorChecksAHost(t *testing.T) {
	t.Parallel()
	server, env := host(t, simhost.Options{PowerShell: powerShell(t), StateFile: filepath.Join(t.TempDir(), "state.json")})
	code, out, errs := runCommand(t, env, "", "doctor", "-full")
	t.Log(out)
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d, errors:\n%s", code, errs)
	}
	for _, want := range []string{"pass     winrm-shell-right: ", "pass     full-cleanup: ", "0 failed, 0 warnings", "agent " + agent.Version} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for name, word := range map[string]string{"the path of the state": filepath.Dir(server.StateFile()), "the password": server.Password(), "the host": "SIMHOST", "the account": server.Username()} {
		if strings.Contains(strings.ReplaceAll(out, "Administrators", ""), word) {
			t.Errorf("the report contains %s", name)
		}
	}
}

func TestDoctorReportsFindings(t *testing.T) {
	t.Parallel()
	server, env := host(t, simhost.Options{PowerShell: powerShell(t)})
	err := server.Store().Update(func(s *hyperv.State) error {
		s.Behaviour.Windows = &hyperv.Windows{Services: map[string]string{"vmms": "Stopped"}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	password := env["HYPERVVM_PASSWORD"]
	delete(env, "HYPERVVM_PASSWORD")
	code, out, errs := runCommand(t, env, password+"\n", "doctor", "-password-stdin", "-json")
	if code != exitFindings || errs != "" || !strings.Contains(out, `{"name":"hyperv-service","status":"fail"`) || !strings.Contains(out, `"fail":1`) {
		t.Errorf("exit code %d, %q:\n%s", code, errs, out)
	}
}

func TestALostResponseIsReported(t *testing.T) {
	t.Parallel()
	_, env := host(t, simhost.Options{PowerShell: powerShell(t), Faults: simhost.FaultsOn(simhost.ActionReceive, simhost.FaultDropAfter, 3)})
	code, out, errs := runCommand(t, env, "", "doctor")
	// The counts of the last line include what was lost.
	if code != exitOK || !strings.Contains(errs, "a response of the host was lost") || !strings.Contains(out, "0 failed, 0 warnings") {
		t.Errorf("exit code %d, %q in\n%s", code, errs, out)
	}
}

func TestDoctorExplainsAHostThatCannotRunTheCheck(t *testing.T) {
	t.Parallel()
	_, env := host(t, simhost.Options{Accounts: map[string]simhost.AccountState{"svc": {Password: "pw", RemoteManagementOnly: true}}})
	code, out, errs := runCommand(t, env, "", "doctor")
	if code != exitFailed || out != "" || !strings.Contains(errs, "cannot run this PowerShell command") {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	env["HYPERVVM_USERNAME"], env["HYPERVVM_PASSWORD"] = "svc", "pw"
	if code, _, errs := runCommand(t, env, "", "doctor"); code != exitFailed || !strings.Contains(errs, "RootSDDL") {
		t.Errorf("an account without the right to open a shell: exit code %d, %q", code, errs)
	}
	env["HYPERVVM_PASSWORD"] = "wrong"
	if code, _, errs := runCommand(t, env, "", "doctor"); code != exitFailed || !strings.Contains(errs, "start PowerShell on the host") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// callingWriter calls a function once, when it has received a text.
type callingWriter struct {
	bytes.Buffer
	at   string
	call func()
}

func (w *callingWriter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.call != nil && strings.Contains(w.String(), w.at) {
		w.call()
		w.call = nil
	}
	return n, err
}

func TestAnInterruptWaitsForTheRemovalOfTheVirtualMachine(t *testing.T) {
	t.Parallel()
	server, env := host(t, simhost.Options{PowerShell: powerShell(t)})
	for _, test := range []struct {
		at, want string
		args     []string
		code     int
	}{
		{"full-create: ", "waiting for the check to remove its virtual machine", []string{"doctor", "-full", "-skip-tpm"}, exitOK},
		{"windows-version: ", "the check did not finish", []string{"doctor"}, exitFailed},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		out, errs := &callingWriter{at: test.at, call: cancel}, &bytes.Buffer{}
		c := command{stdin: strings.NewReader(""), stdout: out, stderr: errs, getenv: func(name string) string { return env[name] }}
		code := c.run(ctx, test.args)
		cancel()
		state, err := server.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		if code != test.code || !strings.Contains(errs.String(), test.want) || len(state.VMs) > 0 {
			t.Errorf("%v: exit code %d, %d virtual machines, %q in\n%s", test.args, code, len(state.VMs), errs, out)
		}
		if n := server.Counters(); n.OpenShells != 0 {
			t.Errorf("%v: %d shells are open", test.args, n.OpenShells)
		}
	}
}

// TestTheLoaderHasNoSuspiciousWords looks for words that make Windows PowerShell log a script block as a warning.
func TestTheLoaderHasNoSuspiciousWords(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile(filepath.Join("..", "..", "..", "agent", "testdata", "suspicious_words.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(strings.ToLower(line)) {
			if strings.Contains(strings.ToLower(loader), word) {
				t.Errorf("the loader contains %q", word)
			}
		}
	}
	if len(protocol.CommandLine(loader)) > protocol.MaxCommandLine {
		t.Errorf("the command line of the loader has %d characters", len(protocol.CommandLine(loader)))
	}
}

// failingWriter fails after some bytes.
type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestTheReportSplitsLinesAnywhere(t *testing.T) {
	t.Parallel()
	text := "{\"name\":\"a\",\"status\":\"pass\",\"message\":\"m\\u003c\"}\r\nnoise\r\n{\"name\":\"b\",\"status\":\"fail\",\"message\":\"x\",\"remedy\":\"do\"}\r\n" +
		"{\"report\":\"1\",\"versions\":{\"windows\":\"w\",\"dotnet\":528449},\"pass\":1,\"fail\":1,\"warn\":0,\"skip\":0,\"unknown\":0}\r\n"
	for size := 1; size < len(text); size += 7 {
		var out bytes.Buffer
		r := &report{out: &out}
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			r.write([]byte(rest[:min(size, len(rest))]))
		}
		code, err := r.end()
		want := "pass     a: m<\nfail     b: x\n         remedy: do\n\n1 failed, 0 warnings, 1 passed, 0 unknown, 0 skipped\nagent " +
			agent.Version + "; check 1; dotnet 528449; windows w\n"
		if code != exitFindings || err != nil || out.String() != want || r.lastErrors().Error() != "noise" {
			t.Fatalf("in pieces of %d: exit code %d, %v, %q", size, code, err, out.String())
		}
	}
	r := &report{out: &failingWriter{left: 10}}
	r.write([]byte(text))
	if _, err := r.end(); err == nil {
		t.Error("a failed write is not reported")
	}
}
