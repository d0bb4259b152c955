// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// guestChangeAttribute is the attribute that decides what a new setting of the guest does to a virtual machine that exists.
const guestChangeAttribute = "guest_change"

// Values of guest_change. Null means guestChangeIgnore.
const (
	guestChangeIgnore  = "ignore"
	guestChangeReplace = "replace"
)

// Roles in the guest.
const (
	roleSetup    = "setup"
	roleHostname = "hostname"
)

// isPassword reports whether a role is that of a password. Passwords are rotated: a new one is no reason to delete a virtual machine.
func isPassword(role string) bool { return strings.HasSuffix(role, "_password") }

// guestChangeFaults returns the fault of an unknown value of guest_change.
func guestChangeFaults(config tftypes.Value) []jobschema.Fault {
	v := attribute(config, guestChangeAttribute)
	if !isKnownValue(v) || slices.Contains([]string{guestChangeIgnore, guestChangeReplace}, stringOf(v)) {
		return nil
	}
	return []jobschema.Fault{{
		Path: jobschema.Path{{Field: guestChangeAttribute}}, Rule: "one_of",
		Message: fmt.Sprintf("%s cannot be %q", guestChangeAttribute, stringOf(v)),
		Remedy:  fmt.Sprintf("use %q or %q", guestChangeIgnore, guestChangeReplace),
	}}
}

// guestChange is a changed setting of the guest: its path without indices, and its role.
type guestChange struct{ path, role string }

// field returns the id of the field of the schema.
func (g guestChange) field() string {
	id, _, _ := strings.Cut(g.path, ".")
	return id
}

// guestChanges returns the settings of the guest that differ.
func (r *vmResource) guestChanges(c comparison) (changes []guestChange) {
	for i := range r.schema.Fields {
		f := &r.schema.Fields[i]
		if role := r.agents.role(f.ID); role != "" {
			if f.Change != jobschema.ChangeReplace && c.differs(f) {
				changes = append(changes, guestChange{f.ID, role})
			}
			continue
		}
		if f.Items == nil {
			continue
		}
		for j := range f.Items.Fields {
			part := &f.Items.Fields[j]
			if role := r.agents.role(f.ID + "." + part.ID); role != "" && c.partDiffers(f, part) {
				changes = append(changes, guestChange{f.ID + "." + part.ID, role})
			}
		}
	}
	return changes
}

// partDiffers reports whether a field of the objects of a list differs in an object that the plan has. What an imported virtual machine does
// not show is no difference.
func (c comparison) partDiffers(f, part *jobschema.Field) bool {
	before := items(attribute(c.state, f.ID))
	for i, is := range items(attribute(c.plan, f.ID)) {
		var was tftypes.Value
		if key := f.Validations.UniqueBy; key == "" && i < len(before) {
			was = before[i]
		} else if j := slices.IndexFunc(before, func(v tftypes.Value) bool {
			return strings.EqualFold(stringOf(attribute(v, key)), stringOf(attribute(is, key)))
		}); key != "" && j >= 0 {
			was = before[j]
		}
		then, now := attribute(was, part.ID), attribute(is, part.ID)
		if !isSet(then) && (c.imported || !isSet(now)) || isSet(then) && sameValue(part, then, now) {
			continue
		}
		return true
	}
	return false
}

// planGuestChange plans a replacement for changed settings of the guest if guest_change asks for it, and returns these settings.
func (r *vmResource) planGuestChange(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) (ids []string) {
	if req.State.Raw.IsNull() || stringOf(attribute(req.Plan.Raw, guestChangeAttribute)) != guestChangeReplace {
		return nil
	}
	for _, change := range r.guestChanges(newComparison(ctx, r.schema, req.State.Raw, req.Plan.Raw, req.Config.Raw, req.Private)) {
		if id := change.field(); !isPassword(change.role) && !slices.Contains(ids, id) {
			resp.RequiresReplace.Append(path.Root(id))
			ids = append(ids, id)
		}
	}
	return ids
}

// warnGuest reports changed settings of a guest that is not set up again.
func (r *vmResource) warnGuest(c comparison, resp *resource.ModifyPlanResponse) {
	var settings, passwords []string
	for _, change := range r.guestChanges(c) {
		switch {
		case change.role == roleSetup && stringOf(attribute(c.plan, change.path)) == "none":
			return
		case isPassword(change.role):
			passwords = append(passwords, change.path)
		default:
			settings = append(settings, change.path)
		}
	}
	all := slices.Concat(settings, passwords)
	if len(all) == 0 {
		return
	}
	text := fmt.Sprintf("A guest is set up when its virtual machine is created: applying the plan records %s only.", strings.Join(all, ", "))
	if len(settings) > 0 {
		text += fmt.Sprintf(" Change the guest itself, or set %s = %q to have the virtual machine replaced. %s", guestChangeAttribute, guestChangeReplace, r.deletedDisks(c))
	} else {
		text += " Change the password in the guest itself."
	}
	resp.Diagnostics.AddAttributeWarning(path.Root(guestChange{path: all[0]}.field()), "The guest of virtual machine "+r.displayName(c.state)+" is not changed", text)
}

// warnHostName reports that the name of a new virtual machine has characters that the host name of its guest cannot have, so that the guest
// gets another one. A name that is cut is a finding of the host.
func (r *vmResource) warnHostName(values map[string]any, resp *resource.ModifyPlanResponse) {
	known := r.agents.values(values)
	name, ok := known["vm_name"].(string)
	if !ok || known["os_family"] == nil || known["guest_host_name"] != nil || !r.agents.setsUpGuest(known) {
		return
	}
	id := r.fieldOf(roleHostname)
	if id != "" && hasUnknown(values[id]) {
		return
	}
	for _, f := range r.agents.schema.ValidatePartial(map[string]any{"os_family": known["os_family"], "guest_host_name": name}) {
		if f.Path.String() != "guest_host_name" || f.Rule == "max_length" {
			continue
		}
		at, remedy := path.Root(id), "Set "+id+" to choose one."
		if id == "" {
			at, remedy = path.Root(r.agents.translation.SourceID("vm_name")), "Choose a name that is a host name as well."
		}
		resp.Diagnostics.AddAttributeWarning(at, "The name of virtual machine "+name+" is not a host name",
			fmt.Sprintf("A host name of %s %s. The guest gets a host name that is made from the name of the virtual machine. %s",
				known["os_family"], strings.TrimPrefix(f.Message, "guest_host_name "), remedy))
	}
}

// fieldOf returns the id of the field with a role in the guest.
func (r *vmResource) fieldOf(role string) string {
	i := slices.IndexFunc(r.schema.Fields, func(f jobschema.Field) bool { return r.agents.role(f.ID) == role })
	if i < 0 {
		return ""
	}
	return r.schema.Fields[i].ID
}

// createLimit returns the default time limit for a creation: that of other jobs, and the time for which the job may wait for the guest.
func (r *vmResource) createLimit(values map[string]any) time.Duration {
	known := r.agents.values(values)
	seconds, given := known["wait_seconds"].(int64)
	wait := time.Duration(seconds) * time.Second
	switch known["wait_for"] {
	case "nothing":
		return createTimeout
	case "heartbeat", "address":
		if !given {
			wait = 10 * time.Minute
		}
	default: // the agent waits for the setup if there is one
		if !given && (known["wait_for"] != nil || r.agents.setsUpGuest(known)) {
			wait = 30 * time.Minute
		}
	}
	return createTimeout + wait
}
