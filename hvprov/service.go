// SPDX-License-Identifier: MPL-2.0

// Package hvprov provisions virtual machines on Hyper-V hosts: it checks what is asked for against a schema and against
// the host, runs one job for it there, tells what the job says as it says it, and undoes it when it is cancelled.
package hvprov

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
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

	// JobLogDir is the folder for one log file per job, named for the job's id. It is made where it is missing.
	// Empty: no files.
	JobLogDir string
	// InventoryMaxAge is how old a snapshot of a host may be that serves a read. 0: ten seconds. The service's own
	// jobs end a snapshot at once.
	InventoryMaxAge time.Duration
	// JobsPerHost is how many jobs run on one host at once; more wait. 0: four.
	JobsPerHost int
	// Reattach is for how long a host is tried again when the session with it was lost in the middle of a job, which goes on
	// meanwhile, before the job's end is given up as unknown. 0: five minutes.
	Reattach time.Duration
	// CancelGrace is for how long a cancelled job is waited for, while it undoes what it made. 0: five minutes.
	CancelGrace time.Duration

	Logger *slog.Logger // nil: nothing is logged
	Client string       // who uses the service, for the hosts' logs; empty: "hvprov"
}

// Service provisions virtual machines. Its methods may be called from many goroutines.
type Service struct {
	opts   Options
	schema *jobschema.Schema      // of submissions
	agents *jobschema.Translation // from schema to the one that agents know
	hosts  map[string]*host       // by lower-case name

	mu     sync.Mutex
	closed bool
	ended  chan struct{}   // closed with it
	jobs   map[string]*Job // that have not ended
	group  sync.WaitGroup
}

// host is what a service keeps of one host.
type host struct {
	name      string
	agent     *hostagent.Agent
	client    *winrm.Client
	inventory inventory.Cache
	slots     chan struct{}
}

// New gives a service. It makes no connection: that is done when a host is first asked for something.
func New(opts Options) (*Service, error) {
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
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.JobsPerHost <= 0 {
		opts.JobsPerHost = 4
	}
	if opts.CancelGrace <= 0 {
		opts.CancelGrace = 5 * time.Minute
	}
	if opts.Reattach <= 0 {
		opts.Reattach = 5 * time.Minute
	}
	if opts.Client == "" {
		opts.Client = "hvprov"
	}
	s := &Service{
		opts: opts, schema: opts.Schema, agents: translation,
		hosts: map[string]*host{}, jobs: map[string]*Job{}, ended: make(chan struct{}),
	}
	for name, h := range opts.Hosts {
		key := strings.ToLower(name)
		if _, taken := s.hosts[key]; taken {
			return nil, fmt.Errorf("two hosts are called %q: names of hosts are compared without letter case", name)
		}
		client, err := winrm.NewClient(h.WinRM)
		if err != nil {
			return nil, &HostConfigError{Host: name, Err: err}
		}
		s.hosts[key] = s.newHost(name, h, client)
	}
	return s, nil
}

