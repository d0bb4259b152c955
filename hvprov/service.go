// SPDX-License-Identifier: MPL-2.0

// Package hvprov provisions virtual machines on Hyper-V hosts: it checks what is asked for against a schema and against
// the host, runs one job for it there, tells what the job says as it says it, and undoes it when it is cancelled.
//
// A [Service] has any number of hosts. Jobs wait in a queue for each host, so that a busy or dead one holds up no other, and
// run in a pool apart from questions. They run on their hosts, whatever becomes of the connection and of this process: a
// service that is made with the [Options.Store] of one that is gone follows them further.
package hvprov

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// questionLimit is for how long one question to a host may take. A host that loads Hyper-V's module for the first time may
// be silent for half a minute.
const questionLimit = 2 * time.Minute

// questionsPerHost is how many questions a host is asked at once. Its agent answers seven at a time.
const questionsPerHost = 8

// Service provisions virtual machines. Its methods may be called from many goroutines.
type Service struct {
	opts      Options
	schema    *jobschema.Schema      // of submissions
	agents    *jobschema.Translation // from schema to the one that agents know
	hosts     map[string]*host       // by lower-case name
	pools     *taskpool.Pools
	inventory *inventorycache.Cache
	ledger    *jobregistry.Registry
	sealer    *jobregistry.Cipher // nil: no key
	bus       *notify.Bus
	secrets   *redact.Redactor // of the jobs that run
	steps     steps

	mu     sync.Mutex
	closed bool
	jobs   map[string]*Job // that have not ended, by lower-case id
	group  sync.WaitGroup
}

// host is what a service keeps of one host.
type host struct {
	name   string
	agent  *hostagent.Agent
	client *wsman.Client
}

