// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// location records in the private state that a virtual machine is on another host than the one that was last applied.
//
// A refresh that finds it on another host sets `host` in the state to that host, so that the plan shows the move. Applying the plan sets
// `host` back to the configured host, without a change on any host: from then on only this record says where the virtual machine is.
type location struct {
	Configured string `json:"configured"` // `host` as it was last applied
	Actual     string `json:"actual"`     // name of the host that has the virtual machine
}

func readLocation(ctx context.Context, private privateState) (l location) {
	getKey(ctx, private, locationKey, &l)
	return l
}

// saveLocation records a location, or removes the record if the virtual machine is on the configured host.
func saveLocation(ctx context.Context, private privateSetter, l location) diag.Diagnostics {
	if l.Actual == "" || strings.EqualFold(l.Configured, l.Actual) {
		return private.SetKey(ctx, locationKey, nil)
	}
	return setKey(ctx, private, locationKey, l)
}

// host returns the name of the host that has the virtual machine, as far as is known.
func (l location) host(state string) string {
	if l.Actual != "" {
		return l.Actual
	}
	return state
}

// replaces reports whether a planned host replaces the virtual machine: it is neither the host that has it nor the one that was last
// applied.
func (l location) replaces(state, planned string) bool {
	for _, known := range []string{state, l.Actual, l.Configured} {
		if known != "" && strings.EqualFold(planned, known) {
			return false
		}
	}
	return true
}

// observed returns the location, and the value of `host` in the state, after the virtual machine was found on a host.
func (l location) observed(state, found string) (next location, host string) {
	configured := l.Configured
	if configured == "" {
		configured = state
	}
	next = location{Configured: configured, Actual: found}
	if strings.EqualFold(found, l.Actual) || strings.EqualFold(found, state) {
		return next, state // seen before, or not moved
	}
	if strings.EqualFold(found, configured) {
		return next, configured // it is back
	}
	return next, found
}

// find returns a virtual machine and its location. The host of the state is asked if the recorded one is not configured any more, and all
// hosts if that one is not configured either.
func (r *vmResource) find(ctx context.Context, is identity, l location) (found string, vm *job.VM, err error) {
	found, vm, err = r.conn.service.FindVM(ctx, r.conn.hostName(l.host(is.host.ValueString())), is.id.ValueString())
	if errors.Is(err, hvprov.ErrHostUnknown) && l.Actual != "" {
		found, vm, err = r.conn.service.FindVM(ctx, r.conn.hostName(is.host.ValueString()), is.id.ValueString())
	}
	if hosts := r.conn.service.Hosts(); errors.Is(err, hvprov.ErrHostUnknown) && len(hosts) > 0 {
		unknown := err
		if found, vm, err = r.conn.service.FindVM(ctx, hosts[0], is.id.ValueString()); errors.Is(err, hvprov.ErrVMNotFound) {
			err = unknown // where it may be
		}
	}
	return found, vm, err
}

// whereIs returns the configured host that has a virtual machine, as far as is known. If the host of the state is not configured any more,
// the others are asked.
func (r *vmResource) whereIs(ctx context.Context, is identity, l location) (string, error) {
	host := r.conn.hostName(l.host(is.host.ValueString()))
	if r.conn.isHost(host) {
		return host, nil
	}
	found, _, err := r.find(ctx, is, l)
	return found, err
}

// inPlace reports whether a host that the plan modifiers found to be another one is the host that has the virtual machine: they do not
// know the configured hosts.
func (r *vmResource) inPlace(ctx context.Context, is identity, l location, planned tftypes.Value) bool {
	if !isKnownValue(planned) || is.id.ValueString() == "" {
		return false
	}
	if is.host.ValueString() != "" && strings.EqualFold(r.conn.hostName(stringOf(planned)), r.conn.hostName(is.host.ValueString())) {
		return true
	}
	host, err := r.whereIs(ctx, is, l)
	return err == nil && strings.EqualFold(r.conn.hostName(stringOf(planned)), host)
}

// runJobWhereVMIs runs a job on the host of the submission, or where the virtual machine has moved to meanwhile. It returns the host.
func (r *vmResource) runJobWhereVMIs(ctx context.Context, limit time.Duration, sub hvprov.Submission, name string, diags *diag.Diagnostics) (string, *job.Result, error) {
	always := func(string) bool { return true }
	_, result, err := r.runNamedJob(ctx, limit, sub, name, diags, always)
	if !errors.Is(err, hvprov.ErrVMElsewhere) && !errors.Is(err, hvprov.ErrVMNotFound) {
		return sub.Host, result, err
	}
	found, _, findErr := r.conn.service.FindVM(ctx, sub.Host, sub.VMID)
	switch {
	case findErr != nil && errors.Is(findErr, hvprov.ErrVMElsewhere):
		return sub.Host, result, findErr
	case findErr != nil, strings.EqualFold(found, sub.Host):
		return sub.Host, result, err
	}
	sub.Host = found
	_, result, err = r.runNamedJob(ctx, limit, sub, name, diags, always)
	return found, result, err
}

// warnMoved reports in the plan that the virtual machine has moved since the last apply.
func (r *vmResource) warnMoved(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state, planned types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("host"), &state)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("host"), &planned)...)
	l := readLocation(ctx, req.Private)
	if l.Actual == "" || !strings.EqualFold(state.ValueString(), l.Actual) || strings.EqualFold(planned.ValueString(), l.Actual) {
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("host"), "Virtual machine "+r.displayName(req.State.Raw)+" moved from "+l.Configured+" to "+l.Actual,
		fmt.Sprintf("It is managed on host %s from now on. It is neither replaced nor moved back: applying the plan only records that it is known. "+
			"To show the host in the configuration, set host = %q.", l.Actual, l.Actual))
}

// hostReplaces reports whether a planned host replaces the virtual machine of a state.
func hostReplaces(ctx context.Context, private privateState, before, after tftypes.Value) bool {
	if before.Equal(after) || before.IsNull() && isImported(ctx, private) {
		return false
	}
	if !isKnownValue(after) {
		return true
	}
	return readLocation(ctx, private).replaces(stringOf(before), stringOf(after))
}

// addElsewhere reports that the location of a virtual machine cannot be determined, and that the state stays as it is.
func addElsewhere(diags *diag.Diagnostics, name string, err error) {
	diags.AddAttributeWarning(path.Root("host"), "Virtual machine "+name+" was not refreshed",
		sentence(err)+" The state is kept as it was. "+elsewhereRemedy(err))
}

// elsewhereRemedy returns what to do about a virtual machine that moved to a host which cannot be used.
func elsewhereRemedy(err error) string {
	var elsewhere *hvprov.VMElsewhereError
	if errors.As(err, &elsewhere) && elsewhere.Node != "" && elsewhere.Err == nil {
		return "Add node " + elsewhere.Node + " to hosts of " + hostConfiguration(err) + ": each node of a cluster is a host."
	}
	return "Make all hosts of " + hostConfiguration(err) + " available, or remove those that no longer exist from it."
}
