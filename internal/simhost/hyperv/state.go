// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// State is the content of a state file: one simulated host.
type State struct {
	Format    int       `json:"format"` // 1
	Host      Host      `json:"host"`
	Switches  []Switch  `json:"switches"`
	VMs       []VM      `json:"vms"`
	NextMAC   int       `json:"next_mac"` // the lower three bytes of the next dynamic MAC address
	Behaviour Behaviour `json:"behaviour"`
}

// Host is the computer that runs Hyper-V.
type Host struct {
	Name                 string         `json:"name"`
	OSVersion            string         `json:"os_version"`
	HyperVVersion        string         `json:"hyperv_version"` // of the PowerShell module; versions below 2.0 have no security cmdlets
	LogicalProcessors    int            `json:"logical_processors"`
	MemoryBytes          int64          `json:"memory_bytes"`
	MemoryAvailableBytes int64          `json:"memory_available_bytes"` // 0: MemoryBytes less the memory of the running virtual machines
	FreeBytes            int64          `json:"free_bytes,omitempty"`   // on the volume of new virtual machines; 0: not reported; only the fake agent applies it
	VirtualHardDiskPath  string         `json:"virtual_hard_disk_path"`
	VirtualMachinePath   string         `json:"virtual_machine_path"`
	Cluster              string         `json:"cluster"`                 // empty: the host is not a cluster node
	ClusterGroups        []string       `json:"cluster_groups"`          // names of cluster groups that are not roles of this host's virtual machines
	ClusterNodes         []string       `json:"cluster_nodes,omitempty"` // paths of the state files of the other nodes of the cluster
	MACAddressMinimum    string         `json:"mac_address_minimum"`     // of the dynamic addresses; empty: 00155D followed by three zero bytes
	MACAddressMaximum    string         `json:"mac_address_maximum"`     // empty: the end of that range
	SharedVolumes        []SharedVolume `json:"shared_volumes"`
	NetAdapters          []NetAdapter   `json:"net_adapters"`
	ConnectionAddress    string         `json:"connection_address"` // of the host, to which clients of WinRM are connected; empty: none is
}

// SharedVolume is a cluster shared volume. All other folders are on a drive of the computer that runs the simulation.
type SharedVolume struct {
	Path      string `json:"path"` // mount point
	SizeBytes int64  `json:"size_bytes"`
	FreeBytes int64  `json:"free_bytes"` // 0: SizeBytes less the size of the files on the volume
}

// Switch is a virtual switch.
type Switch struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // External, Internal or Private

	Notes           string   `json:"notes"`
	NetAdapters     []string `json:"net_adapters"`     // names of the physical network adapters of an external switch
	ManagementOS    bool     `json:"management_os"`    // the host has a virtual network adapter on it
	EmbeddedTeaming bool     `json:"embedded_teaming"` // the physical network adapters are a team
	IOV             bool     `json:"iov"`
	BandwidthMode   string   `json:"bandwidth_mode"` // Absolute, Weight or None; empty: Absolute
}

// NetAdapter is a physical network adapter of the host. Its addresses move to the host's virtual network adapter on the external switch that
// uses the adapter, and are gone while there is none.
type NetAdapter struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Gateway   bool     `json:"gateway"` // the default route leads over it
}

// VM is a virtual machine. State is one of Hyper-V's own names, such as Off, Running, Paused or Saved.
type VM struct {
	ID                   string       `json:"id"`
	Name                 string       `json:"name"`
	State                string       `json:"state"`
	Generation           int          `json:"generation"`
	MemoryStartupBytes   int64        `json:"memory_startup_bytes"`
	DynamicMemory        bool         `json:"dynamic_memory"`
	MemoryMinimumBytes   int64        `json:"memory_minimum_bytes"`
	MemoryMaximumBytes   int64        `json:"memory_maximum_bytes"`
	MemoryAssignedBytes  int64        `json:"memory_assigned_bytes"` // while it runs; 0: MemoryStartupBytes
	Heartbeat            string       `json:"heartbeat"`             // while it runs; empty: OkApplicationsUnknown
	IntegrationServices  string       `json:"integration_services_state"`
	ProcessorCount       int          `json:"processor_count"`
	Notes                string       `json:"notes"`
	Path                 string       `json:"path"`
	CreationTime         time.Time    `json:"creation_time"`
	CheckpointType       string       `json:"checkpoint_type"`
	AutomaticStartAction string       `json:"automatic_start_action"`
	AutomaticStopAction  string       `json:"automatic_stop_action"`
	SecureBoot           string       `json:"secure_boot"` // On or Off
	SecureBootTemplate   string       `json:"secure_boot_template"`
	FirstBoot            string       `json:"first_boot"`    // path of the first boot device; empty: the default order
	KeyProtector         bool         `json:"key_protector"` // it has a key protector
	TPM                  bool         `json:"tpm"`
	Adapters             []Adapter    `json:"adapters"`
	Drives               []Drive      `json:"drives"`
	DVDs                 []DVD        `json:"dvd_drives"`
	StartupOrder         []string     `json:"startup_order"` // BIOS boot order of a generation 1 virtual machine
	Looks                int          `json:"looks"`         // calls of Get-VM since it started; counted while [Behaviour.Guest] is set
	Checkpoints          []Checkpoint `json:"checkpoints,omitempty"`
	ParentCheckpoint     string       `json:"parent_checkpoint,omitempty"` // GUID of the checkpoint that it continues from
	Clustered            bool         `json:"clustered"`
	ClusterRole          string       `json:"cluster_role"`        // empty: the name of the virtual machine
	Shutdown             *Shutdown    `json:"shutdown,omitempty"`  // nil: its shutdown service works
	Resets               int          `json:"resets,omitempty"`    // times that Restart-VM restarted it
	PowerCut             bool         `json:"power_cut,omitempty"` // Stop-VM turned it off in place of shutting it down
	Guest                *GuestOS     `json:"guest,omitempty"`     // nil: no medium has set up its guest

	// Settings are the parameters of Set-VMProcessor, Set-VMMemory and Set-VM that differ from the defaults of Hyper-V, such as Reserve, and
	// whether integration services are enabled, by GUID. BootOrder is the boot order of generation 2 once it was set: GUIDs of adapters, locations
	// of drives such as SCSI 0:1, and files of boot managers, which begin with file:.
	Settings map[string]any `json:"settings,omitempty"`
}

