// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestParse(t *testing.T) {
	t.Parallel()
	env := func(name string) string {
		return map[string]string{"HYPERVVM_PWSH": "/opt/pwsh", passwordVariable: "pw"}[name]
	}
	s, err := parse([]string{"-delay", "Start-VM=2s", "-fail", "Start-VM=not enough = memory", "-fail", "New-VM=x", "-hold", "Get-VM=/hold", "-http"}, env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.calls["Start-VM"]; got != (hyperv.Call{DelayMS: 2000, Fail: "not enough = memory"}) || s.calls["New-VM"].Fail != "x" || s.calls["Get-VM"].Hold != "/hold" {
		t.Errorf("calls %+v", s.calls)
	}
	if s.PowerShell != "/opt/pwsh" || s.Password != "pw" || !s.PlainHTTP || s.Addr != "127.0.0.1:5986" {
		t.Errorf("got %+v", s.Options)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = parse([]string{"-keytab", file, "-client-ca", file, "-client", "a@lab.example", "-username", "ops"}, env, io.Discard)
	if err != nil || string(s.Auth.Keytab) != "bytes" || string(s.Auth.ClientCAs) != "bytes" || s.Auth.ClientAccounts["a@lab.example"] != "ops" {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, args := range [][]string{{"-keytab", file + "x"}, {"-delay", "Start-VM"}, {"-delay", "=2s"}, {"-delay", "Start-VM=-2s"}, {"-fail", "Start-VM="}, {"-hold", "Start-VM"}, {"more"}, {"-nothing"}} {
		if _, err := parse(args, env, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

// endAfter stops the command after its announcement. Its buffer is not embedded, since other methods would bypass Write.
type endAfter struct {
	said bytes.Buffer
	end  func()
}

func (w *endAfter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "Press Ctrl-C") {
		w.end()
	}
	return w.said.Write(p)
}

func serve(t *testing.T, getenv func(string) string, serving func(), args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &endAfter{end: func() { serving(); cancel() }}
	if err := run(ctx, append([]string{"-addr", "127.0.0.1:0", "-pwsh", ""}, args...), getenv, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out.said.String()
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state, ca := filepath.Join(dir, "state.json"), filepath.Join(dir, "it's a ca.pem")
	none := func(string) string { return "" }
	delays := func() bool {
		text, err := os.ReadFile(state)
		if err != nil {
			t.Error(err)
		}
		return bytes.Contains(text, []byte(`"delay_ms": 2000`))
	}
	delayed := false
	out := serve(t, none, func() { delayed = delays() }, "-state", state, "-ca-out", ca, "-delay", "Start-VM=2s")
	for _, want := range []string{
		"https://127.0.0.1:", "virtual machines in " + state, "export HYPERVVM_HOST=127.0.0.1\n", "export HYPERVVM_USE_TLS=true\n",
		`export HYPERVVM_CA_CERT="$(cat '` + strings.ReplaceAll(ca, "'", `'\''`) + `')"`, "export HYPERVVM_PASSWORD=", "0 requests on 0 connections",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if pem, err := os.ReadFile(ca); err != nil || !bytes.HasPrefix(pem, []byte("-----BEGIN CERTIFICATE-----")) {
		t.Errorf("certificate %q, %v", pem, err)
	}
	if !delayed || delays() {
		t.Errorf("Start-VM is delayed: %t while serving, %t afterwards", delayed, delays())
	}
}

func TestAGivenPasswordIsNotPrinted(t *testing.T) {
	t.Parallel()
	out := serve(t, func(name string) string { return map[string]string{passwordVariable: "hidden-word"}[name] }, func() {}, "-http")
	if strings.Contains(out, "hidden-word") || !strings.Contains(out, `export HYPERVVM_PASSWORD="$HYPERVVM_SIMHOST_PASSWORD"`) || strings.Contains(out, "CA_CERT") {
		t.Errorf("got:\n%s", out)
	}
}
