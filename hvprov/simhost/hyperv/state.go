// SPDX-License-Identifier: MPL-2.0

package hyperv

import "time"

// State is everything that a simulated host holds, as its state file has it.
type State struct {
	Format    int       `json:"format"` // 1
	Host      Host      `json:"host"`
	Switches  []Switch  `json:"switches"`
	VMs       []VM      `json:"vms"`
	NextMAC   int       `json:"next_mac"` // number of the next adapter made
	Behaviour Behaviour `json:"behaviour"`
}

// Host is the machine itself.
type Host struct {
	Name                 string         `json:"name"`
	OSVersion            string         `json:"os_version"`
	HyperVVersion        string         `json:"hyperv_version"` // of the module; before 2.0 it has no commands about security
	LogicalProcessors    int            `json:"logical_processors"`
	MemoryBytes          int64          `json:"memory_bytes"`
	MemoryAvailableBytes int64          `json:"memory_available_bytes"` // 0: what the machines that run leave
	VirtualHardDiskPath  string         `json:"virtual_hard_disk_path"`
	VirtualMachinePath   string         `json:"virtual_machine_path"`
	Cluster              string         `json:"cluster"`        // empty: not a member of one
	ClusterGroups        []string       `json:"cluster_groups"` // names of groups of the cluster that are no roles of this host's machines
	SharedVolumes        []SharedVolume `json:"shared_volumes"`
}

// SharedVolume is a volume of the cluster's. Every other folder is on a drive of the computer that the simulation runs on.
type SharedVolume struct {
	Path      string `json:"path"` // where it is mounted
	SizeBytes int64  `json:"size_bytes"`
	FreeBytes int64  `json:"free_bytes"` // 0: what the files there leave of SizeBytes
}

// Switch is a virtual switch.
type Switch struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // External, Internal or Private
}

// VM is a virtual machine. Its States are Hyper-V's own names: Off, Running, Paused, Saved.
type VM struct {
	ID                   string       `json:"id"`
	Name                 string       `json:"name"`
	State                string       `json:"state"`
	Generation           int          `json:"generation"`
	MemoryStartupBytes   int64        `json:"memory_startup_bytes"`
	DynamicMemory        bool         `json:"dynamic_memory"`
	MemoryMinimumBytes   int64        `json:"memory_minimum_bytes"`
	MemoryMaximumBytes   int64        `json:"memory_maximum_bytes"`
	MemoryAssignedBytes  int64        `json:"memory_assigned_bytes"` // while it runs; 0: as much as at its start
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
	FirstBoot            string       `json:"first_boot"`    // path of the drive to start from; empty: the default order
	KeyProtector         bool         `json:"key_protector"` // it has one of its own
	TPM                  bool         `json:"tpm"`
	Adapters             []Adapter    `json:"adapters"`
	Drives               []Drive      `json:"drives"`
	DVDs                 []DVD        `json:"dvd_drives"`
	StartupOrder         []string     `json:"startup_order"` // of the BIOS of a machine of generation 1
	Looks                int          `json:"looks"`         // how often the guest was looked at since it started; counted while [Behaviour] asks something of it
	Checkpoints          []Checkpoint `json:"checkpoints,omitempty"`
	Clustered            bool         `json:"clustered"`
	ClusterRole          string       `json:"cluster_role"` // empty: the machine's own name
}

// Adapter is a virtual network adapter.
type Adapter struct {
	ID          string   `json:"id"` // GUID; given when the state is written, where there is none
	Name        string   `json:"name"`
	SwitchName  string   `json:"switch_name"` // empty: not connected
	MACAddress  string   `json:"mac_address"` // 12 hex digits
	DynamicMAC  bool     `json:"dynamic_mac"`
	VLANMode    string   `json:"vlan_mode"` // Untagged or Access
	VLANID      int      `json:"vlan_id"`
	IPAddresses []string `json:"ip_addresses"`
}

// Drive is a virtual hard disk in its place.
type Drive struct {
	ControllerType     string `json:"controller_type"` // SCSI, or IDE with generation 1
	ControllerNumber   int    `json:"controller_number"`
	ControllerLocation int    `json:"controller_location"`
	Path               string `json:"path"`
}

// DVD is a DVD drive in its place.
type DVD struct {
	ControllerType     string `json:"controller_type"` // SCSI, or IDE for machines of generation 1
	ControllerNumber   int    `json:"controller_number"`
	ControllerLocation int    `json:"controller_location"`
	Path               string `json:"path"` // of the ISO file; empty: nothing is in it
}

// Behaviour is what a test asks of the host beyond the ordinary.
type Behaviour struct {
	Calls              map[string]Call `json:"calls"`                 // by the cmdlet's name
	CopyBytesPerSecond int64           `json:"copy_bytes_per_second"` // 0: as fast as it goes; only the simulator's own agent obeys it
	RecordCalls        bool            `json:"record_calls"`          // keep the names of the cmdlets that are called, for [Store.Calls]
	Lost               string          `json:"lost"`                  // not empty: every call fails with this text, as when the host's service has gone
	Guest              Guest           `json:"guest"`
}

// Guest is how the operating systems in the machines come up: in looks, each of which is one call of Get-VM for one machine
// that runs. The zero value is there at once.
type Guest struct {
	HeartbeatAfter int    `json:"heartbeat_after"` // how many looks see no contact first; below 0: all
	AddressAfter   int    `json:"address_after"`   // how many looks see link-local addresses only; below 0: all
	Address        string `json:"address"`         // what its adapters then have; empty: an address of each one's own
}

// Call is what happens to each call of one cmdlet before it acts.
type Call struct {
	Hold    string `json:"hold,omitempty"`  // path of a file: the call waits for as long as it is there, beside one with the ending .reached
	After   bool   `json:"after,omitempty"` // it acts first, and waits then
	DelayMS int    `json:"delay_ms"`
	Fail    string `json:"fail"`           // the error's text; empty: it does not fail
	Times   int    `json:"times"`          // for how many calls this holds; 0: for all
	Lose    bool   `json:"lose,omitempty"` // the host is lost with this call: see [Behaviour.Lost], which gets the text of Fail
}
