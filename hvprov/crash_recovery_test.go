// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

const (
	crashHosts = 5
	crashJobs  = 50
)

// crashProcess configures the service of a process that the test kills.
type crashProcess struct {
	Hosts map[string]connectionInfo
	Store string
	Key   []byte
	Logs  string
}

func (v crashProcess) service() (*hvprov.Service, error) {
	hosts := map[string]hvprov.Host{}
	for name, r := range v.Hosts {
		hosts[name] = hvprov.Host{WinRM: r.config()}
	}
	store, err := boltstore.Open(context.Background(), boltstore.Options{Path: v.Store})
	if err != nil {
		return nil, err
	}
	return hvprov.New(context.Background(), hvprov.Options{Hosts: hosts, Store: store, StoreKey: v.Key, JobLogDir: v.Logs})
}

// runCrashProcess submits jobs, prints their progress, and never ends.
func runCrashProcess(settings string) error {
	var v crashProcess
	if err := json.Unmarshal([]byte(settings), &v); err != nil {
		return err
	}
	service, err := v.service()
	if err != nil {
		return err
	}
	for i := range crashJobs {
		_, err := service.Submit(context.Background(), hvprov.Submission{
			Host: fmt.Sprintf("hv%02d", i%crashHosts), Operation: job.OperationProvision, Values: smallVM(fmt.Sprintf("web-%02d", i)),
			OnEvent: func(e job.Event) {
				if e.Step == "disk" && e.Kind == job.KindStep {
					fmt.Println("running")
				}
			},
		})
		if err != nil {
			return err
		}
		fmt.Println("submitted")
	}
	select {}
}

func smallVM(name string) map[string]any {
	v := values(name)
	v["gb_ram"] = 1
	return v
}

// TestJobsAreResumedAfterACrash kills the process of a service that has 20 jobs on their hosts and 30 in its queues.
func TestJobsAreResumedAfterACrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key  []byte
		lost int // jobs whose secrets were not stored
	}{
		"with a store key":    {bytes.Repeat([]byte{7}, jobregistry.KeySize), 0},
		"without a store key": {nil, crashJobs - crashHosts*4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			v := crashProcess{Hosts: map[string]connectionInfo{}, Store: filepath.Join(dir, "store", "jobs.db"), Key: c.key, Logs: filepath.Join(dir, "logs")}
			servers := map[string]*heldHost{}
			for i := range crashHosts {
				h := holdCalls(t, "Add-VMHardDiskDrive")
				name := fmt.Sprintf("hv%02d", i)
				servers[name] = h
				v.Hosts[name] = newConnectionInfo(h.server)
			}
			runAndKill(t, v)
			checkNoSecret(t, dir)
			for _, h := range servers {
				h.release()
			}

			service, err := v.service()
			if err != nil {
				t.Fatal(err)
			}
			records := records(t, service, jobstore.Filter{})
			if len(records) != crashJobs {
				t.Errorf("store has records of %d jobs", len(records))
			}
			succeeded, lost := 0, 0
			for _, r := range records {
				j, err := service.Attach(t.Context(), r.Host, r.ID)
				if err != nil {
					t.Fatal(err)
				}
				switch _, err := j.Wait(t.Context()); {
				case err == nil:
					succeeded++
				case errors.Is(err, hvprov.ErrJobFailed) && strings.Contains(err.Error(), "StoreKey"):
					lost++
				default:
					t.Errorf("%v: %v", j, err)
				}
			}
			if succeeded != crashJobs-c.lost || lost != c.lost {
				t.Errorf("%d jobs succeeded and %d were lost", succeeded, lost)
			}
			if err := service.Close(context.Background()); err != nil {
				t.Error(err)
			}
			wantOneVMPerJob(t, servers, records, succeeded)
			checkNoSecret(t, dir)
		})
	}
}

// runAndKill runs a service in another process, and kills it when all jobs are submitted and as many as possible are running.
func runAndKill(t *testing.T, v crashProcess) {
	t.Helper()
	settings, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	cmd := processInRole(t.Context(), t, "crashProcess", string(settings))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	progress := map[string]int{}
	for lines := bufio.NewScanner(out); (progress["submitted"] < crashJobs || progress["running"] < crashHosts*4) && lines.Scan(); {
		progress[lines.Text()]++
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if progress["submitted"] != crashJobs || progress["running"] != crashHosts*4 {
		t.Fatalf("process was killed with the progress %v", progress)
	}
}

// wantOneVMPerJob checks that each successful job has created one virtual machine, and that there are no others.
func wantOneVMPerJob(t *testing.T, servers map[string]*heldHost, records []jobstore.Record, want int) {
	t.Helper()
	created := map[string]int{}
	for _, h := range servers {
		state, err := h.server.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, vm := range state.VMs {
			created[vm.Name]++
		}
	}
	if len(created) != want {
		t.Errorf("hosts have %d virtual machines, want %d", len(created), want)
	}
	for _, r := range records {
		if created[r.VMName] > 1 {
			t.Errorf("%s was created %d times", r.VMName, created[r.VMName])
		}
	}
}

// checkNoSecret checks that no file of a folder contains the secret.
func checkNoSecret(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s contains the secret", path)
		}
		return err
	})
	if err != nil || files < 1 {
		t.Errorf("%d files were checked, error %v", files, err)
	}
}
