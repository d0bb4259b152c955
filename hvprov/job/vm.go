// SPDX-License-Identifier: MPL-2.0

package job

// VM is a virtual machine as its host reports it. The JSON names are what the schema's `observed` refers to. Sizes are in
// GiB. Names that Hyper-V has for values are given in lower case, with underscores: StartIfRunning is start_if_running.
type VM struct {
	ID               string        `json:"id"` // GUID, lower case
	Name             string        `json:"name"`
	PowerState       string        `json:"power_state"` // running, off, paused, saved, starting, stopping or other
	Generation       int           `json:"generation"`
	MemoryGB         float64       `json:"memory_gb"`          // startup memory
	MemoryAssignedGB float64       `json:"memory_assigned_gb"` // what it has now; 0 when it does not run
	DynamicMemory    DynamicMemory `json:"dynamic_memory"`
	MemoryMinimumGB  *float64      `json:"memory_minimum_gb"` // exact; nil when the memory is not dynamic
	MemoryMaximumGB  *float64      `json:"memory_maximum_gb"` // as the minimum
	SecureBoot       *bool         `json:"secure_boot"`       // false for generation 1; nil when the host cannot tell
	TPM              *bool         `json:"tpm"`               // as SecureBoot
	ProcessorCount   int           `json:"processor_count"`
	Notes            string        `json:"notes"`
	SwitchName       string        `json:"switch_name"` // of the first adapter; empty when it is not connected
	VLANID           int           `json:"vlan_id"`     // of the first adapter; 0 is untagged
	Clustered        bool          `json:"clustered"`
	ClusterRole      string        `json:"cluster_role"` // empty when it has none, or it is not known
	IPAddresses      []string      `json:"ip_addresses"` // as the guest reports them, without link-local ones
	MACAddress       string        `json:"mac_address"`  // of the first adapter
	// StaticMACAddress is that address, as 00-15-5D-00-10-20, where it is the adapter's own; empty when the host chose it.
	StaticMACAddress string `json:"static_mac_address"`
	// NetworkAdapters are the further adapters that a job of ours gave it and that are there, in the order of its definition.
	// Nil when no job of ours made it.
	NetworkAdapters []NetworkAdapter `json:"network_adapters"`
	Disks           []string         `json:"disks"` // paths
	Adapters        []Adapter        `json:"adapters"`
	Drives          []Drive          `json:"drives"`
	DiskSizeGB      *float64         `json:"disk_size_gb"`         // of the disk made of the image, or the only one; nil when it is not known
	DataDisks       []DataDisk       `json:"data_disks"`           // of those that a job of ours made, the attached ones, in the job's order; nil when they are not known
	Heartbeat       string           `json:"heartbeat"`            // ok_applications_healthy, ok_applications_unknown, no_contact …; empty when it does not run
	Integration     string           `json:"integration_services"` // in Hyper-V's words; newer hosts say nothing
	CheckpointType  string           `json:"checkpoint_type"`      // disabled, standard, production or production_only
	StartAction     string           `json:"start_action"`         // nothing, start_if_running or start
	StopAction      string           `json:"stop_action"`          // turn_off, save or shut_down
	JobID           string           `json:"job_id"`               // the job that made it; empty when none of ours did
	Recorded        map[string]any   `json:"recorded"`             // fields of that job's definition, without secrets
}

// DynamicMemory is within which bounds a virtual machine's memory changes. They hold only where it is enabled.
type DynamicMemory struct {
	Enabled   bool    `json:"enabled"`
	MinimumGB float64 `json:"minimum_gb"`
	MaximumGB float64 `json:"maximum_gb"`
}

// Adapter is a network adapter of a virtual machine.
type Adapter struct {
	Name        string   `json:"name"`
	SwitchName  string   `json:"switch_name"`  // empty when it is not connected
	MACAddress  string   `json:"mac_address"`  // 12 hexadecimal digits; empty before the first start gives it one
	DynamicMAC  bool     `json:"dynamic_mac"`  // the host chooses the address
	VLANID      int      `json:"vlan_id"`      // 0 is untagged
	IPAddresses []string `json:"ip_addresses"` // as the guest reports them, without link-local ones
}

// NetworkAdapter is a further adapter as a definition has it. What is nil is as in a definition without it.
type NetworkAdapter struct {
	Name       string  `json:"name"`
	SwitchName *string `json:"switch_name"` // nil when it is not connected
	VLANID     *int    `json:"vlan_id"`     // nil when it is untagged
	MACAddress *string `json:"mac_address"` // as 00-15-5D-00-10-20; nil when the host chooses it
}

// Drive is a hard disk of a virtual machine.
type Drive struct {
	Path       string   `json:"path"`
	SizeGB     *float64 `json:"size_gb"`    // as the guest sees it; nil when it is not known
	FileGB     *float64 `json:"file_gb"`    // what its file takes; nil when it is not known
	Type       string   `json:"type"`       // dynamic, fixed or differencing; empty when it is not known
	Parent     string   `json:"parent"`     // path of what a differencing disk differs from
	Controller string   `json:"controller"` // and the place there, as "SCSI 0:1"
}

// DataDisk is a disk of a virtual machine beside that of its image, which a job of ours made.
type DataDisk struct {
	Name   string  `json:"name"`
	SizeGB float64 `json:"size_gb"` // as the guest sees it
	Type   string  `json:"type"`    // dynamic or fixed
}
