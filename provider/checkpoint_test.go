// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const checkpointType = "hypervvm_checkpoint"

func (h *harness) noCheckpoint() tftypes.Value {
	return tftypes.NewValue(h.resourceKind(checkpointType), nil)
}

// applyCheckpoint plans and applies a configuration of the resource; nil destroys it.
func (h *harness) applyCheckpoint(prior tftypes.Value, config attrs) (tftypes.Value, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	return h.applyResource(checkpointType, prior, config)
}

// readCheckpoint refreshes the resource.
func (h *harness) readCheckpoint(state tftypes.Value) tftypes.Value {
	h.t.Helper()
	value, diags := h.readResource(checkpointType, state)
	h.mustSucceed("read", diags)
	return value
}

// addCheckpointVM adds a virtual machine that allows checkpoints.
func addCheckpointVM(t *testing.T, server *simhost.Server, kind string) {
	t.Helper()
	addPowerVM(t, server, "Running")
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].CheckpointType = kind })
}

func hostCheckpoints(t *testing.T, server *simhost.Server) (names string) {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range state.VMs[0].Checkpoints {
		names += c.Name + " "
	}
	return names
}

func TestACheckpointIsAResource(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		addCheckpointVM(t, server, "Standard")
		h := connected(t, server)
		config := attrs{"vm_id": powerVM, "name": "before-upgrade"}
		created, diags := h.applyCheckpoint(h.noCheckpoint(), config)
		h.mustSucceed("create", diags)
		if got := hostCheckpoints(t, server); got != "before-upgrade " {
			t.Fatalf("the host has the checkpoints %q", got)
		}
		state := plain(created).(attrs)
		if state["power_state"] != "saved" || state["id"] == nil || state["created_at"] == nil || state["parent_id"] != nil {
			t.Errorf("the state is %v", state)
		}
		if read := h.readCheckpoint(created); !read.Equal(created) {
			t.Errorf("read %v, want %v", read, created)
		}
		listed := h.mustData("hypervvm_checkpoints", attrs{"vm_id": powerVM})["checkpoints"].([]any)
		if len(listed) != 1 || listed[0].(attrs)["id"] != state["id"] || listed[0].(attrs)["current"] != true {
			t.Errorf("the data source has %v", listed)
		}
		imported, err := h.server.ImportResourceState(h.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: checkpointType, ID: powerVM + "/" + state["id"].(string)})
		if err != nil {
			t.Fatal(err)
		}
		h.mustSucceed("import", imported.Diagnostics)
		value, err := imported.ImportedResources[0].State.Unmarshal(h.resourceKind(checkpointType))
		if err != nil {
			t.Fatal(err)
		}
		if read := h.readCheckpoint(value); !read.Equal(created) {
			t.Errorf("imported %v, want %v", read, created)
		}

		identity := h.encodeIdentity(checkpointType, attrs{"vm_id": powerVM, "id": state["id"]})
		imported, err = h.server.ImportResourceState(h.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: checkpointType, Identity: identity})
		if err != nil {
			t.Fatal(err)
		}
		h.mustSucceed("import by identity", imported.Diagnostics)
		if again, err := imported.ImportedResources[0].State.Unmarshal(h.resourceKind(checkpointType)); err != nil || !again.Equal(value) {
			t.Errorf("imported by identity: %v, %v", again, err)
		}

		updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Checkpoints, s.VMs[0].ParentCheckpoint = nil, "" })
		if read := h.readCheckpoint(created); !read.IsNull() {
			t.Errorf("a checkpoint that vanished is read as %v", read)
		}
		created, diags = h.applyCheckpoint(h.noCheckpoint(), config)
		h.mustSucceed("create again", diags)
		for range 2 { // the second time it does not exist
			_, diags = h.applyCheckpoint(created, nil)
			h.mustSucceed("destroy", diags)
		}
		if got := hostCheckpoints(t, server); got != "" {
			t.Errorf("the host has the checkpoints %q", got)
		}
	})
}

func TestACheckpointIsTakenAppliedAndRemovedByAction(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		addCheckpointVM(t, server, "Production")
		h := connected(t, server)
		for _, step := range []struct {
			config                attrs
			state, names, message string
		}{
			{attrs{"operation": "take", "name": "one"}, "Running", "one ", "[2/2] checkpoint: take checkpoint 'one'"},
			{attrs{"operation": "take", "name": "two"}, "Running", "one two ", "take checkpoint 'two'"},
			{attrs{"operation": "apply", "name": "one"}, "Off", "one two ", "[3/3] checkpoint: apply checkpoint 'one'"},
			{attrs{"operation": "apply", "name": "two", "start": true}, "Running", "one two ", "[3/3] start: start the virtual machine"},
			{attrs{"operation": "remove", "name": "one", "include_children": true}, "Running", "", "and those that were taken after it"},
			{attrs{"operation": "remove", "name": "one"}, "Running", "", "there is nothing to remove"},
		} {
			messages, diags := h.invoke(h.ctx, checkpointType, attrs{"vm_id": powerVM}.with(step.config), nil)
			h.mustSucceed(step.message, diags)
			if got := powerState(t, server); got != step.state || hostCheckpoints(t, server) != step.names || !strings.Contains(messages, step.message) {
				t.Errorf("%v: the virtual machine is %s with %q, messages:\n%s", step.config, got, hostCheckpoints(t, server), messages)
			}
		}
		_, diags := h.invoke(h.ctx, checkpointType, attrs{"vm_id": powerVM, "operation": "apply", "name": "one"}, nil)
		h.mustFail(diags, "name", "Unable to apply a checkpoint of virtual machine old-01", "has no checkpoint 'one'")
	})
}