// Adapter is a virtual network adapter.
type Adapter struct {
	ID          string   `json:"id"` // GUID; assigned when the state is written
	Name        string   `json:"name"`
	SwitchName  string   `json:"switch_name"` // empty: not connected
	MACAddress  string   `json:"mac_address"` // 12 hexadecimal digits; [NoMAC] until the host assigns one at the first start
	DynamicMAC  bool     `json:"dynamic_mac"`
	VLANMode    string   `json:"vlan_mode"` // Untagged, Access or Trunk
	VLANID      int      `json:"vlan_id"`
	IPAddresses []string `json:"ip_addresses"`

	// Settings are the parameters of Set-VMNetworkAdapter and of a VLAN trunk that differ from the defaults of Hyper-V, such as MacAddressSpoofing.
	Settings map[string]any `json:"settings,omitempty"`
}

// Drive is a virtual hard disk that is attached to a controller.
type Drive struct {
	ControllerType     string `json:"controller_type"` // SCSI, or IDE with generation 1
	ControllerNumber   int    `json:"controller_number"`
	ControllerLocation int    `json:"controller_location"`
	Path               string `json:"path"`
}

// DVD is a DVD drive.
type DVD struct {
	ControllerType     string `json:"controller_type"` // SCSI, or IDE with generation 1
	ControllerNumber   int    `json:"controller_number"`
	ControllerLocation int    `json:"controller_location"`
	Path               string `json:"path"` // of the ISO file; empty: no medium
}

// Checkpoint is a checkpoint of a virtual machine, whose drives are differencing disks (.avhdx) while it has one.
type Checkpoint struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Parent       string    `json:"parent,omitempty"` // GUID; empty: none
	CreationTime time.Time `json:"creation_time,omitzero"`
	State        string    `json:"state,omitempty"`     // of the virtual machine after it was applied: Off, or Saved with its memory; empty: Off
	Drives       []string  `json:"drives,omitempty"`    // paths of the disks that it keeps, in the order of the drives
	Automatic    bool      `json:"automatic,omitempty"` // created when the virtual machine started; it ends when it stops
}

// Behaviour controls how the simulated host answers. The zero value is a healthy host.
type Behaviour struct {
	Calls              map[string]Call `json:"calls"`                 // by the name of the cmdlet
	CopyBytesPerSecond int64           `json:"copy_bytes_per_second"` // 0: unlimited; only the fake agent applies it
	RecordCalls        bool            `json:"record_calls"`          // record the names of the cmdlets that are called, for [Store.Calls]
	Lost               string          `json:"lost"`                  // not empty: every call fails with this text, as if the Hyper-V service had stopped
	Guest              Guest           `json:"guest"`
	Facts              *Facts          `json:"facts,omitempty"`
	Windows            *Windows        `json:"windows,omitempty"`
	Locks              *Locks          `json:"locks,omitempty"` // nil: no file is in use
	Rights             *Rights         `json:"rights,omitempty"`
	Cluster            ClusterFaults   `json:"cluster,omitzero"`
	Start              *Start          `json:"start,omitempty"`        // nil: worker processes start at once
	UnreadDisks        string          `json:"unread_disks,omitempty"` // why inventories are partial, without the sizes of disks; only the fake agent applies it
	Latency            *Latency        `json:"latency,omitempty"`      // nil: calls cost nothing
	Export             *Export         `json:"export,omitempty"`       // nil: exports end at once
	CIM                *CIM            `json:"cim,omitempty"`          // nil: all classes of Hyper-V's WMI provider answer
}

