// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"maps"
	"slices"
)

// Facts controls what the real Hyper-V module does with objects that change or disappear while they are read, and selects the
// behaviour where public sources do not say which one is real. The zero value is a host on which nothing changes, with the first
// behaviour of each row of internal/simhost/standin/facts/unknown.tsv.
type Facts struct {
	Variants        map[string]string `json:"variants,omitempty"`         // by the name of the row
	Vanishing       []string          `json:"vanishing,omitempty"`        // GUIDs of virtual machines that are removed while the next Get-VM lists the host
	VanishingAlways bool              `json:"vanishing_always,omitempty"` // the virtual machines of Vanishing and Unreadable are not removed: they fail again and again
	Unreadable      []string          `json:"unreadable,omitempty"`       // GUIDs of virtual machines that are removed after the next Get-VM has listed the host: nothing else can be read of them
	Deleted         []string          `json:"deleted,omitempty"`          // GUIDs of virtual machines whose objects say that they are deleted
	KeepsObjects    bool              `json:"keeps_objects,omitempty"`    // a process keeps the virtual machines that it has read, until Enable-VMEventing
}

// clone returns a deep copy.
func (f *Facts) clone() *Facts {
	if f == nil {
		return nil
	}
	c := *f
	c.Variants = maps.Clone(f.Variants)
	c.Vanishing, c.Unreadable, c.Deleted = slices.Clone(f.Vanishing), slices.Clone(f.Unreadable), slices.Clone(f.Deleted)
	return &c
}
