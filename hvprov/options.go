// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"log/slog"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// Host configures a Hyper-V host.
type Host struct {
	WinRM     winrm.Config // the connection to the host
	ImagePath string       // folder of the disk images; empty: Images below the host's default folder for virtual hard disks
	VMPath    string       // folder for new virtual machines; empty: the host's default folder for virtual hard disks
}

// Options configure a [Service]. The zero value has the embedded schema and no host.
type Options struct {
	// Schema is the schema of submissions. A schema with another id than the embedded one must translate to it, because agents
	// know only that one: see [jobschema.Translate]. Nil: the embedded schema.
	Schema *jobschema.Schema
	// Hosts are the hosts by name. The letter case of a name is not significant.
	Hosts map[string]Host

	// Store keeps the records of jobs. A service continues the jobs that the store has from a service that was closed or killed.
	// The service closes the store, also when [New] fails. Nil: records are kept in memory.
	Store jobstore.Store
	// StoreKey is a key of 32 random bytes. It encrypts the values of jobs that contain secrets, for as long as their hosts do
	// not have them. Do not keep it in the store. Nil: such values are not stored, and a job that had not reached its host when
	// the service ended fails.
	StoreKey []byte
	// Queue decides which of several services with the same Store runs a job, and carries events between them. All of them need the same
	// StoreKey. The service closes the queue, also when [New] fails. Nil: the service runs all jobs.
	Queue jobstore.Queue
	// KeepQueued makes [Service.Close] leave the jobs that wait to the next service with Store, which queues them again, instead of
	// cancelling them. A job with secrets is left only if StoreKey is set.
	KeepQueued bool
	// KeepEnded is the number of finished jobs whose records are kept. 0: 10,000.
	KeepEnded int
	// KeepEvents is the number of events that are kept for replay. 0: 4096.
	KeepEvents int

	// JobLogDir is the folder of the log files of jobs, one for each, named by the job's id. It is created if it is missing.
	// Empty: no log files.
	JobLogDir string
	// InventoryMaxAge is the maximum age of an inventory snapshot that serves a read. Jobs of the service invalidate the
	// snapshot at once. 0: 10 seconds.
	InventoryMaxAge time.Duration
	// RefreshEvery is how often the inventory of each host is read without a request for it. 0: never.
	RefreshEvery time.Duration
	// QueryLimit is the time limit of one request to a host that is not a job, without the time in the queue. A context that ends
	// earlier limits the caller. 0: 2 minutes, and 10 minutes for requests that read virtual machines.
	QueryLimit time.Duration
	// JobsPerHost is the number of jobs that run at once on one host; further jobs wait. 0: 4, the limit of an agent.
	JobsPerHost int
	// JobLimit is the time limit of jobs whose submissions set none. A job that exceeds it is cancelled and rolled back. 0: no
	// limit.
	JobLimit time.Duration
	// Reattach is how long a lost session is replaced by another, while the job continues on its host, before the outcome of the
	// job counts as unknown. 0: 5 minutes.
	Reattach time.Duration
	// CancelGrace is how long [Job.Wait] waits for a cancelled job to be rolled back. 0: 5 minutes.
	CancelGrace time.Duration

	Logger *slog.Logger // secrets of active jobs are removed from what is logged; nil: nothing is logged
	Tracer Tracer       // nil: nothing is traced
	Client string       // name of the program, for the log of hosts and for job records; empty: "hvprov"
}

// defaultJobsPerHost is the number of jobs that an agent runs at once.
const defaultJobsPerHost = 4

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.JobsPerHost <= 0 {
		o.JobsPerHost = defaultJobsPerHost
	}
	if o.CancelGrace <= 0 {
		o.CancelGrace = 5 * time.Minute
	}
	if o.Reattach <= 0 {
		o.Reattach = 5 * time.Minute
	}
	if o.Client == "" {
		o.Client = "hvprov"
	}
	return o
}
