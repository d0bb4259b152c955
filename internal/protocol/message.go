// SPDX-License-Identifier: MPL-2.0

package protocol

import (
	"encoding/json"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The requests of a session.
const (
	RequestHello     = "hello"
	RequestInstall   = "install"
	RequestPing      = "ping"
	RequestInventory = "inventory"
	RequestCheck     = "check"
	RequestSubmit    = "submit"
	RequestAttach    = "attach"
	RequestCancel    = "cancel"
	RequestJobs      = "jobs"
)

// The types of the agent's messages.
const (
	TypeAnswer   = "answer"
	TypeEvent    = "event"
	TypeNeedText = "need_text" // of the bootstrap script: the host does not have the agent, and ignored the line that it answers
)

// NeedText is a message of the bootstrap script. Damaged reports that the line was the agent's text with another SHA-256.
type NeedText struct {
	Type    string `json:"type"`
	Damaged bool   `json:"damaged"`
}

// Request is a request of the client. The comment of each field names the requests that use it.
type Request struct {
	ID      string `json:"id"`
	Request string `json:"request"`

	Client string `json:"client,omitempty"` // hello: name and version of the client, for the logs of the host

	Job        string          `json:"job,omitempty"`        // submit, attach, cancel
	Definition json.RawMessage `json:"definition,omitempty"` // check, submit
	VMID       string          `json:"vm_id,omitempty"`      // check, submit: GUID of an existing virtual machine
	Unknown    []string        `json:"unknown,omitempty"`    // check: fields whose values are not known yet
	Changed    []string        `json:"changed,omitempty"`    // submit, check of an update: the fields to change
	Secrets    []string        `json:"secrets,omitempty"`    // submit: the fields that must not be shown or stored

	AllowPowerCycle bool      `json:"allow_power_cycle,omitempty"` // submit, check of an update: the virtual machine may be stopped and started
	VMs             []string  `json:"vms,omitempty"`               // inventory: GUIDs of the virtual machines to report; empty: all
	Part            string    `json:"part,omitempty"`              // inventory: one of the parts; empty: the host and its virtual machines
	Path            string    `json:"path,omitempty"`              // inventory of [PartDisk]: path of the file
	Settings        *Settings `json:"settings,omitempty"`          // check, inventory, submit
	After           int64     `json:"after,omitempty"`             // attach, and submit of a known job: send the events after this sequence number
}

// Settings holds the settings of a host.
type Settings struct {
	ImagePath string `json:"image_path,omitempty"` // folder of the images; empty: Images in Hyper-V's default folder for virtual hard disks
	VMPath    string `json:"vm_path,omitempty"`    // folder of new virtual machines; empty: Hyper-V's default folder for virtual hard disks
}

// Message is an answer of the agent or, with Type [TypeEvent], an event.
type Message struct {
	Type   string          `json:"type"`
	ID     string          `json:"id,omitempty"` // of the request
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *job.Failure    `json:"error,omitempty"`
}

// EventMessage is a message that carries an event of a job.
type EventMessage struct {
	Type string `json:"type"`
	job.Event
}

// HelloResult is the result of hello.
type HelloResult struct {
	Agent      string          `json:"agent"`
	PowerShell string          `json:"powershell"`
	OS         string          `json:"os"`
	HyperV     string          `json:"hyperv"`
	Host       string          `json:"host"`
	Cluster    string          `json:"cluster"`
	Schemas    []SchemaSupport `json:"schemas"`
	ImagePath  string          `json:"image_path"`
	VMPath     string          `json:"vm_path"`
	Installed  bool            `json:"installed"` // the agent is installed for jobs; the answer to install tells why it is not
	Lacks      []job.Finding   `json:"lacks"`     // what the account or the host lacks, without fields and severities
}

// PingResult is the result of ping. An answer to a request that was sent before, and that Working does not list, was written before
// the answer to ping.
type PingResult struct {
	Working []string `json:"working"` // ids of the requests that the agent works on
}

// InstallResult is the result of install: the agent is installed for jobs and its SHA-256 was verified on the host.
type InstallResult struct {
	Version string `json:"version"` // version of the agent and the first 16 digits of the SHA-256 of its text
	Was     bool   `json:"was"`     // it was installed before
}

// SchemaSupport lists the versions of a schema that an agent supports.
type SchemaSupport struct {
	ID       string `json:"id"`
	Versions []int  `json:"versions"`
}

// InventoryResult is the result of inventory.
type InventoryResult struct {
	Host HostInfo `json:"host"`
	VMs  []job.VM `json:"vms"`

	// Elsewhere lists requested virtual machines that are not on the host and that another node of its cluster owns, or may own.
	Elsewhere []Elsewhere `json:"elsewhere,omitempty"`
	// Partial says what could not be read. The properties that are affected are null.
	Partial []string `json:"partial,omitempty"`
	// ReadMS is how long the host needed to read, in milliseconds: without the network, and without the work of the client.
	ReadMS int64 `json:"read_ms"`
}

// The parts of an inventory: the virtual switches, the checkpoints of one virtual machine, and one virtual hard disk.
const (
	PartDisk        = "disk"
	PartSwitches    = "switches"
	PartCheckpoints = "checkpoints"
)

// CheckpointsResult is the result of inventory for [PartCheckpoints].
type CheckpointsResult struct {
	Checkpoints []job.Checkpoint `json:"checkpoints"`
}

// DiskResult is the result of inventory for [PartDisk].
type DiskResult struct {
	Disk *job.Disk `json:"disk"` // nil: it does not exist
}

// SwitchesResult is the result of inventory for [PartSwitches].
type SwitchesResult struct {
	Switches []job.Switch `json:"switches"`
}

// Elsewhere describes a virtual machine that is not on the host.
type Elsewhere struct {
	ID      string `json:"id"`
	Node    string `json:"node"`              // the cluster node that owns it; empty: the cluster cannot be asked
	Message string `json:"message,omitempty"` // why not
	Remedy  string `json:"remedy,omitempty"`
}

// HostInfo describes a host.
type HostInfo = job.Host

// CheckResult is the result of check.
type CheckResult struct {
	Findings []job.Finding `json:"findings"`
}

// JobResult is the result of submit and cancel. Known reports whether the agent had the job before.
type JobResult struct {
	Job   string `json:"job"`
	Known bool   `json:"known"`
}

// JobsResult is the result of jobs.
type JobsResult struct {
	Jobs []JobInfo `json:"jobs"` // oldest first
}

// JobInfo describes a job on a host.
type JobInfo struct {
	Job       string        `json:"job"`
	Status    Status        `json:"status"`
	Operation job.Operation `json:"operation"`
	VMID      string        `json:"vm_id"` // empty until the virtual machine exists
	Seq       int64         `json:"seq"`   // sequence number of the last event
}
