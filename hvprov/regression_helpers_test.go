// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// trap is a host, of one side or the other, on which something is about to go wrong.
type trap struct {
	*testing.T
	opts    simhost.Options
	server  *simhost.Server
	service *hvprov.Service
}

// onEachSide runs a test against the agent's double and, where there is a PowerShell, the agent itself.
func onEachSide(t *testing.T, test func(*trap)) {
	t.Helper()
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			own := opts
			own.StateFile = filepath.Join(t.TempDir(), "state.json") // in a folder that only the host's own things are in
			server := startHost(t, own)
			test(&trap{T: t, opts: opts, server: server, service: oneOfSeveral(t, server, nil)})
		})
	}
}

func (c *trap) state() *hyperv.State {
	c.Helper()
	state, err := c.server.Store().Read()
	if err != nil {
		c.Fatal(err)
	}
	return state
}

func (c *trap) behaves(calls map[string]hyperv.Call) {
	c.Helper()
	onHost(c.T, c.server, func(s *hyperv.State) { s.Behaviour.Calls = calls })
}

func (c *trap) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// does submits a job and waits for its result.
func (c *trap) does(sub hvprov.Submission) (*job.Result, error) {
	c.Helper()
	sub.Host = "hv01"
	j, err := c.service.Submit(c.Context(), sub)
	if err != nil {
		return nil, err
	}
	return j.Wait(c.Context())
}

func (c *trap) makes(name string) *job.VM {
	c.Helper()
	result, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: values(name)})
	c.must(err)
	return result.VM
}

func (c *trap) disks() string { return filepath.Join(c.server.StateFile()+".d", "disks") }

// plants puts a file on the host that no job made.
func (c *trap) plants(path, text string) {
	c.Helper()
	c.must(os.MkdirAll(filepath.Dir(path), 0o750))
	c.must(os.WriteFile(path, []byte(text), 0o600))
}

func (c *trap) holds(path, text string) {
	c.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		c.Errorf("%s holds %q, %v", path, got, err)
	}
}

// files gives the files below the folder of the jobs' machines.
func (c *trap) files() []string {
	c.Helper()
	var files []string
	c.must(filepath.Walk(filepath.Join(c.disks(), "hypervvm"), func(path string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && !info.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// cancelled tells whether the agent has noted that the job is to stop. Its double keeps that to itself, and is slow instead.
func cancelled(s *stage, side string) bool {
	if side == "simulated" {
		return true
	}
	_, err := os.Stat(filepath.Join(s.server.ProgramData(), "hypervvm", "jobs", outliveJob, "cancel"))
	return err == nil
}
