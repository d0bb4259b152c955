// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// actionTimeout is the default time limit of a job on request: longer than the waits for a shutdown, for the guest, and for the merge of
// disks.
const actionTimeout = 30 * time.Minute

// vmAction is the part that the actions on a virtual machine share.
type vmAction struct{ vmResource }

// vmTarget is the virtual machine of a job on request, and the limit of the job.
type vmTarget struct {
	Host    types.String `tfsdk:"host"`
	VMID    types.String `tfsdk:"vm_id"`
	Timeout types.String `tfsdk:"timeout"`
}

// Texts of attributes that actions and resources share.
const (
	vmIDText       = "GUID of the virtual machine: the attribute `id` of the resource."
	targetHostText = "Name of the host in the provider configuration. A virtual machine that moved is found on any host. Defaults to a search of all hosts."
	timeoutText    = "Time limit of the job, for example `10m`. A job that exceeds it is cancelled. Defaults to `30m`."
)

// withTarget adds the attributes of a [vmTarget].
func withTarget(attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["vm_id"] = schema.StringAttribute{Required: true, MarkdownDescription: vmIDText}
	attributes["host"] = schema.StringAttribute{Optional: true, MarkdownDescription: targetHostText}
	attributes["timeout"] = schema.StringAttribute{Optional: true, MarkdownDescription: timeoutText}
	return attributes
}

// Configure receives the connection that [Provider.Configure] made.
func (a *vmAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.conn, _ = req.ProviderData.(*connection)
}

func (t vmTarget) validate(diags *diag.Diagnostics) {
	t.limit(diags)
	checkGUID("vm_id", "a virtual machine", t.VMID, diags)
}

// limit returns the time limit.
func (t vmTarget) limit(diags *diag.Diagnostics) time.Duration {
	if t.Timeout.IsNull() || t.Timeout.IsUnknown() {
		return actionTimeout
	}
	limit, err := time.ParseDuration(t.Timeout.ValueString())
	if err != nil || limit <= 0 {
		diags.AddAttributeError(path.Root("timeout"), "Invalid timeout", fmt.Sprintf("timeout must be a duration longer than 0, such as 10m, but is %q.", t.Timeout.ValueString()))
	}
	return limit
}

func checkGUID(name, of string, v types.String, diags *diag.Diagnostics) {
	if !v.IsNull() && !v.IsUnknown() && uuid.Validate(v.ValueString()) != nil {
		diags.AddAttributeError(path.Root(name), "Invalid "+name,
			fmt.Sprintf("%s must be the GUID of %s, but is %q. Use the attribute id of the resource.", name, of, v.ValueString()))
	}
}

func checkOneOf(name string, v types.String, choices []string, diags *diag.Diagnostics) {
	if !v.IsNull() && !v.IsUnknown() && !slices.Contains(choices, v.ValueString()) {
		diags.AddAttributeError(path.Root(name), "Invalid "+name, fmt.Sprintf("%s must be one of %s, but is %q.", name, strings.Join(choices, ", "), v.ValueString()))
	}
}

// findTarget returns the virtual machine, and the host that has it.
func (r *vmResource) findTarget(ctx context.Context, t vmTarget) (host string, vm *job.VM, err error) {
	return r.conn.lookup(ctx, r.configuredHost(t.Host.ValueString()), t.VMID.ValueString())
}