// Export controls what Export-VM does in the background.
type Export struct {
	Looks int    `json:"looks"` // number of looks at an export until it ends
	Fail  string `json:"fail"`  // how it fails at its end; empty: it succeeds
}

// Call controls the calls of one cmdlet.
type Call struct {
	Hold    string `json:"hold,omitempty"`  // path of a file: the call blocks while the file exists, and creates a file with the suffix .reached
	After   bool   `json:"after,omitempty"` // block after the cmdlet has acted, not before
	DelayMS int    `json:"delay_ms"`
	Fail    string `json:"fail"`           // error text; empty: the call succeeds
	Times   int    `json:"times"`          // number of calls that are affected; 0: all
	Lose    bool   `json:"lose,omitempty"` // the first call sets [Behaviour.Lost] to Fail
}

// clone returns a deep copy.
func (s *State) clone() *State {
	c := *s
	c.Host.ClusterGroups, c.Host.SharedVolumes = slices.Clone(s.Host.ClusterGroups), slices.Clone(s.Host.SharedVolumes)
	c.Host.ClusterNodes = slices.Clone(s.Host.ClusterNodes)
	c.Behaviour.Facts = s.Behaviour.Facts.clone()
	c.Behaviour.Rights, c.Behaviour.Start = copied(s.Behaviour.Rights), copied(s.Behaviour.Start)
	c.Switches, c.VMs, c.Behaviour.Calls = slices.Clone(s.Switches), slices.Clone(s.VMs), maps.Clone(s.Behaviour.Calls)
	c.Host.NetAdapters = slices.Clone(s.Host.NetAdapters)
	for i := range c.Host.NetAdapters {
		c.Host.NetAdapters[i].Addresses = slices.Clone(c.Host.NetAdapters[i].Addresses)
	}
	for i := range c.Switches {
		c.Switches[i].NetAdapters = slices.Clone(c.Switches[i].NetAdapters)
	}
	c.Behaviour.Windows = s.Behaviour.Windows.clone()
	c.Behaviour.Locks = s.Behaviour.Locks.clone()
	c.Behaviour.Latency, c.Behaviour.Export = copied(s.Behaviour.Latency), copied(s.Behaviour.Export)
	if s.Behaviour.CIM != nil {
		c.Behaviour.CIM = &CIM{Denied: s.Behaviour.CIM.Denied, Empty: s.Behaviour.CIM.Empty, Missing: slices.Clone(s.Behaviour.CIM.Missing)}
	}
	for i := range c.VMs {
		vm := &c.VMs[i]
		vm.Adapters, vm.Drives, vm.DVDs = slices.Clone(vm.Adapters), slices.Clone(vm.Drives), slices.Clone(vm.DVDs)
		if vm.Shutdown != nil {
			shutdown := *vm.Shutdown
			vm.Shutdown = &shutdown
		}
		vm.Guest, vm.Settings = vm.Guest.clone(), maps.Clone(vm.Settings)
		vm.StartupOrder, vm.Checkpoints = slices.Clone(vm.StartupOrder), slices.Clone(vm.Checkpoints)
		for j := range vm.Checkpoints {
			vm.Checkpoints[j].Drives = slices.Clone(vm.Checkpoints[j].Drives)
		}
		for j := range vm.Adapters {
			a := &vm.Adapters[j]
			a.IPAddresses, a.Settings = slices.Clone(a.IPAddresses), maps.Clone(a.Settings)
		}
	}
	return &c
}

// fill replaces nil lists with empty ones, because PowerShell reads null as one item, and assigns missing adapter ids and ranges.
func (s *State) fill() {
	s.Host.MACAddressMinimum = cmp.Or(s.Host.MACAddressMinimum, "00155D000000")
	s.Host.MACAddressMaximum = cmp.Or(s.Host.MACAddressMaximum, "00155DFFFFFF")
	s.Host.SharedVolumes, s.Host.ClusterGroups = list(s.Host.SharedVolumes), list(s.Host.ClusterGroups)
	s.Switches, s.VMs = list(s.Switches), list(s.VMs)
	if s.Behaviour.Calls == nil {
		s.Behaviour.Calls = map[string]Call{}
	}
	s.Host.NetAdapters = list(s.Host.NetAdapters)
	for i := range s.Host.NetAdapters {
		s.Host.NetAdapters[i].Addresses = list(s.Host.NetAdapters[i].Addresses)
	}
	for i := range s.Switches {
		s.Switches[i].NetAdapters = list(s.Switches[i].NetAdapters)
	}
	for i := range s.VMs {
		vm := &s.VMs[i]
		vm.Adapters, vm.Drives, vm.DVDs, vm.StartupOrder = list(vm.Adapters), list(vm.Drives), list(vm.DVDs), list(vm.StartupOrder)
		for j := range vm.Adapters {
			a := &vm.Adapters[j]
			a.IPAddresses = list(a.IPAddresses)
			if a.ID == "" {
				a.ID = uuid.NewString()
			}
		}
	}
}

// copied returns a pointer to a copy of a value without pointers, or nil.
func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
