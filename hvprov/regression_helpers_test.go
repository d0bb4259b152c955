// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// regression is a host with one of the backends, and a service.
type regression struct {
	*testing.T
	opts    simhost.Options
	server  *simhost.Server
	service *hvprov.Service
}

// onEachBackend runs a test with the fake agent, and with the real agent if there is a PowerShell.
func onEachBackend(t *testing.T, test func(*regression)) {
	t.Helper()
	t.Parallel()
	for backend, opts := range backends(t) {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			sampleRealAgent(t, opts)
			own := opts
			own.StateFile = filepath.Join(t.TempDir(), "state.json") // in a folder without other files
			server := startHost(t, own)
			test(&regression{T: t, opts: opts, server: server, service: newSharedHostService(t, server, nil)})
		})
	}
}

func (c *regression) state() *hyperv.State {
	c.Helper()
	state, err := c.server.Store().Read()
	if err != nil {
		c.Fatal(err)
	}
	return state
}

func (c *regression) setCalls(calls map[string]hyperv.Call) {
	c.Helper()
	updateHost(c.T, c.server, func(s *hyperv.State) { s.Behaviour.Calls = calls })
}

func (c *regression) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// run submits a job and waits for its result.
func (c *regression) run(sub hvprov.Submission) (*job.Result, error) {
	c.Helper()
	sub.Host = "hv01"
	j, err := c.service.Submit(c.Context(), sub)
	if err != nil {
		return nil, err
	}
	return j.Wait(c.Context())
}

func (c *regression) provision(name string) *job.VM {
	c.Helper()
	result, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: values(name)})
	c.must(err)
	return result.VM
}

func (c *regression) disks() string { return filepath.Join(c.server.StateFile()+".d", "disks") }

// writeFile creates a file on the host.
func (c *regression) writeFile(path, text string) {
	c.Helper()
	c.must(os.MkdirAll(filepath.Dir(path), 0o750))
	c.must(os.WriteFile(path, []byte(text), 0o600))
}

func (c *regression) wantFile(path, text string) {
	c.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		c.Errorf("file %s contains %q, error %v", path, got, err)
	}
}

// files returns the files in the folders of virtual machines.
func (c *regression) files() []string {
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

// cancelRecorded reports whether the agent has recorded the cancellation. The fake agent has no such record, and copies slowly instead.
func cancelRecorded(s *fixture, backend string) bool {
	if backend == "fake agent" {
		return true
	}
	_, err := os.Stat(filepath.Join(s.server.ProgramData(), "hypervvm", "jobs", fixedJobID, "cancel"))
	return err == nil
}
