// SPDX-License-Identifier: MPL-2.0

package protocol

import (
	"encoding/json"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The requests that a session takes.
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

// The types of what an agent says.
const (
	TypeAnswer = "answer"
	TypeEvent  = "event"
)

// Request is one line of the client's. Which of the fields count follows from Request.
type Request struct {
	ID      string `json:"id"`
	Request string `json:"request"`

	Client  string `json:"client,omitempty"`  // hello: who asks, for the host's logs
	Install bool   `json:"install,omitempty"` // hello: put on the host what jobs run, before the answer; one that cannot be is told by install

	Job        string          `json:"job,omitempty"`        // submit, attach, cancel
	Definition json.RawMessage `json:"definition,omitempty"` // check, submit
	VMID       string          `json:"vm_id,omitempty"`      // check, submit: the VM that it is about, once there is one
	Unknown    []string        `json:"unknown,omitempty"`    // check: fields whose values come later
	Changed    []string        `json:"changed,omitempty"`    // submit, check, update: the fields to touch
	Secrets    []string        `json:"secrets,omitempty"`    // submit: the fields never to be shown or stored

	AllowPowerCycle bool      `json:"allow_power_cycle,omitempty"` // submit, check, update
	Settings        *Settings `json:"settings,omitempty"`          // check, inventory, submit
	After           int64     `json:"after,omitempty"`             // attach, and submit of a known job: send events beyond this one
}

// Settings is what the owner of a host has set about it.
type Settings struct {
	ImagePath string `json:"image_path,omitempty"` // folder of the images; empty: Images below the default for virtual hard disks
	VMPath    string `json:"vm_path,omitempty"`    // folder for the VMs made; empty: Hyper-V's default for virtual hard disks
}

// Message is one frame of the agent's: an answer or, with Type [TypeEvent], an event.
type Message struct {
	Type   string          `json:"type"`
	ID     string          `json:"id,omitempty"` // of the request that is answered
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *job.Failure    `json:"error,omitempty"`
}

// EventMessage is a frame that carries an event.
type EventMessage struct {
	Type string `json:"type"`
	job.Event
}

// HelloResult answers hello.
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
	Installed  bool            `json:"installed"` // what jobs run is on the host already
}

// InstallResult answers install: what jobs run is on the host now, and was checked there by its SHA-256.
type InstallResult struct {
	Version string `json:"version"` // the agent's, with the first 16 digits of the SHA-256 of its text
	Was     bool   `json:"was"`     // it was there before
}

// SchemaSupport names the versions of one schema that an agent understands.
type SchemaSupport struct {
	ID       string `json:"id"`
	Versions []int  `json:"versions"`
}

// InventoryResult answers inventory.
type InventoryResult struct {
	Host HostInfo `json:"host"`
	VMs  []job.VM `json:"vms"`
}

// HostInfo is what a host reports of itself.
type HostInfo = job.Host

// CheckResult answers check.
type CheckResult struct {
	Findings []job.Finding `json:"findings"`
}

// JobResult answers submit and cancel. Known says whether the agent had that job already.
type JobResult struct {
	Job   string `json:"job"`
	Known bool   `json:"known"`
}

// JobsResult answers jobs.
type JobsResult struct {
	Jobs []JobInfo `json:"jobs"` // the oldest first
}

// JobInfo is what the agent keeps of a job of its host.
type JobInfo struct {
	Job       string        `json:"job"`
	Status    job.Status    `json:"status"`
	Operation job.Operation `json:"operation"`
	VMID      string        `json:"vm_id"` // empty: it has made none yet
	Seq       int64         `json:"seq"`   // number of the last event
}
