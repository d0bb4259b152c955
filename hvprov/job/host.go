// SPDX-License-Identifier: MPL-2.0

package job

// Host is a Hyper-V host as its agent reports it. Sizes that are pointers are nil if they are unknown.
type Host struct {
	Name                 string  `json:"name"`
	LogicalProcessors    int     `json:"logical_processors"`
	MemoryBytes          int64   `json:"memory_bytes"`
	MemoryAvailableBytes *int64  `json:"memory_available_bytes"` // for further virtual machines
	VirtualHardDiskPath  string  `json:"virtual_hard_disk_path"`
	VMPath               string  `json:"vm_path"`    // folder for new virtual machines
	FreeBytes            *int64  `json:"free_bytes"` // on the volume of VMPath
	ImagePath            string  `json:"image_path"` // folder of the images
	Images               []Image `json:"images"`
	Media                []Image `json:"media"` // ISO files in the folder of the images
}

// Switch is a virtual switch on a host. Several may have the same name.
type Switch struct {
	ID   string `json:"id"` // GUID
	Name string `json:"name"`
	Type string `json:"type"` // external, internal or private

	Notes                string   `json:"notes"`
	NetAdapterNames      []string `json:"net_adapter_names"`   // physical network adapters of an external switch; nil: unknown
	AllowManagementOS    bool     `json:"allow_management_os"` // the host has a virtual network adapter on it
	EmbeddedTeaming      bool     `json:"enable_embedded_teaming"`
	IOV                  bool     `json:"enable_iov"`             // single-root I/O virtualization
	MinimumBandwidthMode string   `json:"minimum_bandwidth_mode"` // absolute, weight or none
}

// Checkpoint is a checkpoint of a virtual machine. Several may have the same name.
type Checkpoint struct {
	ID         string `json:"id"` // GUID in lower case
	Name       string `json:"name"`
	ParentID   string `json:"parent_id"`   // GUID of the checkpoint before it; empty if there is none
	CreatedAt  string `json:"created_at"`  // in UTC, in the format of RFC 3339
	PowerState string `json:"power_state"` // of the virtual machine after it was applied: off, or saved with its memory
	Automatic  bool   `json:"automatic"`   // Hyper-V created it when the virtual machine started
	Current    bool   `json:"current"`     // the virtual machine continues from it
}

// Disk is a virtual hard disk on a host.
type Disk struct {
	Path       string  `json:"path"`
	SizeGB     float64 `json:"size_gb"`     // virtual size in GiB
	Type       string  `json:"type"`        // dynamic, fixed or differencing
	ParentPath string  `json:"parent_path"` // of a differencing disk; empty otherwise
}

// Image is a disk image or an ISO file on a host.
type Image struct {
	Name      string `json:"name"` // without the file name extension
	SizeBytes int64  `json:"size_bytes"`
}
