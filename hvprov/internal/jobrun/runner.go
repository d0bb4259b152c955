// SPDX-License-Identifier: MPL-2.0

// Package jobrun runs one job on one host: it hands the job over or attaches to it, follows its events through lost sessions,
// carries a cancellation to the host, and returns the outcome.
package jobrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ErrDetached is the cause of a job that is no longer followed and continues on its host.
var ErrDetached = fmt.Errorf("%w: the job continues on its host", cause.ErrClosed)

// ErrNotStarted is the cause of a job that was stopped before its host had it.
var ErrNotStarted = errors.New("job was not started")

// Agent runs jobs on a host. [*hostset.Host] is one.
type Agent interface {
	Submit(ctx context.Context, req hostagent.JobRequest) (Stream, error)
	Attach(ctx context.Context, jobID string, after int64) (Stream, error)
	Cancel(ctx context.Context, jobID string) error
}

// Stream returns the events of a job.
type Stream interface {
	// Next returns the next event, in order and each once, and io.EOF after the result.
	Next(ctx context.Context) (job.Event, error)
}

// Journal records the progress of a job durably.
type Journal interface {
	// Start records that the job runs, and returns since when it does.
	Start(ctx context.Context) (since time.Time, err error)
	// Accepted records that the host has the job, and the virtual machine that the job works on, if an event names one.
	Accepted(ctx context.Context, e job.Event) error
	// CancelRequested records that the job is to be cancelled.
	CancelRequested(ctx context.Context) error
}

// Config is what the jobs of a service share.
type Config struct {
	// Field returns the field of the submission's schema for one of the agent's schema.
	Field func(agentField string) string
	// Recorded returns values that a host has recorded in the submission's schema.
	Recorded func(values map[string]any) map[string]any
	// Publish is called with each event of a job, without secrets.
	Publish func(spec *jobspec.Spec, e job.Event)
	// BeginSpan begins a span of a trace: kind is "job" or "step". The returned function ends it.
	BeginSpan func(ctx context.Context, kind, name string, spec *jobspec.Spec) (context.Context, func(error))

	Steps        *StepTimes
	Logger       *slog.Logger
	LogDir       string        // folder of the log files of jobs; empty: none
	ReconnectFor time.Duration // how long a lost session is replaced by another
	CancelGrace  time.Duration // how long the host may take to accept a cancellation
}

// Runner runs one job. Its methods are safe for concurrent use; Run is called once.
type Runner struct {
	Config

	spec     *jobspec.Spec
	agent    Agent
	journal  Journal
	redactor *redact.Redactor
	log      jobLog
	timing   stepTiming // used by the goroutine of Run

	cancelled  context.Context // ends when the job is to be cancelled, with the reason as its cause
	cancel     context.CancelCauseFunc
	cancelSent chan struct{} // closed when the host was asked to cancel the job
	sendOnce   sync.Once

	mu       sync.Mutex
	progress Progress
}

// Progress is how far a job has come.
type Progress struct {
	Seq   int64    // of the last event
	Step  string   // of the last event that names one
	VMID  string   // GUID of the virtual machine; empty until it is known
	Lines []string // the last events as text
}

// New returns a runner of a job.
func New(config Config, spec *jobspec.Spec, agent Agent, journal Journal) *Runner {
	r := &Runner{
		Config: config, spec: spec, agent: agent, journal: journal, redactor: redact.New(spec.Secrets...),
		cancelSent: make(chan struct{}), progress: Progress{VMID: spec.Record.VMID},
	}
	r.log = jobLog{dir: config.LogDir, job: spec.Record.ID, logger: config.Logger, redactor: r.redactor}
	r.cancelled, r.cancel = context.WithCancelCause(context.Background())
	return r
}

// Progress returns how far the job has come.
func (r *Runner) Progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.progress
	p.Lines = append([]string(nil), p.Lines...)
	return p
}

// Run runs the job to its end. When ctx ends, the job is no longer followed, and the cause of the error is [ErrDetached]. The
// error of a job that did not succeed is a [*job.Error].
func (r *Runner) Run(ctx context.Context) (*job.Result, error) {
	begin := time.Now()
	ctx, end := r.BeginSpan(withJob(ctx, r.spec.Record.ID), "job", string(r.spec.Record.Operation), r.spec)
	result, err := r.runOnHost(ctx)
	r.timing.end(r, err)
	end(err)
	if !errors.Is(err, ErrDetached) {
		r.Steps.Add(r.spec.Record.Operation, "", time.Since(begin))
	}
	return result, err
}

func (r *Runner) runOnHost(ctx context.Context) (*job.Result, error) {
	if r.cancelled.Err() != nil && !r.spec.Resumed {
		return nil, r.Stopped(nil, ErrNotStarted)
	}
	since, err := r.journal.Start(ctx)
	r.log.open(r.spec.Record)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, r.Failed(cause.ErrJobUnknown, nil, ErrDetached)
	case err != nil:
		return nil, r.Failed(cause.ErrJobFailed, nil, err)
	}
	if limit := r.spec.Record.Limit; limit > 0 {
		timer := time.AfterFunc(time.Until(since.Add(limit)), func() { r.Cancel(ctx, cause.ErrTimeLimit) })
		defer timer.Stop()
	}
	stream, err := r.start(ctx)
	if err != nil {
		return nil, r.notStarted(ctx, err)
	}
	sent := make(chan struct{})
	unhook := context.AfterFunc(r.cancelled, func() { defer close(sent); r.sendCancel(ctx) })
	defer func() {
		if !unhook() {
			<-sent
		}
	}()
	return r.follow(ctx, stream)
}

// follow handles the events of the job up to its result.
func (r *Runner) follow(ctx context.Context, stream Stream) (*job.Result, error) {
	for last := int64(0); ; {
		e, err := stream.Next(ctx)
		switch {
		case err == nil:
			e = r.handleEvent(ctx, e)
			last = e.Seq
			if e.Kind == job.KindResult {
				return r.outcome(e.Result)
			}
		case errors.Is(err, io.EOF):
			return nil, r.Failed(cause.ErrJobUnknown, nil, errors.New("the agent sent no result"))
		case ctx.Err() != nil:
			return nil, r.Failed(cause.ErrJobUnknown, nil, ErrDetached)
		default:
			stream, err = r.retry(ctx, err, func() (Stream, error) { return r.agent.Attach(ctx, r.spec.Record.ID, last) })
			if err != nil {
				return nil, r.unknown(ctx, err)
			}
			if r.cancelled.Err() != nil {
				r.sendCancel(ctx) // the first request may have been lost with the session
			}
		}
	}
}

// jobKey is the key of a job's id in a context.
type jobKey struct{}

func withJob(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, jobKey{}, id)
}

// JobID returns the id of the job that a context belongs to; empty if it belongs to none.
func JobID(ctx context.Context) string {
	id, _ := ctx.Value(jobKey{}).(string)
	return id
}
