// SPDX-License-Identifier: MPL-2.0

package job

// VM is a virtual machine as its host reports it. Sizes are in GiB. Hyper-V's names for values are in lower case with underscores:
// StartIfRunning is start_if_running. A schema refers to the JSON names of the properties that are tagged observable; see
// hvprov/jobschema.
type VM struct {
	ID               string        `json:"id"` // GUID in lower case
	Name             string        `json:"name" observable:"true"`
	PowerState       string        `json:"power_state" observable:"true"` // running, off, paused, saved, starting, stopping or other
	Generation       int           `json:"generation" observable:"true"`
	MemoryGB         float64       `json:"memory_gb" observable:"true"` // startup memory, exact
	MemoryAssignedGB float64       `json:"memory_assigned_gb"`          // 0 if it is not running
	DynamicMemory    DynamicMemory `json:"dynamic_memory"`
	MemoryMinimumGB  *float64      `json:"memory_minimum_gb" observable:"true"` // exact; nil if the memory is not dynamic
	MemoryMaximumGB  *float64      `json:"memory_maximum_gb" observable:"true"` // like MemoryMinimumGB
	SecureBoot       *bool         `json:"secure_boot" observable:"true"`       // false for generation 1; nil if it is unknown
	TPM              *bool         `json:"tpm" observable:"true"`               // like SecureBoot
	ProcessorCount   int           `json:"processor_count" observable:"true"`
	Notes            string        `json:"notes" observable:"true"`
	SwitchName       string        `json:"switch_name" observable:"true"` // of the first adapter; empty if it is not connected
	VLANID           int           `json:"vlan_id" observable:"true"`     // of the first adapter; 0 if it is untagged
	Clustered        bool          `json:"clustered" observable:"true"`
	ClusterRole      string        `json:"cluster_role"`                  // empty if there is none or it is unknown
	OwnerNode        string        `json:"owner_node"`                    // computer name of the host that has it
	IPAddresses      []string      `json:"ip_addresses"`                  // as the guest reports them, without link-local ones
	MACAddress       string        `json:"mac_address" observable:"true"` // of the first adapter
	// StaticMACAddress is the address of the first adapter in the form 00-15-5D-00-10-20; empty if the host assigned it.
	StaticMACAddress string `json:"static_mac_address" observable:"true"`
	// NetworkAdapters are the additional adapters that a job created and that still exist, in the order of its definition. It is
	// nil if no job created the virtual machine: Adapters has them.
	NetworkAdapters []NetworkAdapter `json:"network_adapters" observable:"true"`
	Disks           []string         `json:"disks"` // paths
	Adapters        []Adapter        `json:"adapters"`
	Drives          []Drive          `json:"drives"`
	DiskSizeGB      *float64         `json:"disk_size_gb" observable:"true"`    // of the disk created from the image, or of the only disk; nil if it is unknown
	DataDisks       []DataDisk       `json:"data_disks" observable:"true"`      // the attached disks that a job created or attached, in the order of its definition; nil if they are unknown
	Heartbeat       string           `json:"heartbeat"`                         // ok_applications_healthy, ok_applications_unknown, no_contact …; empty if it is not running
	Integration     string           `json:"integration_services"`              // as Hyper-V reports them; empty on newer hosts
	CheckpointType  string           `json:"checkpoint_type" observable:"true"` // disabled, standard, production or production_only
	StartAction     string           `json:"start_action" observable:"true"`    // nothing, start_if_running or start
	StopAction      string           `json:"stop_action" observable:"true"`     // turn_off, save or shut_down
	JobID           string           `json:"job_id"`                            // the job that created it; empty if no job did
	Recorded        map[string]any   `json:"recorded"`                          // fields that jobs have set, without secrets

	// The following are reported if a job has set them, or if no job created the virtual machine and few are read; otherwise, and if they
	// cannot be read, they are nil.

	NestedVirtualization   *bool `json:"nested_virtualization,omitempty" observable:"true"`
	ProcessorCompatibility *bool `json:"processor_compatibility,omitempty" observable:"true"`
	ProcessorWeight        *int  `json:"processor_weight,omitempty" observable:"true"`
	ProcessorReserve       *int  `json:"processor_reserve,omitempty" observable:"true"` // percent
	ProcessorLimit         *int  `json:"processor_limit,omitempty" observable:"true"`   // percent
	MemoryWeight           *int  `json:"memory_weight,omitempty" observable:"true"`
	MACSpoofing            *bool `json:"mac_spoofing,omitempty" observable:"true"`         // of the first adapter
	BandwidthLimit         *int  `json:"bandwidth_limit_mbps,omitempty" observable:"true"` // of the first adapter; 0 if it is unlimited

	BandwidthReserve        *int     `json:"bandwidth_reserve_mbps,omitempty" observable:"true"` // of the first adapter
	BandwidthWeight         *int     `json:"bandwidth_weight,omitempty" observable:"true"`       // of the first adapter
	VLANTrunk               *string  `json:"vlan_trunk,omitempty" observable:"true"`             // of the first adapter: 10-12,20; empty if it is no trunk
	VLANNativeID            *int     `json:"vlan_native_id,omitempty" observable:"true"`         // of the first adapter; 0 if it is no trunk
	SecureBootTemplate      *string  `json:"secure_boot_template,omitempty" observable:"true"`   // microsoft_windows …
	BootOrder               []string `json:"boot_order,omitempty" observable:"true"`             // disk, network and dvd in the order of their first devices
	SmartPagingPath         *string  `json:"smart_paging_path,omitempty" observable:"true"`      // folder
	CheckpointPath          *string  `json:"checkpoint_path,omitempty" observable:"true"`        // folder
	IntegrationGuestService *bool    `json:"integration_guest_service_interface,omitempty" observable:"true"`
	IntegrationHeartbeat    *bool    `json:"integration_heartbeat,omitempty" observable:"true"`
	IntegrationKeyValue     *bool    `json:"integration_key_value_pair_exchange,omitempty" observable:"true"`
	IntegrationShutdown     *bool    `json:"integration_shutdown,omitempty" observable:"true"`
	IntegrationTime         *bool    `json:"integration_time_synchronization,omitempty" observable:"true"`
	IntegrationVSS          *bool    `json:"integration_vss,omitempty" observable:"true"`

	// Partial says what could not be read when the virtual machine was read, one sentence each; not only for this virtual machine.
	// The properties that are affected are nil.
	Partial []string `json:"partial,omitempty"`
}

