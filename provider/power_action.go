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

// powerTimeout is the default time limit of a power action: longer than the waits for a shutdown and for the guest.
const powerTimeout = 30 * time.Minute

// powerAction implements the action `hypervvm_power`.
type powerAction struct{ vmResource }

var (
	_ action.ActionWithConfigure      = (*powerAction)(nil)
	_ action.ActionWithValidateConfig = (*powerAction)(nil)
	_ action.ActionWithModifyPlan     = (*powerAction)(nil)
)

type powerConfig struct {
	Host        types.String `tfsdk:"host"`
	VMID        types.String `tfsdk:"vm_id"`
	Operation   types.String `tfsdk:"operation"`
	ForceStop   types.Bool   `tfsdk:"force_stop"`
	WaitFor     types.String `tfsdk:"wait_for"`
	WaitSeconds types.Int64  `tfsdk:"wait_seconds"`
	Timeout     types.String `tfsdk:"timeout"`
}

// Metadata sets the type name of the action.
func (*powerAction) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = typeName + "_power"
}

// Schema returns the attributes of the action.
func (*powerAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Changes the power state of a virtual machine on request, as a job on its host with progress messages: it is queued, can be cancelled, and a restart that fails starts the " +
			"virtual machine again. An operation that changes nothing succeeds, so that an action can run twice.\n\n" +
			"An action does not change the Terraform state: the attribute `state` of the resource shows the new power state after the next refresh, and `power_state` of the resource stays the desired state, " +
			"which the next apply restores. When an action that a resource triggers fails, Terraform 1.14 does not run it again. Requires Terraform 1.14 or later.",
		Attributes: map[string]schema.Attribute{
			"vm_id": schema.StringAttribute{Required: true, MarkdownDescription: "GUID of the virtual machine: the attribute `id` of the resource."},
			"host": schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the host in the provider configuration. " +
				"A virtual machine that moved is found on any host. Defaults to a search of all hosts."},
			"operation": schema.StringAttribute{Required: true, MarkdownDescription: "One of:\n" +
				"  - `start`: starts the virtual machine, resumes it if it is paused.\n" +
				"  - `shut_down`: shuts down the guest.\n" +
				"  - `turn_off`: turns the virtual machine off without shutting down the guest.\n" +
				"  - `restart`: shuts down the guest, and starts the virtual machine.\n" +
				"  - `reset`: restarts the virtual machine without shutting down the guest.\n" +
				"  - `save`: saves the state of the virtual machine to disk.\n" +
				"  - `pause`: pauses the virtual machine.\n" +
				"  - `resume`: resumes a paused virtual machine."},
			"force_stop": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether `shut_down` and `restart` turn the virtual machine off if the guest does not shut down. Defaults to `false`."},
			"wait_for": schema.StringAttribute{Optional: true, MarkdownDescription: "What to wait for after `start`, `restart`, `reset` and `resume`: `nothing`, a `heartbeat` of the integration services, " +
				"or an IP `address`. Defaults to `nothing`."},
			"wait_seconds": schema.Int64Attribute{Optional: true, MarkdownDescription: "How long to wait for it, in seconds. Must be between 1 and 7200. Defaults to `600`."},
			"timeout":      schema.StringAttribute{Optional: true, MarkdownDescription: "Time limit of the job, for example `10m`. A job that exceeds it is cancelled. Defaults to `30m`."},
		},
	}
}

// Configure receives the connection that [Provider.Configure] made.
func (a *powerAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.conn, _ = req.ProviderData.(*connection)
}

// ValidateConfig validates the configuration without a host.
func (*powerAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var c powerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	c.limit(&resp.Diagnostics)
	oneOf := func(name string, v types.String, choices []string) {
		if !v.IsNull() && !v.IsUnknown() && !slices.Contains(choices, v.ValueString()) {
			resp.Diagnostics.AddAttributeError(path.Root(name), "Invalid "+name, fmt.Sprintf("%s must be one of %s, but is %q.", name, strings.Join(choices, ", "), v.ValueString()))
		}
	}
	oneOf("operation", c.Operation, job.PowerActions())
	oneOf("wait_for", c.WaitFor, []string{"nothing", "heartbeat", "address"})
	if id := c.VMID; !id.IsNull() && !id.IsUnknown() && uuid.Validate(id.ValueString()) != nil {
		resp.Diagnostics.AddAttributeError(path.Root("vm_id"), "Invalid vm_id",
			fmt.Sprintf("vm_id must be the GUID of a virtual machine, but is %q. Use the attribute id of the resource.", id.ValueString()))
	}
	if n := c.WaitSeconds.ValueInt64(); !c.WaitSeconds.IsNull() && !c.WaitSeconds.IsUnknown() && (n < 1 || n > 7200) {
		resp.Diagnostics.AddAttributeError(path.Root("wait_seconds"), "Invalid wait_seconds", fmt.Sprintf("wait_seconds must be between 1 and 7200, but is %d.", n))
	}
	if c.waits() && slices.Contains([]string{"shut_down", "turn_off", "save", "pause"}, c.Operation.ValueString()) {
		resp.Diagnostics.AddAttributeError(path.Root("wait_for"), "Invalid wait_for", "After "+c.Operation.ValueString()+" the guest does not run. Remove wait_for.")
	}
}

