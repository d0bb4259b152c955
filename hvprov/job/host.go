// SPDX-License-Identifier: MPL-2.0

package job

// Host is a host as it reports itself. The sizes that are pointers are nil when the host cannot tell, and absent from agents
// that are older.
type Host struct {
	Name                 string  `json:"name"`
	LogicalProcessors    int     `json:"logical_processors"`
	MemoryBytes          int64   `json:"memory_bytes"`
	MemoryAvailableBytes *int64  `json:"memory_available_bytes"` // what virtual machines can still get
	VirtualHardDiskPath  string  `json:"virtual_hard_disk_path"`
	VMPath               string  `json:"vm_path"`    // folder for new virtual machines
	FreeBytes            *int64  `json:"free_bytes"` // of the drive that VMPath is on
	ImagePath            string  `json:"image_path"` // folder of the images
	Images               []Image `json:"images"`
	Media                []Image `json:"media"` // the ISO files beside the images
}

// Image is a disk image, or an ISO file, in a host's library.
type Image struct {
	Name      string `json:"name"` // without its ending
	SizeBytes int64  `json:"size_bytes"`
}