// DynamicMemory holds the bounds of a virtual machine's dynamic memory, which apply only if it is enabled.
type DynamicMemory struct {
	Enabled   bool    `json:"enabled"`
	MinimumGB float64 `json:"minimum_gb"`
	MaximumGB float64 `json:"maximum_gb"`
}

// Adapter is a network adapter of a virtual machine.
type Adapter struct {
	Name        string   `json:"name"`
	SwitchName  string   `json:"switch_name"`  // empty if it is not connected
	MACAddress  string   `json:"mac_address"`  // 12 hexadecimal digits; empty before the first start
	DynamicMAC  bool     `json:"dynamic_mac"`  // the host assigns the address
	VLANID      int      `json:"vlan_id"`      // 0 if it is untagged
	IPAddresses []string `json:"ip_addresses"` // as the guest reports them, without link-local ones
}

// NetworkAdapter is an additional network adapter in the form of a definition, in which a nil property is absent.
type NetworkAdapter struct {
	Name       string  `json:"name"`
	SwitchName *string `json:"switch_name"` // nil if it is not connected
	VLANID     *int    `json:"vlan_id"`     // nil if it is untagged
	MACAddress *string `json:"mac_address"` // in the form 00-15-5D-00-10-20; nil if the host assigns it

	// The following are reported if a job has set them.

	MACSpoofing      *bool   `json:"mac_spoofing,omitempty"`
	BandwidthLimit   *int    `json:"bandwidth_limit_mbps,omitempty"`
	BandwidthReserve *int    `json:"bandwidth_reserve_mbps,omitempty"`
	BandwidthWeight  *int    `json:"bandwidth_weight,omitempty"`
	VLANTrunk        *string `json:"vlan_trunk,omitempty"`
	VLANNativeID     *int    `json:"vlan_native_id,omitempty"`
}

// Drive is a hard disk of a virtual machine.
type Drive struct {
	Path       string   `json:"path"`
	SizeGB     *float64 `json:"size_gb"`    // virtual size; nil if it is unknown
	FileGB     *float64 `json:"file_gb"`    // size of the file; nil if it is unknown
	Type       string   `json:"type"`       // dynamic, fixed or differencing; empty if it is unknown
	Parent     string   `json:"parent"`     // path of the parent of a differencing disk
	Controller string   `json:"controller"` // with number and location, for example "SCSI 0:1"
}

// DataDisk is a disk that a job created in addition to that of the image, or an existing disk that a job attached, of which only Name and
// Path are set.
type DataDisk struct {
	Name   string  `json:"name"`
	Path   string  `json:"path,omitempty"`    // of an existing disk
	SizeGB float64 `json:"size_gb,omitempty"` // virtual size
	Type   string  `json:"type,omitempty"`    // dynamic or fixed
	// KeepOnDestroy is whether the file stays when the virtual machine is deleted.
	KeepOnDestroy bool `json:"keep_on_destroy"`
}
