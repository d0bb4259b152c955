// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// agentText returns the text of the agent, or of that in the folder HYPERVVM_TEST_AGENT.
func agentText(t *testing.T) []byte {
	t.Helper()
	folder := os.Getenv("HYPERVVM_TEST_AGENT")
	if folder == "" {
		return agent.Bundle()
	}
	names, err := filepath.Glob(filepath.Join(folder, "lib", "*.ps1"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts in %s: %v", folder, err)
	}
	var all strings.Builder
	for _, name := range append(names, filepath.Join(folder, "messages.json")) {
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // a version without a catalogue of messages
		}
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) == ".json" {
			text = []byte("$script:AgentMessageText = @'\n" + string(text) + "\n'@\n")
		}
		all.Write(text)
	}
	return []byte(all.String())
}

// deletion deletes a virtual machine that does not exist, which succeeds without a change.
func deletion(t *testing.T) hostagent.JobRequest {
	t.Helper()
	return hostagent.JobRequest{
		Job: "a0000000-0000-4000-8000-000000000001", VMID: "b0000000-0000-4000-8000-000000000001",
		Definition: job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 1}, Operation: job.OperationDelete},
	}
}

// TestAJobStartsOnHardenedHosts runs a job on hosts that block one way or another to start its worker process.
func TestAJobStartsOnHardenedHosts(t *testing.T) {
	t.Parallel()
	shell := os.Getenv("HYPERVVM_PWSH")
	if shell == "" {
		t.Skip("needs the real agent: set HYPERVVM_PWSH to a PowerShell")
	}
	for name, c := range map[string]struct {
		start   hyperv.Start
		outcome job.Outcome
		first   string   // part of the first event; empty: the event is not about the start
		texts   []string // parts of the error
	}{
		"script files are refused by a policy":           {hyperv.Start{NoScripts: true}, job.Succeeded, "", nil},
		"WMI's processes cannot leave its job":           {hyperv.Start{NoBreakaway: true}, job.Succeeded, "", nil},
		"WMI may not create processes":                   {hyperv.Start{Create: 2}, job.Succeeded, "a scheduled task started the worker process", nil},
		"WMI fails for another reason":                   {hyperv.Start{Create: 8}, job.Succeeded, "unknown failure", nil},
		"neither WMI nor the task scheduler may":         {hyperv.Start{Create: 2, Task: "Access is denied."}, job.Failed, "", []string{"d1e49aac-8f56-4280-b9ba-992a6d77406c", "Access is denied.", "scheduled task"}},
		"WMI lacks the privilege":                        {hyperv.Start{Create: 3, Task: "no"}, job.Failed, "", []string{"insufficient privilege"}},
		"the path is not found":                          {hyperv.Start{Create: 9, Task: "no"}, job.Failed, "", []string{"path not found", "powershell.exe"}},
		"a parameter is refused":                         {hyperv.Start{Create: 21, Task: "no"}, job.Failed, "", []string{"invalid parameter"}},
		"another number":                                 {hyperv.Start{Create: 4711, Task: "no"}, job.Failed, "", []string{"4711"}},
		"the worker runs with constrained language":      {hyperv.Start{Constrained: true}, job.Failed, "", []string{"the worker process reported:", "language mode"}},
		"a task's worker runs with constrained language": {hyperv.Start{Create: 2, Constrained: true}, job.Failed, "", []string{"the worker process reported:", "language mode"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := simhost.Start(simhost.Options{PowerShell: shell})
			if err != nil {
				t.Fatal(err)
			}
			store, err := hyperv.Open(server.StateFile())
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Update(func(s *hyperv.State) error { s.Behaviour.Start = &c.start; return nil }); err != nil {
				t.Fatal(err)
			}
			a, closeAll, err := newPatientClient(server, agentText(t), server.Username(), server.Password(), 60) // a loaded computer is slow
			if err != nil {
				t.Fatal(err)
			}
			stream, err := a.Submit(t.Context(), deletion(t))
			if err != nil {
				t.Fatal(err)
			}
			var events []job.Event
			for len(events) == 0 || events[len(events)-1].Result == nil {
				e, err := stream.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, e)
			}
			result := events[len(events)-1].Result
			if result.Outcome != c.outcome || !strings.Contains(events[0].Message, c.first) {
				t.Errorf("the job %s, first event %q, error %+v", result.Outcome, events[0].Message, result.Error)
			}
			for _, text := range c.texts {
				if result.Error == nil || !strings.Contains(result.Error.Message, text) {
					t.Errorf("the error lacks %q: %+v", text, result.Error)
				}
			}
			closeAll()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
