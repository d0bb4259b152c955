// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Latency is what calls of a host with many virtual machines cost, in milliseconds. The costs are added up in a file for [Store.Costs].
// Only the PowerShell stand-in applies it.
type Latency struct {
	Sleep      bool `json:"sleep"`       // also wait for as long as a call costs; otherwise the costs are only counted
	VMMS       int  `json:"vm_ms"`       // each virtual machine that Get-VM returns
	GroupMS    int  `json:"group_ms"`    // the first access of a group of a virtual machine's properties, such as its drives
	SummaryMS  int  `json:"summary_ms"`  // the same for the properties of Msvm_SummaryInformation
	DiskMS     int  `json:"disk_ms"`     // each disk of Get-VHD
	QueryMS    int  `json:"query_ms"`    // each CIM query
	InstanceMS int  `json:"instance_ms"` // each instance of a class that a CIM query looks at
}

// BusyHost returns the latency of a host with hundreds of virtual machines. 150 virtual machines needed 2 s with a property of the summary
// and 25 s with one of the settings (https://github.com/microsoft/Windows-Admin-Center-Ideas-and-Feedback/issues/120); 700 were not listed
// within an hour (the same thread), and by id a query is many times faster than by name (https://github.com/FuseCP/FuseCP/pull/225).
// Get-VHD makes several calls of WMI for each disk. The cost of CIM queries is an estimate: no measurement is public.
func BusyHost() *Latency {
	return &Latency{VMMS: 13, GroupMS: 165, SummaryMS: 13, DiskMS: 100, QueryMS: 250, InstanceMS: 5}
}

// Costs are the costs of all calls since [Behaviour.Latency] was set.
type Costs struct {
	Calls     map[string]int // by the name of the cmdlet, or the class of a CIM query
	Lists     int            // calls of Get-VM that read every virtual machine
	VMs       int            // virtual machines of which a property was read
	Groups    int            // groups of properties that were read
	Disks     int            // disks that Get-VHD read
	Instances int            // instances that CIM queries looked at
	Simulated time.Duration
}

// Costs returns the costs of the calls since [Behaviour.Latency] was set.
func (s *Store) Costs() (Costs, error) {
	costs := Costs{Calls: map[string]int{}}
	text, err := os.ReadFile(s.path + ".costs")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return costs, err
	}
	vms := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var kind, name string
		var count, ms int
		if _, err := fmt.Sscan(line, &kind, &name, &count, &ms); err != nil {
			return costs, fmt.Errorf("%s.costs: line %q: %w", s.path, line, err)
		}
		costs.Simulated += time.Duration(ms) * time.Millisecond
		switch kind {
		case "list":
			costs.Lists++
			costs.Calls[name]++
		case "call":
			costs.Calls[name]++
		case "query":
			costs.Calls[name]++
			costs.Instances += count
		case "disk":
			costs.Calls[name]++
			costs.Disks += count
		case "group":
			costs.Groups++
			vms[name] = true
		}
	}
	costs.VMs = len(vms)
	return costs, nil
}

// ResetCosts starts the costs anew.
func (s *Store) ResetCosts() error {
	if err := os.Remove(s.path + ".costs"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
