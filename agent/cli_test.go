// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// state is the values of message result_vm for the virtual machine of definition.
func state(power string) values { return values{"vm": "by-hand", "state": power} }

func TestAJobRunsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"definition on several lines of the pipeline": definition,
		"definition on one line of the pipeline":      strings.ReplaceAll(definition, "\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.must(os.WriteFile(filepath.Join(f.dir, "job.json"), []byte(text), 0o600))
			output, code := f.run("", "-Command", fmt.Sprintf("Get-Content -LiteralPath 'job.json' | & '%s'; exit $LASTEXITCODE", f.entry))
			f.wantOutput(output, code, 0,
				"[1/9] preflight: "+f.message("step_preflight", nil),
				"[6/9] guest_media: ",
				"[3/9] disk: ",
				"disk: 100% 2.0 MiB of 2.0 MiB",
				"succeeded: "+f.message("result_vm", state("running")))
			if vms := f.vms(); len(vms) != 1 || vms[0].State != "Running" {
				t.Errorf("virtual machines on the host: %+v", vms)
			}
		})
	}
}

func TestAVirtualMachineIsProvisionedUpdatedAndDeletedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runJob(definition, "-JobId", "a0000000-0000-4000-8000-000000000001")
	f.wantOutput(output, code, 0, "succeeded: "+f.message("result_vm", state("running")), "a0000000-0000-4000-8000-000000000001")
	f.wantNoSecret(output)
	id := f.vms()[0].ID
	update := strings.NewReplacer(`"provision"`, `"update"`, `"gb_ram": 2`, `"gb_ram": 3`).Replace(definition)
	output, code = f.runJob(update, "-VMId", id, "-Changed", "gb_ram")
	f.wantOutput(output, code, 1, "failed: "+f.message("power_cycle_refused", values{"fields": "gb_ram", "vm": "by-hand", "state": "running"}), "allow_power_cycle")
	output, code = f.runJob(update, "-VMId", id, "-Changed", "gb_ram", "-AllowPowerCycle")
	f.wantOutput(output, code, 0, "configure: gb_ram: 3 GiB, was 2 GiB")
	f.wantNoSecret(output)
	output, code = f.runJob(strings.Replace(definition, `"provision"`, `"delete"`, 1), "-VMId", id)
	f.wantOutput(output, code, 0, "succeeded: "+f.message("result_vm_removed", values{"vm": "by-hand"}))
	if len(f.vms()) != 0 {
		t.Error("the virtual machine still exists")
	}
	if strings.Contains(output, "left:") {
		t.Errorf("the output reports leftovers:\n%s", output)
	}
}

func TestAJobThatFailsFromTheCommandLineIsUndoneAndHidesSecrets(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "cannot start with " + secret}}
		return nil
	}))
	output, code := f.runJob(definition)
	f.wantOutput(output, code, 1, "failed: cannot start with ******", "undo: removed virtual machine 'by-hand'")
	f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Calls = nil; return nil })) // it contained the secret
	f.wantNoSecret(output)
	if len(f.vms()) != 0 {
		t.Error("the virtual machine still exists")
	}
}

func TestTheSecretsOfTheSchemaAreNotStoredFromTheCommandLine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	schema, err := schemas.Load()
	f.must(err)
	fields := values{"vm_name": "by-hand", "image_name": "ubuntu-24.04", "os_family": "linux", "gb_ram": 2, "cpu_cores": 1, "guest_la_uid": "ops", "guest_setup": "none"}
	for _, id := range schema.SecretIDs() {
		fields[id] = "#! " + secret
	}
	text, err := json.Marshal(values{"schema": values{"id": "vm-provisioning", "version": 2}, "operation": "provision", "fields": fields})
	f.must(err)
	output, code := f.runJob(string(text))
	f.wantOutput(output, code, 0)
	f.wantNoSecret(output)
}

func TestAnInvalidDefinitionIsRejectedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	mismatch := func(id string, version int) values {
		return values{"id": id, "version": version, "supported_id": "vm-provisioning", "supported_versions": "1, 2"}
	}
	unreadable := values{"reason": "text is not a JSON object"}
	for name, c := range map[string]struct {
		stdin, message string
		values         values
	}{
		"no input":                    {"", "definition_missing", nil},
		"blank input":                 {" \n\n", "definition_missing", nil},
		"input that is not JSON":      {`{"guest_la_pw": ` + secret + `}`, "definition_unreadable", unreadable},
		"a list":                      {"[1]", "definition_unreadable", unreadable},
		"no schema":                   {`{"operation":"provision","fields":{}}`, "definition_schema_missing", nil},
		"another schema version":      {strings.Replace(definition, `"version": 2`, `"version": 3`, 1), "schema_mismatch", mismatch("vm-provisioning", 3)},
		"another schema":              {strings.Replace(definition, "vm-prov", "pv-prov", 1), "schema_mismatch", mismatch("pv-provisioning", 2)},
		"a missing field":             {strings.Replace(definition, "image_name", "image", 1), "field_missing", values{"field": "image_name"}},
		"a field of the wrong type":   {strings.Replace(definition, `"gb_ram": 2`, `"gb_ram": "2"`, 1), "field_invalid", values{"field": "gb_ram", "requirement": "a number greater than 0"}},
		"a delete job without a GUID": {strings.Replace(definition, `"provision"`, `"delete"`, 1), "vm_id_missing", values{"operation": "delete"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			output, code := f.runJob(c.stdin)
			f.wantOutput(output, code, 1, "Invoke-ProvisioningJob: "+f.message(c.message, c.values))
			f.wantNoSecret(output)
		})
	}
}

// TestNoSecretIsStoredWhileAJobRunsFromTheCommandLine blocks a job in each of its steps and looks for the secret.
func TestNoSecretIsStoredWhileAJobRunsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	steps := []string{"Get-VMSwitch", "New-VM", "Add-VMHardDiskDrive", "Set-VMFirmware", "Connect-VMNetworkAdapter", "Start-VM"}
	block := func(cmdlet string) string { return filepath.Join(f.dir, "hold-"+cmdlet) }
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{}
		for _, cmdlet := range steps {
			s.Behaviour.Calls[cmdlet] = hyperv.Call{Hold: block(cmdlet)}
		}
		return nil
	}))
	for _, cmdlet := range steps {
		f.must(os.WriteFile(block(cmdlet), nil, 0o600))
	}
	done := make(chan struct{})
	var output string
	var code int
	go func() {
		defer close(done)
		output, code = f.runJob(definition)
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, cmdlet := range steps {
		for {
			if _, err := os.Stat(block(cmdlet) + ".reached"); err == nil {
				break
			}
			select {
			case <-tick.C:
			case <-done:
				t.Fatalf("the job ended before %s: %s", cmdlet, output)
			}
		}
		f.wantNoSecret("")
		f.wantNoSecretInProcesses()
		f.must(os.Remove(block(cmdlet)))
	}
	<-done
	f.wantOutput(output, code, 0, "succeeded: "+f.message("result_vm", state("running")))
	f.wantNoSecret(output)
	f.wantNoSecretInProcesses()
}
