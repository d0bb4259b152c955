// SPDX-License-Identifier: MPL-2.0

package job

// Outcome is how a job ended.
type Outcome string

// The ends a job can come to.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

// Result is what a job leaves behind. A job that has none is in no known state: only the host can tell.
type Result struct {
	Outcome Outcome  `json:"outcome"`
	VM      *VM      `json:"vm,omitempty"`     // as it is now; nil when there is none (any more)
	Error   *Failure `json:"error,omitempty"`  // why, unless it succeeded
	Undone  []string `json:"undone,omitempty"` // what was taken back
	Left    []string `json:"left,omitempty"`   // what could not be taken back, or is not the job's to remove
}

// Failure is the host's account of what went wrong.
type Failure struct {
	Step    string `json:"step,omitempty"` // the step that failed
	Code    string `json:"code"`           // one of the Code constants
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`  // the field of the definition that is to blame, if one is
	Remedy  string `json:"remedy,omitempty"` // what would do
}

// Codes of a [Failure] and of a [Finding].
const (
	CodeBadRequest        = "bad_request"
	CodeUnknownRequest    = "unknown_request"
	CodeSchemaMismatch    = "schema_mismatch"
	CodeInvalidDefinition = "invalid_definition"
	CodeNameTaken         = "name_taken"
	CodeVMNotFound        = "vm_not_found"
	CodeJobUnknown        = "job_unknown"
	CodeImageMissing      = "image_missing"
	CodeImageUnfit        = "image_unfit" // it is there, and cannot be what it is to be
	CodeDiskSize          = "disk_size"   // smaller than what is there: a disk does not shrink
	CodeDiskType          = "disk_type"   // another than a disk was made with
	CodeDiskBusy          = "disk_busy"   // in use in a way that stands against the change
	CodeSwitchMissing     = "switch_missing"
	CodeSwitchAmbiguous   = "switch_ambiguous"
	CodeMACTaken          = "mac_taken"
	CodeAdapterName       = "adapter_name" // a network adapter cannot have that name, or is not the job's to have
	CodeMediaMissing      = "media_missing"
	CodeWait              = "wait" // what is waited for cannot come
	CodeStorage           = "storage"
	CodeMemory            = "memory"
	CodeCPU               = "cpu"
	CodeFirmware          = "firmware" // secure boot or a virtual TPM, where there can be none
	CodeCluster           = "cluster"
	CodeHostNotReady      = "host_not_ready"
	CodePowerCycleRefused = "power_cycle_refused"
	CodeStepFailed        = "step_failed"
	CodeCancelled         = "cancelled"
	CodeWorkerDied        = "worker_died" // the process of the job died; what it had made was undone
	CodeInternal          = "internal"
)

// Severity says whether a [Finding] stands in a job's way.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one thing that a dry run on the host found.
type Finding struct {
	Field    string   `json:"field,omitempty"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
	VMID     string   `json:"vm_id,omitempty"` // name_taken: who holds the name
}
