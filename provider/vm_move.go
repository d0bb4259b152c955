// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// moveSources are the resource types of other providers whose virtual machines can be moved to this one, and those providers. The
// states of both have the name of a virtual machine in `name`, and neither its GUID nor its host.
var moveSources = map[string]string{
	"hyperv_machine_instance": "taliesins/hyperv",
	"hyperv_vm":               "windsorcli/hyperv",
}

// MoveState returns the mover for `moved` blocks that name a resource of another provider.
func (r *vmResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: r.moveState}}
}

// moveState records the name of a virtual machine. Terraform does not configure the provider for a move
// (https://github.com/hashicorp/terraform/issues/35922): the refresh after it finds the virtual machine. Other sources are left to the
// framework, which reports them.
func (r *vmResource) moveState(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	from, ok := moveSources[req.SourceTypeName]
	if !ok || !strings.HasSuffix(req.SourceProviderAddress, "/"+from) { // the registry may be another one
		return
	}
	var source struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(req.SourceRawState.JSON, &source); err != nil || source.Name == "" {
		resp.Diagnostics.AddError(errorSummary("move", ""), fmt.Sprintf("The state of %s has no name. Refresh it with the provider %s first, or replace the moved block: %s",
			req.SourceTypeName, from, importInstead))
		return
	}
	resp.TargetIdentity = nil // the refresh sets it
	resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root("allow_power_cycle"), false)...)
	for _, key := range []string{importedKey, unreadKey} {
		resp.Diagnostics.Append(resp.TargetPrivate.SetKey(ctx, key, []byte(`true`))...)
	}
	resp.Diagnostics.Append(setKey(ctx, resp.TargetPrivate, movedKey, source.Name)...)
	resp.Diagnostics.Append(saveSchemaRef(ctx, r.schema, resp.TargetPrivate)...)
}

// importInstead is the way out if a move does not find the virtual machine.
const importInstead = `remove the resource of the other provider from the state with terraform state rm, and the moved block from the configuration, ` +
	`and import the virtual machine with an import block whose id is "host/GUID".`

// movedName returns the name of a virtual machine that was moved from another provider and not read since.
func movedName(ctx context.Context, private privateState) (name string) {
	getKey(ctx, private, movedKey, &name)
	return name
}

// identify returns the identity of the virtual machine to read. One that was moved from another provider is searched for by its name.
func (r *vmResource) identify(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) (is identity, ok bool) {
	is = readIdentity(ctx, req.State, &resp.Diagnostics)
	name := movedName(ctx, req.Private)
	if name == "" {
		return is, true
	}
	summary := errorSummary("move", name)
	if !r.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return is, false
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	host, id, ok := r.conn.locate(ctx, name, summary, &resp.Diagnostics)
	if !ok {
		return is, false
	}
	resp.Diagnostics.AddWarning("Virtual machine "+name+" moves from another provider",
		fmt.Sprintf("The only virtual machine of this name is on host %s, and its GUID is %s. The state of the other provider has neither its host nor its GUID: "+
			"make sure that it is the right one before you apply the plan.", host, id))
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, movedKey, nil)...)
	is.host, is.id = types.StringValue(host), types.StringValue(id)
	return is, true
}

// locate returns the host and the GUID of the only virtual machine of a name. Each host must answer, since any of them may have another
// one.
func (c *connection) locate(ctx context.Context, name, summary string, diags *diag.Diagnostics) (host, id string, ok bool) {
	hosts := c.service.Hosts()
	var found []string
	for answer := range c.inventories(ctx, hosts) {
		if answer.err != nil {
			addError(diags, summary, fmt.Errorf("each host has to be asked for virtual machines of this name: %w", answer.err))
			continue
		}
		for _, vm := range answer.snapshot.ByName(name) {
			host, id = answer.host, vm.ID
			found = append(found, host+"/"+id)
		}
	}
	switch {
	case diags.HasError():
	case len(found) == 0:
		diags.AddError(summary, fmt.Sprintf("No virtual machine on %s is named %q. Add its host to the provider configuration. If it has another name, %s",
			strings.Join(hosts, ", "), name, importInstead))
	case len(found) > 1:
		diags.AddError(summary, fmt.Sprintf("%d virtual machines are named %q: %s. The state of the other provider does not say which of them it is: %s",
			len(found), name, strings.Join(found, ", "), importInstead))
	default:
		return host, id, true
	}
	return "", "", false
}

// addUnreadMove reports a virtual machine that was moved from another provider and not read since. It reports false if it was read.
func addUnreadMove(ctx context.Context, private privateState, diags *diag.Diagnostics) bool {
	name := movedName(ctx, private)
	if name == "" {
		return false
	}
	diags.AddError(errorSummary("plan", name), "It moves from another provider, and a refresh has to find it on its host: plan without -refresh=false.")
	return true
}
