// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const powerVM = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"

// actionServer returns the server of actions, and a configuration of hypervvm_power.
func (h *harness) actionServer(name string, config attrs) (tfprotov6.ActionServer, *tfprotov6.DynamicValue) {
	h.t.Helper()
	server, ok := h.server.(tfprotov6.ActionServer)
	if !ok {
		h.t.Fatal("the server has no actions")
	}
	return server, h.dynamic(h.schema.ActionSchemas[name].Schema.ValueType(), config)
}

// planPower validates and plans the action hypervvm_power.
func (h *harness) planPower(config attrs) []*tfprotov6.Diagnostic {
	h.t.Helper()
	return h.planAction("hypervvm_power", config)
}

// planAction validates and plans an action.
func (h *harness) planAction(name string, config attrs) []*tfprotov6.Diagnostic {
	h.t.Helper()
	server, value := h.actionServer(name, config)
	valid, err := server.ValidateActionConfig(h.ctx, &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: value})
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(valid.Diagnostics) {
		return valid.Diagnostics
	}
	planned, err := server.PlanAction(h.ctx, &tfprotov6.PlanActionRequest{ActionType: name, Config: value})
	if err != nil {
		h.t.Fatal(err)
	}
	return planned.Diagnostics
}

// invokePower runs the action hypervvm_power.
func (h *harness) invokePower(ctx context.Context, config attrs, on func(message string)) (messages string, diags []*tfprotov6.Diagnostic) {
	h.t.Helper()
	return h.invoke(ctx, "hypervvm_power", config, on)
}

// invoke runs an action, and calls on for each progress message.
func (h *harness) invoke(ctx context.Context, name string, config attrs, on func(message string)) (messages string, diags []*tfprotov6.Diagnostic) {
	h.t.Helper()
	server, value := h.actionServer(name, config)
	stream, err := server.InvokeAction(ctx, &tfprotov6.InvokeActionRequest{ActionType: name, Config: value})
	if err != nil {
		h.t.Fatal(err)
	}
	for event := range stream.Events {
		switch event := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			messages += event.Message + "\n"
			if on != nil {
				on(event.Message)
			}
		case tfprotov6.CompletedInvokeActionEventType:
			diags = event.Diagnostics
		}
	}
	return messages, diags
}

// power runs an operation, which must succeed.
func (h *harness) power(operation string, config attrs) (messages string) {
	h.t.Helper()
	messages, diags := h.invokePower(h.ctx, attrs{"vm_id": powerVM, "operation": operation}.with(config), nil)
	h.mustSucceed(operation, diags)
	return messages
}

// addPowerVM adds a virtual machine that no job created.
func addPowerVM(t *testing.T, server *simhost.Server, state string) {
	t.Helper()
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: powerVM, Name: "old-01", State: state, Generation: 2, MemoryStartupBytes: 2 << 30, ProcessorCount: 1})
	})
}

// powerState returns the state of the only virtual machine of a host.
func powerState(t *testing.T, server *simhost.Server) string {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil || len(state.VMs) != 1 {
		t.Fatalf("the host has %+v, %v", state.VMs, err)
	}
	return state.VMs[0].State
}

func TestPowerOperationsChangeThePowerState(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addPowerVM(t, server, "Off")
	h := connected(t, server)
	for _, step := range []struct{ operation, state, message string }{
		{"start", "Running", "old-01: [2/2] start: start the virtual machine"},
		{"start", "Running", "old-01: preflight: virtual machine 'old-01' is running: start changes nothing"},
		{"pause", "Paused", "[2/2] power: pause the virtual machine"},
		{"resume", "Running", "[2/2] start: resume the virtual machine"},
		{"save", "Saved", "[2/2] power: save the state of the virtual machine"},
		{"start", "Running", "[2/2] start: start the virtual machine"},
		{"reset", "Running", "[2/2] power: reset the virtual machine"},
		{"restart", "Running", "[3/3] start: start the virtual machine"},
		{"shut_down", "Off", "[2/2] stop: shut down the virtual machine"},
		{"shut_down", "Off", "shut_down changes nothing"},
	} {
		messages := h.power(step.operation, attrs{"host": server.Address()})
		if got := powerState(t, server); got != step.state || !strings.Contains(messages, step.message) {
			t.Errorf("after %s the virtual machine is %s, messages:\n%s", step.operation, got, messages)
		}
	}
}

