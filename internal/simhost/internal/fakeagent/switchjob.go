// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// switchPlan is what a switch job does. The action is empty if there is nothing to do.
type switchPlan struct {
	action string
	item   hyperv.Switch // the switch to create, or as it was
	absent bool          // there is no switch to remove
	after  hyperv.Switch // update: as it is to be
}

// switchRules are the rules of the fields of switch jobs.
func switchRules() map[string]rule {
	boolean := booleanRule()
	return map[string]rule{
		"switch_action":           oneOf(job.SwitchActions()...),
		"switch_type":             oneOf("external", "internal", "private"),
		"switch_id":               guidRule(),
		"minimum_bandwidth_mode":  oneOf("absolute", "weight", "none"),
		"net_adapter_names":       {text("requirement_names"), isNameList},
		"allow_management_os":     boolean,
		"enable_embedded_teaming": boolean,
		"enable_iov":              boolean,
		"allow_host_disconnect":   boolean,
	}
}

func isNameList(v any) bool {
	list, _ := v.([]any)
	return len(list) > 0 && !slices.ContainsFunc(list, func(item any) bool {
		s, _ := item.(string)
		return s == "" || len(s) > 100 || strings.TrimSpace(s) != s || strings.ContainsFunc(s, isControl)
	})
}

// missingSwitchField returns the field that a switch job lacks.
func missingSwitchField(f fields) string {
	needed := []string{"switch_action", "switch_id"}
	if f.text("switch_action") == "create" {
		needed = []string{"switch_action", "switch_name", "switch_type"}
	}
	if f.text("switch_type") == "external" {
		needed = append(needed, "net_adapter_names")
	}
	for _, name := range needed {
		if !f.has(name) {
			return name
		}
	}
	return ""
}

// showSwitch returns a virtual switch as the agent reports it.
func showSwitch(sw hyperv.Switch) job.Switch {
	return job.Switch{
		ID: sw.ID, Name: sw.Name, Type: strings.ToLower(sw.Type), Notes: sw.Notes, NetAdapterNames: append([]string{}, sw.NetAdapters...),
		AllowManagementOS: sw.ManagementOS, EmbeddedTeaming: sw.EmbeddedTeaming, IOV: sw.IOV,
		MinimumBandwidthMode: strings.ToLower(cmp.Or(sw.BandwidthMode, "Absolute")),
	}
}

// carries reports whether a physical network adapter has the address of the connection to the host, or its default route.
func carries(s *hyperv.State, adapter string) bool {
	return slices.ContainsFunc(s.Host.NetAdapters, func(a hyperv.NetAdapter) bool {
		return strings.EqualFold(a.Name, adapter) && (a.Gateway || slices.Contains(a.Addresses, s.Host.ConnectionAddress))
	})
}

// planSwitch checks what a switch job is to do.
func planSwitch(j *hostJob) (err error) {
	host, err := j.hostState()
	if err != nil {
		return err
	}
	var state *hyperv.State
	if err := j.cmdlet("Get-VMSwitch", false, func(s *hyperv.State) error { state = s; return nil }); err != nil {
		return err
	}
	p := switchPlan{action: j.fields.text("switch_action")}
	if p.action == "create" {
		p.item = hyperv.Switch{Name: j.fields.text("switch_name")}
		err = j.planNewSwitch(state, host.Name)
	} else {
		id := strings.ToLower(j.fields.text("switch_id"))
		i := slices.IndexFunc(state.Switches, func(sw hyperv.Switch) bool { return strings.EqualFold(sw.ID, id) })
		if i >= 0 {
			p.item = state.Switches[i]
		}
		switch {
		case i < 0 && p.action == "remove":
			p.action, p.absent = "", true
		case i < 0:
			err = fail("switch_gone", "switch_id", "id", id, "host", host.Name)
		case p.action == "remove":
			err = j.planSwitchRemoval(state, p.item)
		default:
			err = j.planSwitchUpdate(state, &p)
		}
	}
	if err != nil {
		p.action = ""
	}
	j.plan.virtualSwitch = p
	return err
}