// planTarget reports what prevents a job on a virtual machine, as far as the configuration is known, and returns the virtual machine with its
// host; nil if it is not known.
func (r *vmResource) planTarget(ctx context.Context, t vmTarget, verb string, diags *diag.Diagnostics) (host string, vm *job.VM) {
	if diags.HasError() || !r.ready() || t.VMID.IsUnknown() || t.Host.IsUnknown() {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	summary := errorSummary(verb, t.VMID.ValueString())
	host, vm, err := r.findTarget(ctx, t)
	switch {
	case errors.Is(err, hvprov.ErrVMNotFound):
		diags.AddAttributeError(path.Root("vm_id"), summary, sentence(err))
	case errors.Is(err, hvprov.ErrHostUnknown):
		addError(diags, summary, err)
	case err != nil:
		addAsWarnings(diags, summary, err, "The plan was not checked. The job fails while that lasts.")
	}
	return host, vm
}

// invoke runs a job on the target, and reports its events as progress messages.
func (a *vmAction) invoke(
	ctx context.Context, resp *action.InvokeResponse, t vmTarget, verb string, operation job.Operation, values map[string]any, attributes map[string]string,
) {
	limit := t.limit(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if !a.ready() {
		addNotReady(&resp.Diagnostics, errorSummary(verb, t.VMID.ValueString()))
		return
	}
	host, vm, err := a.findTarget(ctx, t)
	if err != nil {
		addError(&resp.Diagnostics, errorSummary(verb, t.VMID.ValueString()), err)
		return
	}
	a.runReported(ctx, resp, hvprov.Submission{
		Host: host, Operation: operation, VMID: vm.ID, Values: values, Limit: limit, SkipInventoryCheck: true,
	}, vm.Name, errorSummary(verb, vm.Name), attributes)
}

// runReported runs a job of an action. Terraform may have stopped reading the progress messages, and a message would then never be taken:
// messages are sent by this goroutine, so that the job goes on, or is cancelled, in another one.
//
// Attributes are the attributes of the configuration by field of the job.
func (r *vmResource) runReported(
	ctx context.Context, resp *action.InvokeResponse, sub hvprov.Submission, name, summary string, attributes map[string]string,
) {
	messages := make(chan string, 64)
	say := func(text string) {
		select {
		case messages <- text:
		default: // a reader that is too slow misses messages; all are in the log
		}
	}
	sub.OnEvent = func(e job.Event) {
		if e.Kind != job.KindResult {
			say(e.String())
		}
	}
	var diags diag.Diagnostics
	go func() {
		defer close(messages)
		_, err := r.runWhenFree(ctx, sub, name, &diags, say)
		if err == nil {
			return
		}
		addErrorAt(&diags, summary, err, attributes)
	}()
	for text := range messages {
		resp.SendProgress(action.InvokeProgressEvent{Message: name + ": " + text})
	}
	resp.Diagnostics.Append(diags...)
}

// addErrorAt adds the error of a job, at the attributes that its fields are of.
func addErrorAt(diags *diag.Diagnostics, summary string, err error, attributes map[string]string) {
	var found diag.Diagnostics
	addError(&found, summary, err)
	diags.Append(atAttributes(found, attributes)...)
}

// atAttributes moves errors about fields of a job to the attributes of the configuration.
func atAttributes(found diag.Diagnostics, attributes map[string]string) (moved diag.Diagnostics) {
	for _, d := range found {
		if at, ok := d.(diag.DiagnosticWithPath); ok {
			if name, ok := attributes[at.Path().String()]; ok {
				d = diag.NewAttributeErrorDiagnostic(path.Root(name), d.Summary(), d.Detail())
			}
		}
		moved.Append(d)
	}
	return moved
}

// runWhenFree runs a job as soon as no other job works on the virtual machine: Terraform may run several actions of one at once.
func (r *vmResource) runWhenFree(ctx context.Context, sub hvprov.Submission, name string, diags *diag.Diagnostics, say func(string)) (*job.Result, error) {
	for {
		_, result, err := r.runJob(ctx, queryLimit, sub, name, diags)
		var busy *hvprov.VMBusyError
		if !errors.As(err, &busy) {
			return result, err
		}
		say(fmt.Sprintf("waits for job %s (%s)", busy.JobID, busy.Operation))
		other, err := r.conn.service.Attach(ctx, busy.Host, busy.JobID)
		if errors.Is(err, hvprov.ErrJobNotFound) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-other.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
