// SPDX-License-Identifier: MPL-2.0

// Package hvprov provisions virtual machines on Hyper-V hosts.
//
// A [Service] checks a [Submission] against the job schema and the host, runs it there as a [Job], reports the events of the job as
// they happen, and rolls the job back when it is cancelled. It has any number of hosts. Jobs wait in a queue for each host, so that
// a busy or unreachable host does not delay other hosts, and queries do not wait behind jobs. Jobs run on their hosts independently of connections and
// of this process: a service with the [Options.Store] of one that has ended continues its jobs.
package hvprov

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/dispatch"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// maxQueriesPerHost is the number of queries that one host is asked at once. Its agent answers seven at a time.
const maxQueriesPerHost = 8

// Service provisions virtual machines. Its methods are safe for concurrent use.
type Service struct {
	opts       Options
	bundle     []byte // the agent's PowerShell text
	specs      *jobspec.Builder
	hosts      *hostset.Set
	pools      *taskpool.Pools
	inventory  *inventorycache.Cache
	jobs       *jobregistry.Registry
	dispatcher *dispatch.Dispatcher
	bus        *eventbus.Bus
	secrets    *redact.Redactor // of active jobs
	steps      *jobrun.StepTimes
	changed    sync.Map // number of the snapshot whose changes were published last, by host
	shared     shared

	hostsMu sync.Mutex // held while hosts are added and removed
	closed  bool       // under hostsMu
}

// New returns a service. It connects to a host at the first request for it, or at once if the store has jobs of that host to
// continue. ctx limits reading the store. When New fails, it closes [Options.Store].
func New(ctx context.Context, opts Options) (*Service, error) {
	s := &Service{
		opts: opts.withDefaults(), bundle: agent.Bundle(), hosts: &hostset.Set{}, secrets: redact.New(), steps: &jobrun.StepTimes{},
	}
	if err := s.start(ctx); err != nil {
		if s.inventory != nil {
			err = errors.Join(err, s.inventory.Close(ctx))
		}
		if opts.Queue != nil {
			err = errors.Join(err, opts.Queue.Close(ctx))
		}
		if opts.Store != nil {
			err = errors.Join(err, opts.Store.Close())
		}
		return nil, err
	}
	return s, nil
}

// start creates the parts of the service, adds the configured hosts, and continues the jobs of the store.
func (s *Service) start(ctx context.Context) (err error) {
	if s.specs, err = newSpecs(s.opts); err != nil {
		return err
	}
	s.bus = eventbus.New(eventbus.Options{Keep: s.opts.KeepEvents, Clean: s.secrets.String})
	s.opts.Logger = slog.New(redact.NewHandler(s.opts.Logger.Handler(), s.secrets))
	s.pools, err = taskpool.NewPools(taskpool.PoolsOptions{
		JobsPerHost: s.opts.JobsPerHost, QueriesPerHost: maxQueriesPerHost, Logger: s.opts.Logger,
	})
	if err != nil {
		return err
	}
	s.inventory = inventorycache.New(inventorycache.Options{
		Fetch: s.fetchInventory, FetchVMs: s.fetchVMs, Run: s.runFetch, MaxAge: s.opts.InventoryMaxAge, RefreshEvery: s.opts.RefreshEvery,
		Timeout: hostset.QueryLimit(s.opts.QueryLimit, hostset.InventoryCategory), OnChange: s.onInventoryChange, Logger: s.opts.Logger,
	})
	records := jobregistry.Options{Store: s.opts.Store, KeepEnded: s.opts.KeepEnded, OnTransition: s.onJobTransition}
	if s.opts.Queue != nil {
		records.BeforeRefresh, records.OnRefresh = s.opts.Queue.Receive, s.onJobRefresh
	}
	s.jobs, err = jobregistry.Open(ctx, records)
	if err != nil {
		return err
	}
	s.dispatcher = dispatch.New(dispatch.Options{
		Hosts: s.hosts, Specs: s.specs, Jobs: s.jobs, Pool: s.pools.Job, Queue: s.opts.Queue, Inventory: s.inventory, Run: s.runConfig(),
		Logger: s.opts.Logger, AddSecrets: s.secrets.Add, KeepQueued: s.opts.KeepQueued && s.opts.Store != nil,
	})
	for name, h := range s.opts.Hosts {
		if err := s.AddHost(ctx, name, h); err != nil {
			return err
		}
	}
	s.dispatcher.Restore(ctx)
	if s.opts.Queue != nil {
		return s.share(ctx)
	}
	return nil
}

