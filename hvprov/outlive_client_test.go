// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// clientTask is what such a client reads from its standard input, since a secret is among it.
type clientTask struct {
	Address            string
	Port               int
	CACert             []byte
	Username, Password string
	Values             map[string]any
}

// beClient submits a job and waits for it.
func beClient() error {
	var task clientTask
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	service, err := hvprov.New(hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: winrm.Config{
		Address: task.Address, Port: task.Port, TLS: true, CACert: task.CACert, Username: task.Username, Password: task.Password,
	}}}})
	if err != nil {
		return err
	}
	j, err := service.Submit(context.Background(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: task.Values, JobID: outliveJob,
	})
	if err != nil {
		return err
	}
	_, err = j.Wait(context.Background())
	return err
}

// startAndKill begins the job in a process of its own, and kills that once the job is held up.
func (s *stage) startAndKill() {
	s.Helper()
	self, err := os.Executable()
	s.must(err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"=client")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	s.must(err)
	s.must(cmd.Start())
	dead := false
	kill := func() {
		if !dead {
			dead = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	}
	s.Cleanup(kill)
	s.must(json.NewEncoder(stdin).Encode(clientTask{
		Address: s.server.Address(), Port: s.server.Port(), CACert: s.server.CACertPEM(),
		Username: s.server.Username(), Password: s.server.Password(), Values: s.values(),
	}))
	s.must(stdin.Close())
	s.reached()
	kill()
}