func (c *powerConfig) waits() bool {
	return c.WaitFor.ValueString() != "" && c.WaitFor.ValueString() != "nothing"
}

// limit returns the time limit.
func (c *powerConfig) limit(diags *diag.Diagnostics) time.Duration {
	if c.Timeout.IsNull() || c.Timeout.IsUnknown() {
		return powerTimeout
	}
	limit, err := time.ParseDuration(c.Timeout.ValueString())
	if err != nil || limit <= 0 {
		diags.AddAttributeError(path.Root("timeout"), "Invalid timeout", fmt.Sprintf("timeout must be a duration longer than 0, such as 10m, but is %q.", c.Timeout.ValueString()))
	}
	return limit
}

// verb returns the operation for messages.
func (c *powerConfig) verb() string { return strings.ReplaceAll(c.Operation.ValueString(), "_", " ") }

// ModifyPlan checks that the virtual machine exists, as far as the configuration is known.
func (a *powerAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var c powerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() || !a.ready() || c.VMID.IsUnknown() || c.Host.IsUnknown() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	summary := errorSummary(c.verb(), c.VMID.ValueString())
	switch _, _, err := a.find(ctx, &c); {
	case errors.Is(err, hvprov.ErrVMNotFound):
		resp.Diagnostics.AddAttributeError(path.Root("vm_id"), summary, sentence(err))
	case errors.Is(err, hvprov.ErrHostUnknown):
		addError(&resp.Diagnostics, summary, err)
	case err != nil:
		addAsWarnings(&resp.Diagnostics, summary, err, "The plan was not checked. The action fails while that lasts.")
	}
}

// find returns the virtual machine, and the host that has it.
func (a *powerAction) find(ctx context.Context, c *powerConfig) (host string, vm *job.VM, err error) {
	return a.conn.lookup(ctx, a.configuredHost(c.Host.ValueString()), c.VMID.ValueString())
}

// Invoke runs one job, and reports its events as progress messages.
func (a *powerAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var c powerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	limit := c.limit(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if !a.ready() {
		addNotReady(&resp.Diagnostics, errorSummary(c.verb(), c.VMID.ValueString()))
		return
	}
	host, vm, err := a.find(ctx, &c)
	if err != nil {
		addError(&resp.Diagnostics, errorSummary(c.verb(), c.VMID.ValueString()), err)
		return
	}
	values := map[string]any{"power_action": c.Operation.ValueString(), "force_stop": c.ForceStop.ValueBool()}
	if c.waits() {
		values["wait_for"] = c.WaitFor.ValueString()
		if !c.WaitSeconds.IsNull() {
			values["wait_seconds"] = c.WaitSeconds.ValueInt64()
		}
	}
	a.runReported(ctx, resp, hvprov.Submission{
		Host: host, Operation: job.OperationPower, VMID: vm.ID, Values: values, Limit: limit, SkipInventoryCheck: true,
	}, vm.Name, errorSummary(c.verb(), vm.Name))
}

// runReported runs a job of an action. Terraform may have stopped reading the progress messages, and a message would then never be taken:
// messages are sent by this goroutine, so that the job goes on, or is cancelled, in another one.
func (r *vmResource) runReported(ctx context.Context, resp *action.InvokeResponse, sub hvprov.Submission, name, summary string) {
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
		err := r.runWhenFree(ctx, sub, name, &diags, say)
		if err == nil {
			return
		}
		var found diag.Diagnostics
		addError(&found, summary, err)
		for _, d := range found {
			if at, ok := d.(diag.DiagnosticWithPath); ok && at.Path().Equal(path.Root("power_action")) {
				d = diag.NewAttributeErrorDiagnostic(path.Root("operation"), d.Summary(), d.Detail())
			}
			diags.Append(d)
		}
	}()
	for text := range messages {
		resp.SendProgress(action.InvokeProgressEvent{Message: name + ": " + text})
	}
	resp.Diagnostics.Append(diags...)
}

// runWhenFree runs a job as soon as no other job works on the virtual machine: Terraform may run several actions of one at once.
func (r *vmResource) runWhenFree(ctx context.Context, sub hvprov.Submission, name string, diags *diag.Diagnostics, say func(string)) error {
	for {
		_, _, err := r.runJob(ctx, queryLimit, sub, name, diags)
		var busy *hvprov.VMBusyError
		if !errors.As(err, &busy) {
			return err
		}
		say(fmt.Sprintf("waits for job %s (%s)", busy.JobID, busy.Operation))
		other, err := r.conn.service.Attach(ctx, busy.Host, busy.JobID)
		if errors.Is(err, hvprov.ErrJobNotFound) {
			continue // it has ended
		}
		if err != nil {
			return err
		}
		select {
		case <-other.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