func (s *Service) newHost(name string, conf Host, client *winrm.Client) *host {
	h := &host{name: name, client: client, slots: make(chan struct{}, s.opts.JobsPerHost)}
	h.agent = hostagent.New(hostagent.Options{
		Connect:  hostagent.WinRM(client),
		Bundle:   agent.Bundle(),
		Client:   s.opts.Client,
		Settings: protocol.Settings{ImagePath: conf.ImagePath, VMPath: conf.VMPath},
		Logger:   s.opts.Logger.With("host", name),
	})
	h.inventory = inventory.Cache{
		MaxAge: s.opts.InventoryMaxAge,
		Fetch: func(ctx context.Context) (*inventory.Snapshot, error) {
			result, err := h.agent.Inventory(ctx)
			if err != nil {
				return nil, hostError(name, err)
			}
			for i := range result.VMs {
				result.VMs[i].Recorded = s.agents.Back(result.VMs[i].Recorded)
			}
			return &inventory.Snapshot{Host: result.Host.Name, Info: result.Host, VMs: result.VMs}, nil
		},
	}
	return h
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

// Hello connects to a host and gives what its agent says of it.
func (s *Service) Hello(ctx context.Context, hostName string) (protocol.HelloResult, error) {
	h, err := s.host(hostName)
	if err != nil {
		return protocol.HelloResult{}, err
	}
	result, err := h.agent.Hello(ctx)
	return result, hostError(h.name, err)
}

// Stats gives what the connection to a host has cost so far.
func (s *Service) Stats(hostName string) (winrm.Stats, error) {
	h, err := s.host(hostName)
	if err != nil {
		return winrm.Stats{}, err
	}
	return h.client.Stats(), nil
}

// Check runs a submission dry on its host. The submission may lack fields, of which those in unknown will be set later.
// What stands in the way is among the findings, not the error: that tells why the host could not be asked.
func (s *Service) Check(ctx context.Context, sub Submission, unknown []string) ([]job.Finding, error) {
	h, err := s.host(sub.Host)
	if err != nil {
		return nil, err
	}
	fields := s.agents.Partial(s.schema.Partial(sub.Values))
	findings, err := h.agent.Check(ctx, hostagent.Submission{
		Definition: s.definition(sub.Operation, fields), VMID: sub.VMID, Changed: s.targets(sub.Changed), AllowPowerCycle: sub.AllowPowerCycle,
	}, s.targets(unknown))
	for i := range findings {
		findings[i].Field = s.agents.Origin(findings[i].Field)
	}
	return findings, hostError(h.name, err)
}

// Read gives a virtual machine by its GUID, at most InventoryMaxAge old. One that is not there is [ErrVMNotFound].
func (s *Service) Read(ctx context.Context, hostName, id string) (*job.VM, error) {
	snapshot, err := s.Inventory(ctx, hostName)
	if err != nil {
		return nil, err
	}
	if vm, ok := snapshot.ByID(id); ok {
		return vm, nil
	}
	return nil, &VMNotFoundError{Host: hostName, VM: id}
}

// Find gives a virtual machine by its name or GUID. One that is not there, or a name that several share, is an error.
func (s *Service) Find(ctx context.Context, hostName, nameOrID string) (*job.VM, error) {
	snapshot, err := s.Inventory(ctx, hostName)
	if err != nil {
		return nil, err
	}
	if vm, ok := snapshot.ByID(nameOrID); ok {
		return vm, nil
	}
	found := snapshot.ByName(nameOrID)
	switch len(found) {
	case 0:
		return nil, &VMNotFoundError{Host: hostName, VM: nameOrID}
	case 1:
		return &found[0], nil
	}
	ids := make([]string, len(found))
	for i, vm := range found {
		ids[i] = vm.ID
	}
	return nil, fmt.Errorf("host %s has %d virtual machines named %q: name one by its GUID: %s",
		hostName, len(found), nameOrID, strings.Join(ids, ", "))
}

// Inventory gives all that a host holds, at most InventoryMaxAge old.
func (s *Service) Inventory(ctx context.Context, hostName string) (*inventory.Snapshot, error) {
	h, err := s.host(hostName)
	if err != nil {
		return nil, err
	}
	return h.inventory.Get(ctx)
}

// Close cancels the jobs that run and waits until they have undone what they made, then ends the sessions with the
// hosts. ctx limits both.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		close(s.ended)
	}
	s.closed = true
	running := slices.Collect(maps.Values(s.jobs))
	s.mu.Unlock()
	for _, j := range running {
		j.Cancel()
	}
	var errs []error
	for _, j := range running {
		select {
		case <-j.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("job %s on host %s had not ended: %w", j.id, j.host.name, ctx.Err()))
		}
	}
	var closing sync.WaitGroup
	results := make([]error, 0, len(s.hosts))
	var mu sync.Mutex
	for _, h := range s.hosts {
		closing.Go(func() {
			err := h.agent.Close(ctx)
			h.client.Close()
			mu.Lock()
			results = append(results, err)
			mu.Unlock()
		})
	}
	closing.Wait()
	s.group.Wait() // sessions are gone, so that nothing is left for a job to wait for
	return errors.Join(append(errs, results...)...)
}

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