// newSpecs returns the builder of job specifications for the options.
func newSpecs(opts Options) (*jobspec.Builder, error) {
	embedded, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	b := &jobspec.Builder{Schema: opts.Schema}
	if b.Schema == nil {
		b.Schema = embedded
	}
	if b.Translation, err = jobschema.Translate(b.Schema, embedded); err != nil {
		return nil, err
	}
	if len(opts.StoreKey) > 0 {
		if b.Cipher, err = jobregistry.NewCipher(opts.StoreKey); err != nil {
			return nil, fmt.Errorf("option StoreKey: %w", err)
		}
	}
	return b, nil
}

// runConfig returns what the jobs of the service share.
func (s *Service) runConfig() jobrun.Config {
	return jobrun.Config{
		Field: s.specs.Translation.SourceID, Recorded: s.specs.Translation.FromTarget, Publish: s.publishJobEvent, BeginSpan: s.beginJobSpan,
		Steps: s.steps, Logger: s.opts.Logger, LogDir: s.opts.JobLogDir, ReconnectFor: s.opts.Reattach, CancelGrace: s.opts.CancelGrace,
	}
}

// Schema returns the schema of submissions.
func (s *Service) Schema() *jobschema.Schema { return s.specs.Schema }

// Close takes no more jobs, cancels those that wait unless [Options.KeepQueued] is set, and waits for those that run. With
// [Options.Queue], all of them are left to the other services instead. When ctx ends, the running jobs continue on their
// hosts, where a service with the same store continues to follow them; their outcome is unknown to this service. Then Close ends
// the sessions with the hosts. The error names the jobs that continue. Close returns within seconds after ctx has ended.
func (s *Service) Close(ctx context.Context) error {
	s.hostsMu.Lock()
	s.closed = true
	s.hostsMu.Unlock()
	errs := []error{s.dispatcher.Close(ctx), s.inventory.Close(ctx)}
	var closing sync.WaitGroup
	all := s.hosts.All()
	hostErrs := make([]error, len(all))
	for i, h := range all {
		closing.Go(func() { hostErrs[i] = h.Close(ctx) })
	}
	closing.Wait()
	errs = append(errs, s.pools.Query.Close(ctx), s.dispatcher.Wait(ctx))
	s.shared.stop()
	s.bus.Close()
	errs = append(errs, s.jobs.Close())
	return errors.Join(append(errs, hostErrs...)...)
}

// Check checks a submission on its host without running it. An update is checked on the host that the virtual machine has moved to, if
// it has. The findings say what prevents the job, or deserves attention. The error says why the host could not be asked.
func (s *Service) Check(ctx context.Context, req CheckRequest) ([]job.Finding, error) {
	findings, err := s.check(ctx, req)
	var refused *hostagent.AgentError
	if !errors.As(err, &refused) || refused.Code != job.CodeVMElsewhere {
		return findings, err
	}
	found, _, err := s.FindVM(ctx, req.Submission.Host, req.Submission.VMID)
	if err != nil {
		return nil, err
	}
	req.Submission.Host = found
	return s.check(ctx, req)
}

func (s *Service) check(ctx context.Context, req CheckRequest) (findings []job.Finding, err error) {
	sub := req.Submission
	request, withheld, err := s.specs.Check(sub.record(), sub.Values)
	if err != nil {
		return nil, err
	}
	h, err := s.hosts.Get(sub.Host)
	if err != nil {
		return nil, err
	}
	err = h.Query(ctx, "check", func(ctx context.Context) (err error) {
		findings, err = h.Agent.Check(ctx, request, s.specs.AgentFields(append(slices.Clone(req.Unknown), withheld...)))
		return err
	})
	if err != nil {
		return nil, err
	}
	own := redact.New()
	for _, id := range withheld {
		if text, ok := sub.Values[id].(string); ok {
			own.Add(text)
		}
	}
	for i := range findings {
		f := &findings[i]
		f.Field, f.Code, f.VMID = own.String(s.specs.Translation.SourceID(f.Field)), own.String(f.Code), own.String(f.VMID)
		f.Severity, f.Message, f.Remedy = job.Severity(own.String(string(f.Severity))), own.String(f.Message), own.String(f.Remedy)
	}
	return findings, nil
}
