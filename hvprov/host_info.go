// SPDX-License-Identifier: MPL-2.0

package hvprov

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"

// HostInfo is what the agent on a host reports about itself and the host when a session begins.
type HostInfo struct {
	Host       string `json:"host"`              // the computer name
	Cluster    string `json:"cluster,omitempty"` // the failover cluster that the host is a node of; empty: none
	OS         string `json:"os"`
	PowerShell string `json:"powershell"` // version
	HyperV     string `json:"hyperv"`     // version of the Hyper-V PowerShell module
	Agent      string `json:"agent"`      // version
	Installed  bool   `json:"installed"`  // the files that jobs run from are on the host
	ImagePath  string `json:"image_path"` // folder of the disk images
	VMPath     string `json:"vm_path"`    // folder for new virtual machines

	Schemas map[string][]int `json:"schemas"` // versions of job schemas that the agent supports, by schema id
}

func newHostInfo(hello protocol.HelloResult) HostInfo {
	info := HostInfo{
		Host: hello.Host, Cluster: hello.Cluster, OS: hello.OS, PowerShell: hello.PowerShell, HyperV: hello.HyperV,
		Agent: hello.Agent, Installed: hello.Installed, ImagePath: hello.ImagePath, VMPath: hello.VMPath,
		Schemas: make(map[string][]int, len(hello.Schemas)),
	}
	for _, s := range hello.Schemas {
		info.Schemas[s.ID] = s.Versions
	}
	return info
}

// TransportStats counts the work of the connection to a host since the service was made.
type TransportStats struct {
	Requests      int64 `json:"requests"`       // for WinRM: HTTP requests, those for authentication included
	Connections   int64 `json:"connections"`    // TCP connections opened
	BytesSent     int64 `json:"bytes_sent"`     // on the wire, TLS included
	BytesReceived int64 `json:"bytes_received"` // on the wire, TLS included
}

// CheckRequest is a submission to check on its host without running it.
type CheckRequest struct {
	// Submission is the submission to check. Required fields may be missing from its values. JobID, Limit, Requester and OnEvent
	// have no effect.
	Submission Submission
	// Unknown lists fields that are missing because their values are not known yet. The host does not report them as missing.
	Unknown []string
}