func (j *hostJob) planNewSwitch(s *hyperv.State, host string) error {
	name := j.fields.text("switch_name")
	if len(sameSwitches(s, name)) > 0 {
		return fail("switch_exists", "switch_name", "name", name, "host", host)
	}
	var known []string
	for _, a := range s.Host.NetAdapters {
		known = append(known, a.Name)
	}
	for _, sw := range s.Switches {
		if sw.ManagementOS {
			known = append(known, "vEthernet ("+sw.Name+")")
		}
	}
	sortNames(known)
	cuts := j.fields.has("allow_management_os") && !j.fields.flag("allow_management_os") && !j.fields.flag("allow_host_disconnect")
	for _, adapter := range j.adapterNames() {
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, adapter) })
		if i < 0 {
			return fail("net_adapter_missing", "net_adapter_names", "name", adapter, "host", host, "adapters", strings.Join(known, ", "))
		}
		for _, sw := range s.Switches {
			if slices.Contains(sw.NetAdapters, known[i]) {
				return fail("net_adapter_used", "net_adapter_names", "name", known[i], "switch", sw.Name)
			}
		}
		if cuts && carries(s, adapter) {
			return fail("host_connection_adapter", "allow_management_os", "adapter", known[i], "host", host)
		}
	}
	return nil
}

// adapterNames returns the network adapters of a new external switch.
func (j *hostJob) adapterNames() (names []string) {
	if j.fields.text("switch_type") == "external" {
		names = stringsIn(j.fields["net_adapter_names"])
	}
	return names
}

func (j *hostJob) planSwitchUpdate(s *hyperv.State, p *switchPlan) error {
	p.after = p.item
	if j.fields.has("notes") {
		p.after.Notes = j.fields.text("notes")
	}
	if allow := j.fields.flag("allow_management_os"); j.fields.has("allow_management_os") && allow != p.item.ManagementOS {
		if p.item.Type != "External" {
			return fail("switch_not_external", "allow_management_os", "name", p.item.Name, "type", strings.ToLower(p.item.Type))
		}
		if err := j.checkConnection(s, p.item, "allow_management_os"); err != nil && !allow {
			return err
		}
		p.after.ManagementOS = allow
	}
	if p.after.Notes == p.item.Notes && p.after.ManagementOS == p.item.ManagementOS {
		p.action = ""
	}
	return nil
}

func (j *hostJob) planSwitchRemoval(s *hyperv.State, sw hyperv.Switch) error {
	vms, err := j.listVMs()
	if err != nil {
		return err
	}
	var users []string
	for _, vm := range vms {
		if slices.ContainsFunc(vm.Adapters, func(a hyperv.Adapter) bool { return strings.EqualFold(a.SwitchName, sw.Name) }) {
			users = append(users, vm.Name)
		}
	}
	if len(users) > 0 {
		sortNames(users)
		return fail("switch_used", "switch_id", "name", sw.Name, "vms", strings.Join(users, ", "))
	}
	return j.checkConnection(s, sw, "switch_id")
}

// checkConnection returns an error if the host's virtual network adapter on a switch carries the connection to the host.
func (j *hostJob) checkConnection(s *hyperv.State, sw hyperv.Switch, field string) error {
	if j.fields.flag("allow_host_disconnect") || !sw.ManagementOS || !slices.ContainsFunc(sw.NetAdapters, func(a string) bool { return carries(s, a) }) {
		return nil
	}
	return fail("host_connection_switch", field, "adapter", "vEthernet ("+sw.Name+")", "name", sw.Name, "host", s.Host.Name)
}

func describeFindSwitch(j *hostJob) string {
	return text("step_find_switch", "switch", cmp.Or(j.fields.text("switch_id"), j.fields.text("switch_name")))
}

func reportNoSwitch(j *hostJob) error {
	if j.plan.virtualSwitch.absent {
		j.log("switch_absent", "id", j.fields.text("switch_id"))
	}
	return nil
}

func describeSwitchChange(j *hostJob) string {
	p := j.plan.virtualSwitch
	return text("step_switch_"+p.action, "name", p.item.Name, "type", j.fields.text("switch_type"))
}

