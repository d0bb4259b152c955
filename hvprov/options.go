// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"log/slog"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// Host says how a Hyper-V host is reached, and where it keeps things.
type Host struct {
	WinRM     winrm.Config
	ImagePath string // folder of the images; empty: Images below the host's default for virtual hard disks
	VMPath    string // folder for the VMs made; empty: the host's default for virtual hard disks
}

// Options say what a [Service] works with. The zero value serves the embedded schema and no host.
type Options struct {
	// Schema is what submissions are held to. One of another id than the embedded schema's has to translate to that, as
	// jobschema.Translate has it, since that is the one that agents know. Nil: the embedded schema.
	Schema *jobschema.Schema
	Hosts  map[string]Host // by the name that submissions use; names are compared without letter case

	// Store keeps the records of jobs. A service that is made with the store of one that ended, or was killed, goes on with
	// its jobs. The service closes it. Nil: they are kept in memory.
	Store jobstore.Store
	// StoreKey are 32 random bytes with which a job that holds secrets is kept in the store until its host has
	// it. They belong somewhere else than the store. Nil: a job whose secrets had not reached its host when the service
	// ended fails, and says so.
	StoreKey []byte
	// KeepEnded is how many jobs that have ended are remembered. 0: ten thousand.
	KeepEnded int
	// KeepEvents is how many events are kept for subscribers that ask for what has been. 0: the default of notify.
	KeepEvents int

	// JobLogDir is the folder for one log file per job, named for the job's id. It is made where it is missing.
	// Empty: no files.
	JobLogDir string
	// InventoryMaxAge is how old a snapshot of a host may be that serves a read. 0: ten seconds. The service's own
	// jobs end a snapshot at once.
	InventoryMaxAge time.Duration
	// RefreshEvery is how often each host is asked what it holds without anybody wanting to know. 0: never.
	RefreshEvery time.Duration
	// JobsPerHost is how many jobs run on one host at once; more wait. 0: four, as many as a host takes.
	JobsPerHost int
	// JobLimit is for how long a job may run, unless its submission says otherwise. Then its host is told to stop and undo
	// it. 0: without limit.
	JobLimit time.Duration
	// Reattach is for how long a host is tried again when the session with it was lost in the middle of a job, which goes on
	// meanwhile, before the job's end is given up as unknown. 0: five minutes.
	Reattach time.Duration
	// CancelGrace is for how long a cancelled job is waited for, while it undoes what it made. 0: five minutes.
	CancelGrace time.Duration

	Logger *slog.Logger // nil: nothing is logged. Secrets of jobs that run are taken out of what it gets.
	Tracer Tracer       // nil: nobody is told of spans
	Client string       // who uses the service, for the hosts' logs; empty: "hvprov"
}

// defaultJobsPerHost is how many jobs an agent runs at once on its host.
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
	if o.Tracer == nil {
		o.Tracer = noTracer{}
	}
	if o.Client == "" {
		o.Client = "hvprov"
	}
	return o
}
