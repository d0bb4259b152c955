// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

const root = "../.."

// needCLI skips the test if there is no command to run: building OpenTofu takes minutes.
func needCLI(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the provider, which -short excludes")
	}
	switch _, err := tfcli.Find(t.Context(), "", filepath.Join(root, ".cache")); {
	case errors.Is(err, tfcli.ErrNotFound):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// watcher keeps what is written, and calls found when a text is written.
type watcher struct {
	mu    sync.Mutex
	text  bytes.Buffer
	want  string
	found func()
}

func (w *watcher) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.found != nil && bytes.Contains(text, []byte(w.want)) {
		w.found()
	}
	return w.text.Write(text)
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func TestTheQuickstartRunsFromInitToDestroy(t *testing.T) {
	needCLI(t)
	pwsh := os.Getenv("HYPERVVM_PWSH")
	for name, shell := range map[string]string{"fake agent": "", "real agent": pwsh} {
		t.Run(name, func(t *testing.T) {
			if shell == "" && strings.Contains(name, "real") {
				t.Skip("HYPERVVM_PWSH is not set: no PowerShell for the real agent")
			}
			var out watcher
			if err := run(t.Context(), options{example: "quickstart", root: root, pwsh: shell, plain: true}, &out); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			for _, want := range []string{
				"== init", "== validate", "== plan", "== apply", "No changes.", "Destroy complete! Resources: 2 destroyed.",
				"1 processes on the host", "created    web-01", "created    app-01", "guest      web-01 (linux) reports 192.0.2.50; set-up: done",
				"guest: creating accounts", "guest: running commands", "guest: set-up completed", "[1/9] preflight", "100%", "left       nothing",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing", want)
				}
			}
			for _, secret := range []string{"throw-away-Linux-1", "throw-away-Windows-1", "throw-away-Join-1"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the output contains the secret %s", secret)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func TestCtrlCDuringApplyLeavesNothing(t *testing.T) {
	needCLI(t)
	if runtime.GOOS == "windows" {
		t.Skip("on Windows the console sends Ctrl-C, and a test has no console")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watcher{want: "disk: copy image", found: cancel}
	err := run(ctx, options{example: "quickstart", root: root, plain: true, pace: true}, out)
	if !errors.Is(err, errInterrupted) {
		t.Errorf("got %v, want errInterrupted", err)
	}
	text := out.String()
	if strings.Contains(text, "work folder: ") || strings.Contains(text, "== plan again") {
		t.Errorf("the demo continued, or kept the work folder")
	}
	if !strings.Contains(text, "undo: ") {
		t.Errorf("no job was rolled back")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestLeftoversListsVirtualMachinesAndFiles(t *testing.T) {
	t.Parallel()
	host, err := hyperv.Open(filepath.Join(t.TempDir(), "host.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := leftovers(host); err != nil {
		t.Errorf("a new host has only images: %v", err)
	}
	var disks string
	err = host.Update(func(s *hyperv.State) error {
		disks = s.Host.VirtualHardDiskPath
		s.VMs = append(s.VMs, hyperv.VM{ID: "an-id", Name: "web-01", State: "Running"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disks, "stray.vhdx"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = leftovers(host)
	if err == nil || !strings.Contains(err.Error(), "web-01") || !strings.Contains(err.Error(), "stray.vhdx") {
		t.Errorf("got %v, want both", err)
	}
}

func TestJobLogLinesArePrintedOnceWhenTheyAreComplete(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := &demo{logs: t.TempDir(), out: &lineWriter{out: &out}, offsets: map[string]int64{}}
	file, err := os.Create(filepath.Join(d.logs, "0123456789.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, piece := range []string{"1 log one\n2 log t", "wo\n", "3 log unfini"} {
		if _, err := file.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		d.printJobLogs()
	}
	want := "  job 01234567 | 1 log one\n  job 01234567 | 2 log two\n"
	if out.String() != want || d.jobLines != 2 {
		t.Errorf("got %d lines\n%swant\n%s", d.jobLines, out.String(), want)
	}
}
