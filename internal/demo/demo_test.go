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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

const root = "../.."

// needCLI leaves a test out where there is nothing to run: building OpenTofu takes minutes.
func needCLI(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the provider, and -short is given")
	}
	switch _, err := tfcli.Find(t.Context(), "", filepath.Join(root, ".cache")); {
	case errors.Is(err, tfcli.ErrNotFound):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// watcher keeps what is written, and tells when a text has been.
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

func TestTheQuickstartRunsFromValidateToDestroy(t *testing.T) {
	needCLI(t)
	pwsh := os.Getenv("HYPERVVM_PWSH")
	for name, shell := range map[string]string{"with the simulator's own answers": "", "with the real agent": pwsh} {
		t.Run(name, func(t *testing.T) {
			if shell == "" && strings.Contains(name, "real") {
				t.Skip("HYPERVVM_PWSH names no PowerShell to run the real agent")
			}
			var out watcher
			if err := run(t.Context(), options{example: "quickstart", root: root, pwsh: shell, plain: true}, &out); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			for _, want := range []string{
				"== validate", "== plan", "== apply", "No changes.", "Destroy complete! Resources: 2 destroyed.",
				"made       web-01", "made       app-01", "[1/6] preflight", "100%", "left       nothing",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing", want)
				}
			}
			for _, secret := range []string{"throw-away-Linux-1", "throw-away-Windows-1", "throw-away-Join-1"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the secret %s shows", secret)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func TestCtrlCInTheMiddleOfApplyLeavesNothing(t *testing.T) {
	needCLI(t)
	if runtime.GOOS == "windows" {
		t.Skip("on Windows the console sends Ctrl-C, and a test has none")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watcher{want: "disk: copy image", found: cancel}
	err := run(ctx, options{example: "quickstart", root: root, plain: true, pace: true}, out)
	if !errors.Is(err, errInterrupted) {
		t.Errorf("got %v, want it to say that it was interrupted", err)
	}
	text := out.String()
	if strings.Contains(text, "the work folder is left") || strings.Contains(text, "== plan again") {
		t.Errorf("it went on, or left something behind")
	}
	if !strings.Contains(text, "undo: ") {
		t.Errorf("no job was undone")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestLeftoversNamesMachinesAndFiles(t *testing.T) {
	t.Parallel()
	host, err := newHost(filepath.Join(t.TempDir(), "host.json"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := leftovers(host); err != nil {
		t.Errorf("a new host holds only images: %v", err)
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
		t.Errorf("got %v, want both named", err)
	}
}

func TestFollowerShowsWholeLinesOnceAndInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	f := &follower{dir: dir, printer: &printer{out: &out, plain: true}, read: map[string]int64{}}
	file, err := os.Create(filepath.Join(dir, "0123456789.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, piece := range []string{"2026-11-24T03:00:00.123Z 1 log one\n2026-11-24T03:00:01.000Z 2 log t", "wo\n", "no time\nunfini"} {
		if _, err := file.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		f.look()
	}
	want := "  job 01234567 | 03:00:00.123 one\n  job 01234567 | 03:00:01.000 two\n  job 01234567 | no time\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if f.shown.lines != 3 || f.shown.delay <= 0 {
		t.Errorf("counted %+v", f.shown)
	}
}

func TestPrintLeavesOutOnlyTheWarningAboutDevelopment(t *testing.T) {
	t.Parallel()
	const red, off = "\x1b[31m", "\x1b[0m"
	in := "one\n" +
		red + "╷" + off + "\n" + red + "│" + off + " Warning: Provider development overrides are in effect\n│ more\n" + red + "╵" + off + "\n" +
		"╷\n│ Error: something else\n╵\ntwo\n"
	var out bytes.Buffer
	d := &demo{printer: &printer{out: &out, plain: true}}
	d.print(strings.NewReader(in))
	if want := "one\n╷\n│ Error: something else\n╵\ntwo\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
