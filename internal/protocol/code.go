// SPDX-License-Identifier: MPL-2.0

package protocol

// Codes of a job.Failure and of a job.Finding that only an agent uses; see also the Code constants of package job.
const (
	CodeBadRequest        = "bad_request"
	CodeUnknownRequest    = "unknown_request"
	CodeSchemaMismatch    = "schema_mismatch"
	CodeInvalidDefinition = "invalid_definition"
	CodeImageMissing      = "image_missing"
	CodeImageUnfit        = "image_unfit" // the image exists but cannot be used
	CodeDiskSize          = "disk_size"   // less than the present size: disks are not shrunk
	CodeDiskType          = "disk_type"   // other than the type with which the disk was created
	CodeDiskBusy          = "disk_busy"   // in use in a way that prevents the change
	CodeSwitchMissing     = "switch_missing"
	CodeSwitchAmbiguous   = "switch_ambiguous"
	CodeMACTaken          = "mac_taken"
	CodeAdapterName       = "adapter_name" // the name of a network adapter is not available
	CodeMediaMissing      = "media_missing"
	CodeWait              = "wait" // the state to wait for cannot be reached
	CodeStorage           = "storage"
	CodeMemory            = "memory"
	CodeCPU               = "cpu"
	CodeFirmware          = "firmware" // secure boot or a virtual TPM is not available
	CodeHardware          = "hardware" // a setting that the host does not support, or that contradicts another
	CodeCluster           = "cluster"
	CodePowerCycleRefused = "power_cycle_refused"
	CodeStepFailed        = "step_failed"
	CodeCancelled         = "cancelled"
	CodeInternal          = "internal"
)

// Status is the status of a job on a host.
type Status string

// The statuses of a job on a host.
const (
	StatusWaiting Status = "waiting" // for a concurrency slot
	StatusRunning Status = "running"
	StatusEnded   Status = "ended"
)
