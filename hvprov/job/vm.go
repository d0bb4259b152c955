// SPDX-License-Identifier: MPL-2.0

package job

// VM is a virtual machine as its host reports it. The JSON names are what the schema's `observed` refers to.
type VM struct {
	ID             string         `json:"id"` // GUID, lower case
	Name           string         `json:"name"`
	PowerState     string         `json:"power_state"` // running, off, paused, saved, starting, stopping or other
	Generation     int            `json:"generation"`
	MemoryGB       float64        `json:"memory_gb"` // startup memory in GiB
	ProcessorCount int            `json:"processor_count"`
	Notes          string         `json:"notes"`
	SwitchName     string         `json:"switch_name"` // of the first adapter; empty when it is not connected
	VLANID         int            `json:"vlan_id"`     // 0 is untagged
	Clustered      bool           `json:"clustered"`
	IPAddresses    []string       `json:"ip_addresses"` // as the guest reports them, without link-local ones
	MACAddress     string         `json:"mac_address"`
	Disks          []string       `json:"disks"`
	JobID          string         `json:"job_id"`   // the job that made it; empty when none of ours did
	Recorded       map[string]any `json:"recorded"` // fields of that job's definition, without secrets
}
