// SPDX-License-Identifier: MPL-2.0

package jobspec_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func TestThePowerJobOfARecordIsTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, 0)
	values := map[string]any{"power_action": "restart", "force_stop": true, "wait_for": "heartbeat", "wait_seconds": int64(60)}
	spec, err := b.New(jobstore.Record{Host: "hv01", Operation: job.OperationPower, VMID: vmID}, values)
	if err != nil {
		t.Fatal(err)
	}
	if !spec.Record.HasNoSecrets || !reflect.DeepEqual(spec.Request.Definition.Fields.Map(), values) || spec.Request.VMID != vmID {
		t.Errorf("got %+v", spec)
	}
	spec.Record.State = jobstore.Queued
	text, err := jobstore.Encode(spec.Record)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := jobstore.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	restored, err := b.Restore(stored)
	if err != nil {
		t.Fatal(err)
	}
	before, errBefore := spec.Request.Definition.MarshalJSON()
	after, errAfter := restored.Request.Definition.MarshalJSON()
	if errBefore != nil || errAfter != nil || string(before) != string(after) {
		t.Errorf("before %s, %v, after %s, %v", before, errBefore, after, errAfter)
	}
}

func TestInvalidCheckpointJobsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]any
		want   string
	}{
		"no action":                      {map[string]any{"checkpoint_name": "a"}, "requires the field checkpoint_action: use one of take, apply, remove"},
		"a take without a name":          {map[string]any{"checkpoint_action": "take"}, "requires the field checkpoint_name"},
		"a take with a GUID":             {map[string]any{"checkpoint_action": "take", "checkpoint_name": "a", "checkpoint_id": vmID}, "has no field checkpoint_id"},
		"an apply of two":                {map[string]any{"checkpoint_action": "apply", "checkpoint_name": "a", "checkpoint_id": vmID}, "either the field checkpoint_id or"},
		"a removal of none":              {map[string]any{"checkpoint_action": "remove"}, "either the field checkpoint_id or"},
		"a name with a space at its end": {map[string]any{"checkpoint_action": "take", "checkpoint_name": "a "}, "1 to 100 characters"},
		"a GUID that is none":            {map[string]any{"checkpoint_action": "apply", "checkpoint_id": "a"}, "must be a GUID"},
		"a field of a power job":         {map[string]any{"checkpoint_action": "apply", "checkpoint_id": vmID, "force_stop": true}, "no field force_stop"},
		"a text for a flag":              {map[string]any{"checkpoint_action": "apply", "checkpoint_id": vmID, "checkpoint_start": "yes"}, "must be a boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newBuilder(t, 0).New(jobstore.Record{Host: "hv01", Operation: job.OperationCheckpoint, VMID: vmID}, c.values)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestInvalidDiskJobsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]any
		vmID   string
		want   string
	}{
		"no action":            {map[string]any{"disk_path": "a.vhdx"}, "", "requires the field disk_action: use one of create, expand, remove"},
		"no path":              {map[string]any{"disk_action": "remove"}, "", "requires the field disk_path"},
		"no size":              {map[string]any{"disk_action": "create", "disk_path": "a.vhdx"}, "", "requires the field disk_size_gb"},
		"no parent":            {map[string]any{"disk_action": "create", "disk_path": "a.vhdx", "vhd_type": "differencing"}, "", "requires the field parent_path"},
		"a fraction of a size": {map[string]any{"disk_action": "expand", "disk_path": "a.vhdx", "disk_size_gb": 1.5}, "", "from 1 to 65536"},
		"a virtual machine":    {map[string]any{"disk_action": "remove", "disk_path": "a.vhdx"}, vmID, "has no virtual machine that exists"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newBuilder(t, 0).New(jobstore.Record{Host: "hv01", Operation: job.OperationDisk, VMID: c.vmID}, c.values)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestInvalidSwitchJobsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]any
		want   string
	}{
		"no action":                           {map[string]any{"switch_name": "a"}, "requires the field switch_action: use one of create, update, remove"},
		"no GUID":                             {map[string]any{"switch_action": "remove"}, "requires the field switch_id"},
		"a GUID of a new one":                 {map[string]any{"switch_action": "create", "switch_name": "a", "switch_type": "private", "switch_id": vmID}, "has no field switch_id"},
		"no adapter of an external one":       {map[string]any{"switch_action": "create", "switch_name": "a", "switch_type": "external"}, "requires the field net_adapter_names"},
		"an adapter of a private one":         {map[string]any{"switch_action": "create", "switch_name": "a", "switch_type": "private", "net_adapter_names": []any{"b"}}, "has no field net_adapter_names"},
		"no names":                            {map[string]any{"switch_action": "create", "switch_name": "a", "switch_type": "external", "net_adapter_names": []any{}}, "must be a list of one or more names"},
		"a type of one that exists":           {map[string]any{"switch_action": "update", "switch_id": vmID, "switch_type": "private"}, "has no field switch_type"},
		"notes of one that is removed":        {map[string]any{"switch_action": "remove", "switch_id": vmID, "notes": ""}, "has no field notes"},
		"a name with spaces around it":        {map[string]any{"switch_action": "create", "switch_name": " a", "switch_type": "private"}, "a name of 1 to 100 characters"},
		"an unknown minimum of the bandwidth": {map[string]any{"switch_action": "create", "switch_name": "a", "switch_type": "private", "minimum_bandwidth_mode": "x"}, "one of absolute, weight, none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newBuilder(t, 0).New(jobstore.Record{Host: "hv01", Operation: job.OperationSwitch}, c.values)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestInvalidPowerJobsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]any
		vmID   string
		want   string
	}{
		"no action":            {map[string]any{}, vmID, "requires the field power_action: use one of start, shut_down"},
		"an unknown action":    {map[string]any{"power_action": "explode"}, vmID, "must be one of start"},
		"a field of a schema":  {map[string]any{"power_action": "start", "vm_name": "web-01"}, vmID, "no field vm_name"},
		"a number for a flag":  {map[string]any{"power_action": "start", "force_stop": 1}, vmID, "must be a boolean"},
		"too long a wait":      {map[string]any{"power_action": "start", "wait_seconds": 7201}, vmID, "from 1 to 7200"},
		"a fraction of a wait": {map[string]any{"power_action": "start", "wait_seconds": 1.5}, vmID, "from 1 to 7200"},
		"no virtual machine":   {map[string]any{"power_action": "start"}, "", "a power job requires the GUID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newBuilder(t, 0).New(jobstore.Record{Host: "hv01", Operation: job.OperationPower, VMID: c.vmID}, c.values)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestInvalidExportJobsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]any
		want   string
	}{
		"no folder":                   {map[string]any{}, `requires the field export_path: use the full path of a folder on the host, such as D:\Exports`},
		"an empty folder":             {map[string]any{"export_path": ""}, "must be the full path of a folder"},
		"another state":               {map[string]any{"export_path": `D:\Exports`, "export_live_state": "frozen"}, "must be one of saved, crash_consistent, data_consistent"},
		"a field of a checkpoint job": {map[string]any{"export_path": `D:\Exports`, "checkpoint_name": "a"}, "no field checkpoint_name"},
	} {
		_, err := newBuilder(t, 0).New(jobstore.Record{Host: "hv01", Operation: job.OperationExport, VMID: vmID}, c.values)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
