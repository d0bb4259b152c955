// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"encoding/json"
	"os"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// clientSettings configures the process of a client. It is read from standard input because it contains a secret.
type clientSettings struct {
	Host   connectionInfo
	Values map[string]any
}

// runClient submits a job and waits for it.
func runClient() error {
	var task clientSettings
	if err := json.NewDecoder(os.Stdin).Decode(&task); err != nil {
		return err
	}
	service, err := hvprov.New(context.Background(), hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: task.Host.config()}}})
	if err != nil {
		return err
	}
	j, err := service.Submit(context.Background(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: task.Values, JobID: fixedJobID,
	})
	if err != nil {
		return err
	}
	_, err = j.Wait(context.Background())
	return err
}

// startAndKill submits the job in another process, and kills the process when the job is held.
func (s *fixture) startAndKill() {
	s.Helper()
	cmd := processInRole(context.Background(), s.T, "client", "")
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
	s.must(json.NewEncoder(stdin).Encode(clientSettings{Host: newConnectionInfo(s.server), Values: s.values()}))
	s.must(stdin.Close())
	s.waitUntilHeld()
	kill()
}