func TestAPowerOperationOnTheRealAgent(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 1)
	addPowerVM(t, server, "Running")
	h := connected(t, server)
	messages := h.power("restart", attrs{})
	if !strings.Contains(messages, "[2/3] stop: shut down the virtual machine") || !strings.Contains(messages, "[3/3] start: start the virtual machine") || powerState(t, server) != "Running" {
		t.Errorf("messages:\n%s", messages)
	}
}

func TestAPowerOperationIsRefused(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addPowerVM(t, server, "Off")
	h := connected(t, server)
	_, diags := h.invokePower(h.ctx, attrs{"vm_id": powerVM, "operation": "pause"}, nil)
	h.mustFail(diags, "operation", "Unable to pause virtual machine old-01", "pause is not possible", "is off", "paused, running")

	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "the service is stopping"}}
	})
	_, diags = h.invokePower(h.ctx, attrs{"vm_id": powerVM, "operation": "start"}, nil)
	h.mustFail(diags, "", "Unable to start virtual machine old-01", "in step start", "the service is stopping", "Job ")
}

func TestACancelledRestartStartsTheVMAgain(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addPowerVM(t, server, "Running")
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Stop-VM": {DelayMS: 2000, Times: 1}}
	})
	h := connected(t, server)
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	messages, diags := h.invokePower(ctx, attrs{"vm_id": powerVM, "operation": "restart"}, func(message string) {
		if strings.Contains(message, "shut down") {
			cancel()
		}
	})
	h.mustFail(diags, "", "Unable to restart virtual machine old-01", "cancel")
	if got := powerState(t, server); got != "Running" {
		t.Errorf("the virtual machine is %s, messages:\n%s", got, messages)
	}
}

// Terraform runs an action once for each resource that triggers it, and at once.
func TestPowerOperationsOnOneVMRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addPowerVM(t, server, "Off")
	h := connected(t, server)
	var all sync.WaitGroup
	for _, operation := range []string{"start", "start", "turn_off", "start"} {
		all.Go(func() {
			_, diags := h.invokePower(h.ctx, attrs{"vm_id": powerVM, "operation": operation}, nil)
			if hasError(diags) {
				t.Error(render(diags))
			}
		})
	}
	all.Wait()
}

func TestPlansOfPowerOperations(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	addPowerVM(t, server, "Off")
	h := connected(t, server)
	h.mustSucceed("plan", h.planPower(attrs{"vm_id": powerVM, "operation": "start", "wait_for": "heartbeat", "wait_seconds": 60, "timeout": "10m"}))
	h.mustSucceed("plan", h.planPower(attrs{"vm_id": unknown{}, "operation": "start"}))
	for _, tt := range []struct {
		name      string
		config    attrs
		attribute string
		texts     []string
	}{
		{"no such virtual machine", attrs{"vm_id": strings.Replace(powerVM, "0b", "0c", 1)}, "vm_id", []string{"Unable to start virtual machine", "is not on host"}},
		{"no such host", attrs{"host": "hv99"}, "host", []string{`"hv99" is not configured`}},
		{"a name", attrs{"vm_id": "old-01"}, "vm_id", []string{"must be the GUID", "attribute id of the resource"}},
		{"an unknown operation", attrs{"operation": "explode"}, "operation", []string{"must be one of start, shut_down"}},
		{"an invalid limit", attrs{"timeout": "soon"}, "timeout", []string{`but is "soon"`}},
		{"an invalid wait", attrs{"wait_seconds": 0}, "wait_seconds", []string{"between 1 and 7200"}},
		{"a wait for a guest that does not run", attrs{"operation": "save", "wait_for": "address"}, "wait_for", []string{"After save the guest does not run"}},
	} {
		h.mustFail(h.planPower(attrs{"vm_id": powerVM, "operation": "start"}.with(tt.config)), tt.attribute, tt.texts...)
	}
	if err := server.SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	h = connected(t, server)
	h.mustWarn(h.planPower(attrs{"vm_id": powerVM, "operation": "start"}), "host", "Unable to start virtual machine", "The plan was not checked")
}
