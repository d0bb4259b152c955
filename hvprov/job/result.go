// SPDX-License-Identifier: MPL-2.0

package job

// Outcome is how a job ended.
type Outcome string

// The outcomes of a job.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

// Result is the result of a job. The outcome of a job without a result is unknown until its host is asked.
type Result struct {
	Outcome Outcome `json:"outcome"`
	VM      *VM     `json:"vm,omitempty"` // at the end of the job; nil if it does not exist
	// Checkpoint is the checkpoint that a checkpoint job took or applied; nil otherwise.
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	// Image is the file that an image job created, with the name of the image; nil otherwise.
	Image *Image `json:"image,omitempty"`
	// Disk is the virtual hard disk that a disk job created or expanded; nil otherwise.
	Disk *Disk `json:"disk,omitempty"`
	// Switch is the virtual switch that a switch job created or changed; nil otherwise.
	Switch *Switch  `json:"switch,omitempty"`
	Error  *Failure `json:"error,omitempty"`  // nil if the job succeeded
	Undone []string `json:"undone,omitempty"` // what the job had created and removed again
	Left   []string `json:"left,omitempty"`   // what was not removed: the removal failed, or the job had not created it
}

// Failure is why a job or a request failed.
type Failure struct {
	Step    string `json:"step,omitempty"` // the step that failed
	Code    string `json:"code"`           // for example CodeNameTaken
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`  // path of the field that caused it; empty if none did
	Remedy  string `json:"remedy,omitempty"` // how to fix it
	VMID    string `json:"vm_id,omitempty"`  // of the virtual machine that has the name, or the disk
}

// Codes of a [Failure] and of a [Finding] that callers handle. The agent's message catalogue lists all of them.
const (
	CodeNameTaken    = "name_taken"     // a virtual machine on the host has the name
	CodeVMNotFound   = "vm_not_found"   // the virtual machine does not exist
	CodeVMElsewhere  = "vm_elsewhere"   // another node of the host's cluster owns the virtual machine
	CodeJobUnknown   = "job_unknown"    // the host has no job with the id
	CodeHostNotReady = "host_not_ready" // the host lacks something that jobs need
	CodeAccessDenied = "access_denied"  // the account lacks a right on the host
	CodeWorkerDied   = "worker_died"    // the process of the job died; what it had created was removed
)

// Severity is the severity of a [Finding]. A job with a finding of SeverityError would fail.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is a problem that a check on the host found.
type Finding struct {
	Field    string   `json:"field,omitempty"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
	VMID     string   `json:"vm_id,omitempty"` // of the virtual machine that has the name, or the disk
}
