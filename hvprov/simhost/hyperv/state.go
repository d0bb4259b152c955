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
	Name                string `json:"name"`
	OSVersion           string `json:"os_version"`
	HyperVVersion       string `json:"hyperv_version"`
	LogicalProcessors   int    `json:"logical_processors"`
	MemoryBytes         int64  `json:"memory_bytes"`
	VirtualHardDiskPath string `json:"virtual_hard_disk_path"`
	VirtualMachinePath  string `json:"virtual_machine_path"`
	Cluster             string `json:"cluster"` // empty: not a member of one
}

// Switch is a virtual switch.
type Switch struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // External, Internal or Private
}

// VM is a virtual machine. Its States are Hyper-V's own names: Off, Running, Paused, Saved.
type VM struct {
	ID                   string    `json:"id"`
	Name                 string    `json:"name"`
	State                string    `json:"state"`
	Generation           int       `json:"generation"`
	MemoryStartupBytes   int64     `json:"memory_startup_bytes"`
	DynamicMemory        bool      `json:"dynamic_memory"`
	ProcessorCount       int       `json:"processor_count"`
	Notes                string    `json:"notes"`
	Path                 string    `json:"path"`
	CreationTime         time.Time `json:"creation_time"`
	CheckpointType       string    `json:"checkpoint_type"`
	AutomaticStartAction string    `json:"automatic_start_action"`
	AutomaticStopAction  string    `json:"automatic_stop_action"`
	SecureBoot           string    `json:"secure_boot"` // On or Off
	SecureBootTemplate   string    `json:"secure_boot_template"`
	FirstBoot            string    `json:"first_boot"` // path of the drive to start from; empty: the default order
	Adapters             []Adapter `json:"adapters"`
	Drives               []Drive   `json:"drives"`
	Clustered            bool      `json:"clustered"`
}

// Adapter is a virtual network adapter.
type Adapter struct {
	Name        string   `json:"name"`
	SwitchName  string   `json:"switch_name"` // empty: not connected
	MACAddress  string   `json:"mac_address"` // 12 hex digits
	VLANMode    string   `json:"vlan_mode"`   // Untagged or Access
	VLANID      int      `json:"vlan_id"`
	IPAddresses []string `json:"ip_addresses"`
}

// Drive is a virtual hard disk in its place.
type Drive struct {
	ControllerType     string `json:"controller_type"` // SCSI
	ControllerNumber   int    `json:"controller_number"`
	ControllerLocation int    `json:"controller_location"`
	Path               string `json:"path"`
}

// Behaviour is what a test asks of the host beyond the ordinary.
type Behaviour struct {
	Calls              map[string]Call `json:"calls"`                 // by the cmdlet's name
	CopyBytesPerSecond int64           `json:"copy_bytes_per_second"` // 0: as fast as it goes; only the simulator's own agent obeys it
}

// Call is what happens to each call of one cmdlet before it acts.
type Call struct {
	Hold    string `json:"hold,omitempty"`  // path of a file: the call waits for as long as it is there, beside one with the ending .reached
	After   bool   `json:"after,omitempty"` // it acts first, and waits then
	DelayMS int    `json:"delay_ms"`
	Fail    string `json:"fail"`  // the error's text; empty: it does not fail
	Times   int    `json:"times"` // for how many calls this holds; 0: for all
}