func changeSwitch(j *hostJob) error {
	p := j.plan.virtualSwitch
	switch p.action {
	case "create":
		err := j.cmdlet("New-VMSwitch", true, func(s *hyperv.State) error {
			sw := j.newSwitch(s)
			j.createdSwitch = sw.ID
			s.Switches = append(s.Switches, sw)
			return nil
		})
		return errors.Join(err, j.checkCancelled())
	case "remove":
		j.unregistered = true // it does not come back
		return j.removeSwitch(p.item.ID)
	}
	j.changedSwitch = true
	return errors.Join(j.setSwitch(p.item.ID, p.after), j.checkCancelled())
}

// newSwitch returns the switch of a job that creates one.
func (j *hostJob) newSwitch(s *hyperv.State) hyperv.Switch {
	f := j.fields
	sw := hyperv.Switch{
		ID: uuid.NewString(), Name: f.text("switch_name"), Type: capitalized(f.text("switch_type")), Notes: f.text("notes"), BandwidthMode: capitalized(f.text("minimum_bandwidth_mode")),
		ManagementOS: f.text("switch_type") == "internal",
	}
	if sw.Type != "External" {
		return sw
	}
	for _, name := range j.adapterNames() {
		for _, a := range s.Host.NetAdapters {
			if strings.EqualFold(a.Name, name) {
				sw.NetAdapters = append(sw.NetAdapters, a.Name)
			}
		}
	}
	sw.ManagementOS = !f.has("allow_management_os") || f.flag("allow_management_os")
	sw.EmbeddedTeaming, sw.IOV = f.flag("enable_embedded_teaming") || len(sw.NetAdapters) > 1, f.flag("enable_iov")
	return sw
}

func (j *hostJob) removeSwitch(id string) error {
	return j.cmdlet("Remove-VMSwitch", true, func(s *hyperv.State) error {
		s.Switches = slices.DeleteFunc(s.Switches, func(sw hyperv.Switch) bool { return sw.ID == id })
		return nil
	})
}

func (j *hostJob) setSwitch(id string, to hyperv.Switch) error {
	return j.cmdlet("Set-VMSwitch", true, func(s *hyperv.State) error {
		for i := range s.Switches {
			if s.Switches[i].ID == id {
				s.Switches[i].Notes, s.Switches[i].ManagementOS = to.Notes, to.ManagementOS
			}
		}
		return nil
	})
}

// findSwitchByID returns a virtual switch, or nil if there is none.
func (j *hostJob) findSwitchByID(id string) (found *hyperv.Switch, err error) {
	err = j.cmdlet("Get-VMSwitch", false, func(s *hyperv.State) error {
		for _, sw := range s.Switches {
			if sw.ID == id {
				found = &sw
			}
		}
		return nil
	})
	return found, err
}

// undoSwitch removes the switch that a job created, or restores the one that it changed.
func undoSwitch(j *hostJob) {
	p := j.plan.virtualSwitch
	item := text("item_switch", "name", p.item.Name)
	if j.createdSwitch != "" {
		if sw, err := j.findSwitchByID(j.createdSwitch); err != nil || sw == nil {
			return
		}
		j.undo(text("undo_switch_removed", "name", p.item.Name), item, func() error { return j.removeSwitch(j.createdSwitch) })
		return
	}
	sw, err := j.findSwitchByID(p.item.ID)
	if !j.changedSwitch || err != nil || sw == nil || sw.Notes == p.item.Notes && sw.ManagementOS == p.item.ManagementOS {
		return
	}
	restored := j.undo(text("undo_switch_restored", "name", p.item.Name), item, func() error { return j.setSwitch(p.item.ID, p.item) })
	if restored && p.item.ManagementOS && !sw.ManagementOS {
		j.leave(item, text("leftover_switch_addresses"))
	}
}

func reportSwitch(j *hostJob) error {
	if j.fields.text("switch_action") == "remove" {
		return nil
	}
	sw, err := j.findSwitchByID(cmp.Or(j.createdSwitch, j.plan.virtualSwitch.item.ID))
	if err == nil && sw != nil {
		shown := showSwitch(*sw)
		j.virtualSwitch = &shown
	}
	return err
}
