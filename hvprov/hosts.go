// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Hosts returns the names of the hosts, sorted.
func (s *Service) Hosts() []string { return s.hosts.Names() }

// AddHost adds a host while the service runs. It makes no connection. When the host first answers, the service asks it for its jobs
// whose outcomes are unknown. Jobs in [Options.Store] that had not reached their host fail in [New] if the host is not in
// [Options.Hosts].
func (s *Service) AddHost(ctx context.Context, name string, conf Host) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("host name %q contains invalid UTF-8 or control characters", name) // metrics and logs cannot show it
	}
	client, err := wsman.NewClient(conf.WinRM)
	if err != nil {
		return fmt.Errorf("host %s: %w", name, err)
	}
	clean := func(text string) string { return redact.Printable(s.secrets.String(text)) }
	h := &hostset.Host{Name: name, Transport: client, Queries: s.pools.Query, Limit: s.opts.QueryLimit, Clean: clean, Agent: hostagent.New(hostagent.Options{
		Clean:     clean,
		Connect:   client.Start,
		Bundle:    s.bundle,
		Client:    s.opts.Client,
		Settings:  protocol.Settings{ImagePath: conf.ImagePath, VMPath: conf.VMPath},
		Logger:    s.opts.Logger.With("host", name),
		OnState:   func(state hostagent.State, cause error) { s.onAgentState(name, state, cause) },
		OnRequest: s.requestSpans(name),
	})}
	if err := s.addHost(h); err != nil || s.opts.Queue == nil {
		return err
	}
	if err := s.opts.Queue.AddHost(ctx, name, s.opts.JobsPerHost); err != nil {
		_, removeErr := s.removeHost(name)
		return errors.Join(err, removeErr)
	}
	return nil
}

func (s *Service) addHost(h *hostset.Host) error {
	s.hostsMu.Lock()
	defer s.hostsMu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if err := s.hosts.Add(h); err != nil {
		return err
	}
	if err := s.inventory.AddHost(h.Name); err != nil {
		s.hosts.Remove(h.Name)
		return err
	}
	s.dispatcher.AdmitHost(h.Name)
	return nil
}

// RemoveHost removes a host while the service runs, and ends the session with it; ctx limits the time for that. A host with active
// jobs is not removed: the error is a [*HostBusyError]. Records of the host's jobs stay, and the outcomes of jobs that are unknown
// stay so until the host is added again. Requests to the host that are in progress fail with [ErrHostUnknown] or [ErrClosed].
func (s *Service) RemoveHost(ctx context.Context, name string) error {
	h, err := s.removeHost(name)
	if err != nil {
		return err
	}
	if s.opts.Queue != nil {
		err = s.opts.Queue.RemoveHost(ctx, name)
	}
	return errors.Join(err, h.Close(ctx))
}

func (s *Service) removeHost(name string) (*hostset.Host, error) {
	s.hostsMu.Lock()
	defer s.hostsMu.Unlock()
	h, err := s.hosts.Get(name)
	if err != nil {
		return nil, err
	}
	if active := s.dispatcher.RetireHost(h.Name); len(active) > 0 {
		return nil, &HostBusyError{Host: h.Name, Jobs: active}
	}
	if err := s.inventory.RemoveHost(h.Name); err != nil {
		return nil, err
	}
	s.hosts.Remove(h.Name)
	return h, nil
}

// HostInfo is what the agent on a host reports about itself and the host when a session begins.
type HostInfo struct {
	Host       string `json:"host"`              // the computer name
	Cluster    string `json:"cluster,omitempty"` // the failover cluster that the host is a node of; empty: none
	OS         string `json:"os"`
	PowerShell string `json:"powershell"` // version
	HyperV     string `json:"hyperv"`     // version of the Hyper-V PowerShell module
	Agent      string `json:"agent"`      // version
	Installed  bool   `json:"installed"`  // the files that jobs run from are on the host
	ImagePath  string `json:"image_path"` // folder of the disk images
	VMPath     string `json:"vm_path"`    // folder for new virtual machines

	Schemas map[string][]int `json:"schemas"` // versions of job schemas that the agent supports, by schema id

	// Lacks holds what the account or the host lacks for some kinds of jobs, such as rights, as warnings without fields.
	Lacks []job.Finding `json:"lacks,omitempty"`
}

// HostInfo connects to a host and returns what its agent reports about it.
func (s *Service) HostInfo(ctx context.Context, host string) (HostInfo, error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return HostInfo{}, err
	}
	var hello protocol.HelloResult
	err = h.Query(ctx, "hello", func(ctx context.Context) (err error) {
		hello, err = h.Agent.Hello(ctx)
		return err
	})
	if err != nil {
		return HostInfo{}, err
	}
	info := HostInfo{
		Host: hello.Host, Cluster: hello.Cluster, OS: hello.OS, PowerShell: hello.PowerShell, HyperV: hello.HyperV,
		Agent: hello.Agent, Installed: hello.Installed, ImagePath: hello.ImagePath, VMPath: hello.VMPath,
		Schemas: make(map[string][]int, len(hello.Schemas)), Lacks: hello.Lacks,
	}
	for i := range info.Lacks {
		info.Lacks[i].Severity = job.SeverityWarning
	}
	for _, schema := range hello.Schemas {
		info.Schemas[schema.ID] = schema.Versions
	}
	return info, nil
}

// HostSwitches returns the virtual switches of a host, sorted by name. Each call is a request.
func (s *Service) HostSwitches(ctx context.Context, host string) (switches []job.Switch, err error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	err = h.Query(ctx, hostset.InventoryCategory, func(ctx context.Context) error {
		switches, err = h.Agent.Switches(ctx)
		return err
	})
	slices.SortStableFunc(switches, func(a, b job.Switch) int { return strings.Compare(casefold.Key(a.Name), casefold.Key(b.Name)) })
	return switches, err
}

// Checkpoints returns the checkpoints of a virtual machine, the oldest first. Each call is a request. [Service.FindVM] finds
// the host of a virtual machine.
func (s *Service) Checkpoints(ctx context.Context, host, vmID string) (checkpoints []job.Checkpoint, err error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	err = h.Query(ctx, hostset.InventoryCategory, func(ctx context.Context) error {
		checkpoints, err = h.Agent.Checkpoints(ctx, vmID)
		return err
	})
	slices.SortStableFunc(checkpoints, func(a, b job.Checkpoint) int { return strings.Compare(a.CreatedAt, b.CreatedAt) })
	return checkpoints, err
}

// Disk returns a virtual hard disk by its path on a host, or nil if there is none. The name of a file is one in the host's folder for
// virtual hard disks. Each call is a request.
func (s *Service) Disk(ctx context.Context, host, path string) (disk *job.Disk, err error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	err = h.Query(ctx, hostset.InventoryCategory, func(ctx context.Context) error {
		disk, err = h.Agent.Disk(ctx, path)
		return err
	})
	return disk, err
}

// TransportStats counts the work of the connection to a host since the host was added.
type TransportStats struct {
	Requests      int64 `json:"requests"`       // for WinRM: HTTP requests, those for authentication included
	Connections   int64 `json:"connections"`    // TCP connections opened
	BytesSent     int64 `json:"bytes_sent"`     // on the wire, TLS included
	BytesReceived int64 `json:"bytes_received"` // on the wire, TLS included
}