// New gives a service. It makes no connection: that is done when a host is first asked for something, or at once where the
// store has jobs that have not ended, which it goes on with.
func New(ctx context.Context, opts Options) (*Service, error) {
	known, err := jobschema.Load(schemas.JobInputsFile, schemas.JobInputs())
	if err != nil {
		return nil, err
	}
	if opts.Schema == nil {
		opts.Schema = known
	}
	translation, err := jobschema.Translate(opts.Schema, known)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	s := &Service{
		opts: opts, schema: opts.Schema, agents: translation,
		hosts: map[string]*host{}, jobs: map[string]*Job{}, secrets: redact.New(),
	}
	s.bus = notify.New(notify.Options{Keep: opts.KeepEvents, Clean: s.secrets.String})
	s.opts.Logger = slog.New(redact.NewHandler(opts.Logger.Handler(), s.secrets))
	if len(opts.StoreKey) > 0 {
		if s.sealer, err = jobregistry.NewCipher(opts.StoreKey); err != nil {
			return nil, fmt.Errorf("the store's key: %w", err)
		}
	}
	s.pools, err = taskpool.NewPools(taskpool.PoolsOptions{
		Jobs: func() int { return len(s.hosts) * opts.JobsPerHost }, JobsPerHost: opts.JobsPerHost,
		Questions: func() int { return len(s.hosts) * questionsPerHost }, FastPerHost: questionsPerHost,
		Logger: s.opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	bundle := agent.Bundle() // is put together anew each time
	for name, h := range opts.Hosts {
		if err := s.addHost(name, h, bundle); err != nil {
			return nil, err
		}
	}
	s.inventory = inventorycache.New(inventorycache.Options{
		Fetch: s.fetch, Run: s.question("inventory"), MaxAge: opts.InventoryMaxAge, RefreshEvery: opts.RefreshEvery,
		Timeout: questionLimit, OnChange: s.changed, Logger: s.opts.Logger,
	})
	s.ledger, err = jobregistry.Open(ctx, jobregistry.Options{Store: opts.Store, KeepEnded: opts.KeepEnded, OnTransition: s.moved})
	if err != nil {
		return nil, err
	}
	for _, name := range s.Hosts() {
		if err := s.inventory.AddHost(name); err != nil {
			return nil, err
		}
	}
	s.resume()
	return s, nil
}

func (s *Service) addHost(name string, conf Host, bundle []byte) error {
	key := strings.ToLower(name)
	if _, taken := s.hosts[key]; taken {
		return fmt.Errorf("two hosts are called %q: names of hosts are compared without letter case", name)
	}
	client, err := wsman.NewClient(conf.WinRM)
	if err != nil {
		return &HostConfigError{Host: name, Err: err}
	}
	s.hosts[key] = &host{name: name, client: client, agent: hostagent.New(hostagent.Options{
		Connect:   client.Start,
		Bundle:    bundle,
		Client:    s.opts.Client,
		Settings:  protocol.Settings{ImagePath: conf.ImagePath, VMPath: conf.VMPath},
		Logger:    s.opts.Logger.With("host", name),
		OnState:   func(now hostagent.State, cause error) { s.agentState(name, now, cause) },
		OnRequest: s.requestHook(name),
	})}
	return nil
}

// fetch asks a host what it holds.
func (s *Service) fetch(ctx context.Context, name string) (*inventory.Snapshot, error) {
	h, err := s.host(name)
	if err != nil {
		return nil, err
	}
	result, err := h.agent.Inventory(ctx)
	if err != nil {
		return nil, hostError(h.name, err)
	}
	for i := range result.VMs {
		result.VMs[i].Recorded = s.agents.Back(result.VMs[i].Recorded)
	}
	return &inventory.Snapshot{Host: result.Host.Name, Info: result.Host, VMs: result.VMs}, nil
}

// question gives what runs a question of one kind to a host in the pool that is for those.
func (s *Service) question(category string) func(context.Context, string, func(context.Context) error) error {
	return func(ctx context.Context, hostName string, ask func(context.Context) error) error {
		return s.pools.Fast.Do(ctx, taskpool.Task{Category: category, Host: hostName, Limit: questionLimit, Run: ask})
	}
}

// Schema gives the schema that submissions are held to.
func (s *Service) Schema() *jobschema.Schema { return s.schema }

// Hosts gives the names of the hosts, sorted.
func (s *Service) Hosts() []string {
	names := make([]string, 0, len(s.hosts))
	for _, h := range s.hosts {
		names = append(names, h.name)
	}
	slices.Sort(names)
	return names
}

// HostInfo connects to a host and returns what its agent reports about it.
func (s *Service) HostInfo(ctx context.Context, hostName string) (HostInfo, error) {
	h, err := s.host(hostName)
	if err != nil {
		return HostInfo{}, err
	}
	var hello protocol.HelloResult
	err = s.question("hello")(ctx, h.name, func(ctx context.Context) (err error) {
		hello, err = h.agent.Hello(ctx)
		return err
	})
	if err != nil {
		return HostInfo{}, hostError(h.name, err)
	}
	return newHostInfo(hello), nil
}

// TransportStats returns what the connection to a host has cost so far.
func (s *Service) TransportStats(hostName string) (TransportStats, error) {
	h, err := s.host(hostName)
	if err != nil {
		return TransportStats{}, err
	}
	return TransportStats(h.client.Stats()), nil
}

// Check runs a submission dry on its host. The submission may lack fields, of which those in Unknown will be set later.
// What stands in the way is among the findings, not the error: that tells why the host could not be asked.
func (s *Service) Check(ctx context.Context, req CheckRequest) (findings []job.Finding, err error) {
	sub := req.Submission
	h, err := s.host(sub.Host)
	if err != nil {
		return nil, err
	}
	fields := s.agents.Partial(s.schema.Partial(sub.Values))
	err = s.question("check")(ctx, h.name, func(ctx context.Context) (err error) {
		findings, err = h.agent.Check(ctx, hostagent.Submission{
			Definition: s.definition(sub.Operation, fields), VMID: sub.VMID, Changed: s.targets(sub.Changed), AllowPowerCycle: sub.AllowPowerCycle,
		}, s.targets(req.Unknown))
		return err
	})
	if err != nil {
		return nil, hostError(h.name, err)
	}
	for i := range findings {
		findings[i].Field = s.agents.Origin(findings[i].Field)
	}
	return findings, nil
}

// Subscribe implements [notify.Source]: it returns a subscription to the events of jobs, and to state changes of jobs and hosts. A
// slow subscriber misses events, which a gap reports; it delays no job. The caller must close the subscription.
func (s *Service) Subscribe(filter notify.Filter) *notify.Subscription {
	return s.bus.Subscribe(filter)
}

var _ notify.Source = (*Service)(nil)

func (s *Service) host(name string) (*host, error) {
	if h, ok := s.hosts[strings.ToLower(name)]; ok {
		return h, nil
	}
	return nil, &HostUnknownError{Host: name, Known: s.Hosts()}
}

// definition gives what an agent is asked for, with fields as agents know them.
func (s *Service) definition(op job.Operation, fields job.Fields) job.Definition {
	return job.Definition{
		Schema:    s.agents.Ref(),
		Operation: op,
		Fields:    fields,
	}
}
