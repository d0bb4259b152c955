// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Submission describes a job to run.
type Submission struct {
	Host      string // name of a configured host
	Operation job.Operation
	// Values are the values by field of the schema. A delete has none. Those of a power job are not fields of the schema: power_action,
	// one of [job.PowerActions]; force_stop, which turns off a guest that does not shut down; wait_for and wait_seconds, which after a
	// start wait for the guest as the default schema describes it. Those of a checkpoint job are checkpoint_action, one of
	// [job.CheckpointActions]; checkpoint_name, or checkpoint_id to apply or remove; checkpoint_children, to remove those that were taken
	// after it as well; checkpoint_start, which starts the virtual machine after an apply. Those of an export job are export_path, the folder on
	// the host in which a folder with the name of the virtual machine is created, and export_live_state, one of [job.ExportLiveStates]. Those of an image job are
	// image_action, create or remove; image_file, the name of a .vhdx or .iso file in the folder of the images; to create it, source_url, which
	// the host downloads, or source_path, a file on the host; source_sha256, of the source; source_compression, none or gzip; source_size_bytes,
	// which is compared with the free space before a download begins; and source_certificate, the only certificate to accept from the
	// server, as DER in Base64.
	// Those of a disk job are disk_action, one of [job.DiskActions]; disk_path, a path or the name of a file in the host's folder for virtual
	// hard disks; disk_size_gb; vhd_type, which is dynamic, fixed or differencing; parent_path of a differencing disk.
	// Those of a switch job are switch_action, one of [job.SwitchActions]; to create a virtual switch, switch_name, switch_type, which is external,
	// internal or private, net_adapter_names of an external one, enable_embedded_teaming, enable_iov, and minimum_bandwidth_mode, which is
	// absolute, weight or none; otherwise switch_id, its GUID; allow_management_os and notes; and allow_host_disconnect, without which a job
	// does not cut the connection to the host.
	Values map[string]any

	// Schema is the schema and version that Values were made for. Another one than the service's is an error. The zero value
	// means the service's.
	Schema job.SchemaRef

	VMID            string   // all but provision and jobs on a host: GUID of the virtual machine
	Changed         []string // update: the fields to change; all others stay as they are
	AllowPowerCycle bool     // update: the virtual machine may be stopped and started if a change requires it

	// SkipInventoryCheck omits the request for the inventory of a host that is not in the cache yet, which reports taken names
	// before the job starts. Set it after a [Service.Check] without findings, maybe in another process: the job checks its name
	// on the host in any case.
	SkipInventoryCheck bool

	// Limit is the time limit of the job, not counting its time in the queue. A job that exceeds it is cancelled and rolled back,
	// and fails with [ErrTimeLimit]. 0: [Options.JobLimit].
	Limit time.Duration
	// JobID is the GUID of the job. Empty: one is generated. Submitting the same job again under the same id returns the job
	// that exists, which does not run twice; another submission under that id is an error.
	JobID string
	// Requester is the person or system on whose behalf the job is submitted. It is kept in the record of the job, shown in its
	// events, and can be filtered for. It has no other effect.
	Requester string
	// OnEvent is called with each event of the job, in order and once, without secrets. The job's next event waits for its
	// return: slow consumers should use [Service.Subscribe].
	OnEvent func(job.Event)
}

// record returns the record of the submission, without its values.
func (sub *Submission) record() jobstore.Record {
	return jobstore.Record{
		ID: sub.JobID, Host: sub.Host, Operation: sub.Operation, VMID: sub.VMID, Schema: sub.Schema, Requester: sub.Requester,
		Changed: sub.Changed, AllowPowerCycle: sub.AllowPowerCycle, Limit: sub.Limit,
	}
}

// CheckRequest is a submission to check on its host without running it.
type CheckRequest struct {
	// Submission is the submission to check. Required fields may be missing from its values. JobID, Limit, Requester and OnEvent
	// have no effect.
	Submission Submission
	// Unknown lists fields whose values are not known yet. The host does not report them as missing.
	Unknown []string
}