func TestACancelledApplyStartsTheVMAgain(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addCheckpointVM(t, server, "Production")
	h := connected(t, server)
	_, diags := h.invoke(h.ctx, checkpointType, attrs{"vm_id": powerVM, "operation": "take", "name": "one"}, nil)
	h.mustSucceed("take", diags)
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Stop-VM": {DelayMS: 2000, Times: 1}}
	})
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	messages, diags := h.invoke(ctx, checkpointType, attrs{"vm_id": powerVM, "operation": "apply", "name": "one"}, func(message string) {
		if strings.Contains(message, "turn off") {
			cancel() // as Ctrl-C
		}
	})
	h.mustFail(diags, "", "Unable to apply a checkpoint of virtual machine old-01", "cancel")
	if got := powerState(t, server); got != "Running" {
		t.Errorf("the virtual machine is %s, messages:\n%s", got, messages)
	}
}

func TestACheckpointIsFoundOnTheNodeToWhichItsVMMoved(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	addCheckpointVM(t, n.hosts["hv01"], "Production")
	h := n.connectAs("hv01", "hv02")
	created, diags := h.applyCheckpoint(tftypes.NewValue(h.resourceKind(checkpointType), nil), attrs{"vm_id": powerVM, "name": "one", "host": "hv01"})
	h.mustSucceed("create", diags)
	n.move("hv01", "hv02")
	h = n.connectAs("hv01", "hv02")
	if read := h.readCheckpoint(created); !read.Equal(created) {
		t.Errorf("read %v, want %v", read, created)
	}
	_, diags = h.applyCheckpoint(created, nil)
	h.mustSucceed("destroy", diags)
	if got := hostCheckpoints(t, n.hosts["hv02"]); got != "" {
		t.Errorf("the host has the checkpoints %q", got)
	}
}

func TestOneOfTwoCheckpointsOfANameIsNamedByItsGUID(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addCheckpointVM(t, server, "Production")
	h := connected(t, server)
	var states []tftypes.Value
	for range 2 {
		created, diags := h.applyCheckpoint(tftypes.NewValue(h.resourceKind(checkpointType), nil), attrs{"vm_id": powerVM, "name": "same"})
		h.mustSucceed("create", diags)
		states = append(states, created)
	}
	_, diags := h.invoke(h.ctx, checkpointType, attrs{"vm_id": powerVM, "operation": "remove", "name": "same"}, nil)
	h.mustFail(diags, "name", "Unable to remove a checkpoint of virtual machine old-01", "2 checkpoints")
	_, diags = h.applyCheckpoint(states[0], nil)
	h.mustSucceed("destroy", diags)
	if gone := h.readCheckpoint(states[0]); !gone.IsNull() || h.readCheckpoint(states[1]).IsNull() {
		t.Errorf("the host has the checkpoints %q", hostCheckpoints(t, server))
	}
}

func TestPlansOfCheckpoints(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addCheckpointVM(t, server, "Disabled")
	h := connected(t, server)
	h.mustWarn(h.planAction(checkpointType, attrs{"vm_id": powerVM, "operation": "take", "name": "one"}), "vm_id", "are disabled", "checkpoint_type")
	for _, tt := range []struct {
		config    attrs
		attribute string
		text      string
	}{
		{attrs{"operation": "take"}, "name", "set name and not checkpoint_id"},
		{attrs{"operation": "apply"}, "checkpoint_id", "set either checkpoint_id or name"},
		{attrs{"operation": "explode", "name": "one"}, "operation", "must be one of take, apply, remove"},
		{attrs{"operation": "remove", "checkpoint_id": "one"}, "checkpoint_id", "must be the GUID of a checkpoint"},
		{attrs{"operation": "remove", "name": "one", "start": true}, "start", "Only apply starts"},
		{attrs{"operation": "take", "name": "one", "include_children": true}, "include_children", "Only remove removes"},
		{attrs{"operation": "take", "name": "one", "timeout": "soon"}, "timeout", `but is "soon"`},
	} {
		h.mustFail(h.planAction(checkpointType, attrs{"vm_id": powerVM}.with(tt.config)), tt.attribute, tt.text)
	}
	_, diags := h.applyCheckpoint(h.noCheckpoint(), attrs{"vm_id": powerVM, "name": "one"})
	h.mustFail(diags, "vm_id", "checkpoints are disabled for virtual machine 'old-01'")
}
