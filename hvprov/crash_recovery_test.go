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
	killedHosts = 5
	killedJobs  = 50
)

// victim is what a process that is going to be killed works with.
type victim struct {
	Hosts map[string]reached
	Store string
	Key   []byte
	Logs  string
}

func (v victim) service() (*hvprov.Service, error) {
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

// runVictim submits jobs, says how far each is, and never ends.
func runVictim(settings string) error {
	var v victim
	if err := json.Unmarshal([]byte(settings), &v); err != nil {
		return err
	}
	service, err := v.service()
	if err != nil {
		return err
	}
	for i := range killedJobs {
		_, err := service.Submit(context.Background(), hvprov.Submission{
			Host: fmt.Sprintf("hv%02d", i%killedHosts), Operation: job.OperationProvision, Values: small(fmt.Sprintf("web-%02d", i)),
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

func small(name string) map[string]any {
	v := values(name)
	v["gb_ram"] = 1
	return v
}

// TestAKillInTheMiddleOfFiftyJobs kills the process of a service that has twenty jobs on their hosts and thirty in its queues.
func TestAKillInTheMiddleOfFiftyJobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key  []byte
		lost int // jobs whose secrets are gone
	}{
		"with a key for the secrets of what waits": {bytes.Repeat([]byte{7}, jobregistry.KeySize), 0},
		"without": {nil, killedJobs - killedHosts*4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			v := victim{Hosts: map[string]reached{}, Store: filepath.Join(dir, "store", "jobs.db"), Key: c.key, Logs: filepath.Join(dir, "logs")}
			servers := map[string]*held{}
			for i := range killedHosts {
				h := hold(t, "Add-VMHardDiskDrive")
				name := fmt.Sprintf("hv%02d", i)
				servers[name] = h
				v.Hosts[name] = reach(h.server)
			}
			killInTheMiddle(t, v)
			keepsNoSecret(t, dir)
			for _, h := range servers {
				h.release()
			}

			service, err := v.service()
			if err != nil {
				t.Fatal(err)
			}
			records := records(t, service, jobstore.Filter{})
			if len(records) != killedJobs {
				t.Errorf("%d jobs are known", len(records))
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
			if succeeded != killedJobs-c.lost || lost != c.lost {
				t.Errorf("%d succeeded, %d were lost", succeeded, lost)
			}
			if err := service.Close(context.Background()); err != nil {
				t.Error(err)
			}
			onceEach(t, servers, records, succeeded)
			keepsNoSecret(t, dir)
		})
	}
}

// killInTheMiddle runs a service in another process until all its jobs are submitted, and as many run as may.
func killInTheMiddle(t *testing.T, v victim) {
	t.Helper()
	settings, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	cmd := inRole(t.Context(), t, "victim", string(settings))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := map[string]int{}
	for lines := bufio.NewScanner(out); (said["submitted"] < killedJobs || said["running"] < killedHosts*4) && lines.Scan(); {
		said[lines.Text()]++
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if said["submitted"] != killedJobs || said["running"] != killedHosts*4 {
		t.Fatalf("it came as far as %v", said)
	}
}

// onceEach looks whether each job that succeeded has made one machine, and no other has made one.
func onceEach(t *testing.T, servers map[string]*held, records []jobstore.Record, want int) {
	t.Helper()
	made := map[string]int{}
	for _, h := range servers {
		state, err := h.server.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, vm := range state.VMs {
			made[vm.Name]++
		}
	}
	if len(made) != want {
		t.Errorf("%d machines are there, want %d", len(made), want)
	}
	for _, r := range records {
		if made[r.VMName] > 1 {
			t.Errorf("%s was made %d times", r.VMName, made[r.VMName])
		}
	}
}

// keepsNoSecret looks into all files of a folder.
func keepsNoSecret(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil || files < 1 {
		t.Errorf("%d files, %v", files, err)
	}
}
