// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// applyAfter applies a plan that needs the name of another virtual machine, and the second one when the first one has been refused by the
// host for the first time.
func (h *harness) applyAfter(first, second planned) (made, other resource) {
	h.t.Helper()
	type outcome struct {
		resource
		diags []*tfprotov6.Diagnostic
	}
	refused := h.log.whenWritten("already exists on host")
	done := make(chan outcome)
	go func() {
		r, diags := h.applyOnce(h.ctx, first)
		done <- outcome{r, diags}
	}()
	select {
	case <-refused:
	case early := <-done:
		h.t.Fatalf("the apply did not wait: %s", render(early.diags))
	}
	other, diags := h.applyOnce(h.ctx, second)
	h.mustSucceed("apply", diags)
	ended := <-done
	h.mustSucceed("apply that waits", ended.diags)
	return ended.resource, other
}

// patient returns a provider whose jobs wait for a name until another operation begins.
func patient(h *harness) *harness {
	h.provider.SetNameSettle(time.Hour)
	h.mustSucceed("configure", h.configure(h.config))
	return h
}

func TestANameIsGivenFromOneVMToAnotherInOneApply(t *testing.T) {
	t.Parallel()
	t.Run("renames", func(t *testing.T) {
		t.Parallel()
		server := startHost(t, nil)
		h := patient(connected(t, server))
		a, b := h.mustApply(h.none(), linux("n-1")), h.mustApply(h.none(), linux("n-2"))
		h = patient(connected(t, server))
		a, b = h.mustRead(a), h.mustRead(b)
		planA, planB := h.plan(a, linux("n-3")), h.plan(b, linux("n-1"))
		h.mustSucceed("plan", append(planA.diags, planB.diags...))
		h.applyAfter(planB, planA)
		if names := vmNames(t, server); !slices.Contains(names, "n-1") || !slices.Contains(names, "n-3") || len(names) != 2 {
			t.Errorf("the host has %v", names)
		}
	})
	t.Run("a changed label", func(t *testing.T) {
		t.Parallel()
		server := startHost(t, nil)
		h := patient(connected(t, server))
		created := h.mustApply(h.none(), linux("web-01"))
		h = patient(connected(t, server))
		remove, create := h.plan(h.mustRead(created), nil), h.plan(h.none(), linux("web-01"))
		h.mustSucceed("plan", append(remove.diags, create.diags...))
		again, _ := h.applyAfter(create, remove)
		if h.get(again, "id") == h.get(created, "id") || len(vmNames(t, server)) != 1 {
			t.Errorf("the host has %v", vmNames(t, server))
		}
	})
}

func TestVMsThatExchangeTheirNamesAreRefusedInThePlan(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	var state []resource
	for i := range 3 {
		state = append(state, h.mustApply(h.none(), linux(fmt.Sprintf("n-%d", i))))
	}
	h = connected(t, server)
	h.mustSucceed("the first", h.plan(state[0], linux("N-1")).diags)
	h.mustSucceed("the second", h.plan(state[1], linux("n-2")).diags)
	h.mustFail(h.plan(state[2], linux("n-0")).diags, "vm_name", "Virtual machines exchange their names", "unused name")

	h = connected(t, server)
	h.mustSucceed("a chain", h.plan(state[0], linux("n-1")).diags)
	h.mustSucceed("a chain", h.plan(state[1], linux("n-2")).diags)
	h.mustSucceed("a chain", h.plan(state[2], linux("n-3")).diags)

	// Somebody has exchanged the names on the host.
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Name, s.VMs[1].Name = s.VMs[1].Name, s.VMs[0].Name })
	h = connected(t, server)
	h.mustSucceed("the first", h.plan(h.mustRead(state[0]), linux("n-0")).diags)
	h.mustWarn(h.plan(h.mustRead(state[1]), linux("n-1")).diags, "vm_name", "Virtual machines exchange their names")
}
