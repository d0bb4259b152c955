// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// vmList implements the list resource `hypervvm`: the virtual machines of hosts, for `terraform query`.
type vmList struct{ vmResource }

var (
	_ list.ListResourceWithConfigure      = (*vmList)(nil)
	_ list.ListResourceWithValidateConfig = (*vmList)(nil)
)

// vmFilter selects virtual machines: of the list resource and of the data source `hypervvm_vms`.
type vmFilter struct {
	Host          types.String `tfsdk:"host"`
	NameRegex     types.String `tfsdk:"name_regex"`
	State         types.String `tfsdk:"state"`
	UnmanagedOnly types.Bool   `tfsdk:"unmanaged_only"`
}

// Texts of the attributes of a filter.
const (
	filterHostText  = "Name of a host of the provider configuration. Defaults to all hosts."
	filterNameText  = "Regular expression (RE2 syntax) that matches a part of the name, without regard to letter case. Anchor it with `^` and `$` to match the whole name."
	filterStateText = "Power state: `running`, `off`, `paused`, `saved`, `starting`, `stopping` or `other`."
	unmanagedText   = "Whether to omit the virtual machines that a job of this provider created. Virtual machines that were imported are not omitted: a provider does not know the state. Defaults to `false`."
)

var powerStates = []string{"running", "off", "paused", "saved", "starting", "stopping", "other"}

// ListResourceConfigSchema returns the attributes of the filter.
func (*vmList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = listschema.Schema{
		MarkdownDescription: "Virtual machines of the hosts, for `terraform query`, also those that Terraform does not manage. Reads the inventory of each host once. " +
			"Requires Terraform 1.14 or later. With `-generate-config-out`, Terraform writes their configurations and import blocks.",
		Attributes: map[string]listschema.Attribute{
			"host":           listschema.StringAttribute{Optional: true, MarkdownDescription: filterHostText},
			"name_regex":     listschema.StringAttribute{Optional: true, MarkdownDescription: filterNameText},
			"state":          listschema.StringAttribute{Optional: true, MarkdownDescription: filterStateText},
			"unmanaged_only": listschema.BoolAttribute{Optional: true, MarkdownDescription: unmanagedText},
		},
	}
}

// ValidateListResourceConfig validates the filter.
func (*vmList) ValidateListResourceConfig(ctx context.Context, req list.ValidateConfigRequest, resp *list.ValidateConfigResponse) {
	var filter vmFilter
	resp.Diagnostics.Append(req.Config.Get(ctx, &filter)...)
	filter.validate(&resp.Diagnostics)
}

func (f vmFilter) validate(diags *diag.Diagnostics) {
	if _, err := regexp.Compile(f.NameRegex.ValueString()); err != nil {
		diags.AddAttributeError(path.Root("name_regex"), "Invalid name_regex", sentence(err)+" Use the syntax of https://github.com/google/re2/wiki/Syntax.")
	}
	if state := f.State.ValueString(); state != "" && !slices.Contains(powerStates, state) {
		diags.AddAttributeError(path.Root("state"), "Invalid state", fmt.Sprintf("state must be one of %s, but is %q.", strings.Join(powerStates, ", "), state))
	}
}

// selected returns the virtual machines of a host that the filter selects, sorted by name.
func (f vmFilter) selected(snapshot *inventory.Snapshot) (vms []*job.VM) {
	name := regexp.MustCompile("(?i:" + f.NameRegex.ValueString() + ")")
	state := f.State.ValueString()
	for i := range snapshot.VMs {
		vm := &snapshot.VMs[i]
		if name.MatchString(vm.Name) && (state == "" || state == vm.PowerState) && (!f.UnmanagedOnly.ValueBool() || vm.JobID == "") {
			vms = append(vms, vm)
		}
	}
	slices.SortFunc(vms, func(a, b *job.VM) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return vms
}

// hosts returns the names of the hosts of the filter. It reports an unknown host.
func (f vmFilter) hosts(c *connection, diags *diag.Diagnostics) []string {
	host := f.Host.ValueString()
	if host == "" {
		return c.service.Hosts()
	}
	known, ok := c.findHost(host)
	if !ok {
		c.addUnknownHost(diags, host, "")
		return nil
	}
	return []string{known}
}

// hostInventory is the inventory of a host, or why there is none.
type hostInventory struct {
	host     string
	snapshot *inventory.Snapshot
	err      error
}

// inventories requests the inventories of hosts at once, and yields them in order. It stops when the context ends.
func (c *connection) inventories(ctx context.Context, hosts []string) func(yield func(hostInventory) bool) {
	return func(yield func(hostInventory) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		answers := make([]chan hostInventory, len(hosts))
		for i, host := range hosts {
			answers[i] = make(chan hostInventory, 1)
			running.Go(func() {
				snapshot, err := c.service.HostInventory(ctx, host)
				answers[i] <- hostInventory{host, snapshot, err}
			})
		}
		for _, answer := range answers {
			if !yield(<-answer) {
				return
			}
		}
	}
}

// List streams the virtual machines that the filter selects, host by host. A host that cannot be read does not end the stream.
func (l *vmList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	var filter vmFilter
	diags.Append(req.Config.Get(ctx, &filter)...)
	if !l.ready() {
		addNotReady(&diags, "Unable to list virtual machines")
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	hosts := filter.hosts(l.conn, &diags)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		sent := int64(0)
		for answer := range l.conn.inventories(ctx, hosts) {
			if answer.err != nil {
				var diags diag.Diagnostics
				addError(&diags, "Unable to list the virtual machines of host "+answer.host, answer.err)
				if !push(list.ListResult{Diagnostics: diags}) {
					return
				}
				continue
			}
			for _, vm := range filter.selected(answer.snapshot) {
				if !push(l.result(ctx, req, answer.host, vm)) {
					return
				}
				if sent++; sent == req.Limit { // without a limit it is 0
					return
				}
			}
		}
	}
}

// result returns a virtual machine as an import followed by a refresh would.
func (l *vmList) result(ctx context.Context, req list.ListRequest, host string, vm *job.VM) list.ListResult {
	result := req.NewListResult(ctx)
	result.DisplayName = vm.Name
	result.Diagnostics.Append(result.Identity.Set(ctx, vmIdentity{Host: types.StringValue(host), ID: types.StringValue(vm.ID)})...)
	if !req.IncludeResource {
		return result
	}
	state, err := l.importedState(result.Resource.Schema.Type().TerraformType(ctx), host, vm)
	if err != nil {
		result.Diagnostics.AddError("Unable to list virtual machine "+vm.Name, sentence(err))
	}
	result.Resource = &tfsdk.Resource{Schema: result.Resource.Schema, Raw: state}
	return result
}

// importedState returns the state of a virtual machine after its import and the first refresh.
func (r *vmResource) importedState(kind tftypes.Type, host string, vm *job.VM) (tftypes.Value, error) {
	object, ok := kind.(tftypes.Object)
	if !ok {
		return tftypes.Value{}, errors.New("the resource is not an object")
	}
	attributes := make(map[string]tftypes.Value, len(object.AttributeTypes))
	for name, t := range object.AttributeTypes {
		attributes[name] = tftypes.NewValue(t, nil)
	}
	attributes["allow_power_cycle"] = tftypes.NewValue(tftypes.Bool, false)
	state := tftypes.NewValue(kind, attributes)
	observed, err := r.observedValues(state, vm, true)
	if err != nil {
		return state, err
	}
	if state, err = withAttributes(state, observed); err != nil {
		return state, err
	}
	return newState(state, host, vm.JobID, vm)
}
