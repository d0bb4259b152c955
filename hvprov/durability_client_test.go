// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"encoding/json"
	"os"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// clientTask is what such a client reads from its standard input, since a secret is among it.
type clientTask struct {
	Host   reached
	Values map[string]any
}

// beClient submits a job and waits for it.
func beClient() error {
	var task clientTask
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	service, err := hvprov.New(context.Background(), hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: task.Host.config()}}})
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
	cmd := inRole(context.Background(), s.T, "client", "")
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
	s.must(json.NewEncoder(stdin).Encode(clientTask{Host: reach(s.server), Values: s.values()}))
	s.must(stdin.Close())
	s.reached()
	kill()
}
