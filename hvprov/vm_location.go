// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// FindVM returns a virtual machine by its GUID and the configured name of the host that has it. That is host or, after a migration,
// another host of the service: first the cluster node that owns the virtual machine is asked, then all hosts. Jobs are to be submitted
// to that host: on another one they fail with [ErrVMElsewhere].
//
// The host is asked for this virtual machine only. Concurrent reads share requests, and an answer that is at most
// [Options.InventoryMaxAge] old serves further reads, unless a job of the service has changed the virtual machine. The error is
// [ErrVMNotFound] only if each host was asked and none has it, and [*VMElsewhereError] if an owner is known that is not a configured
// host, or if a host or a cluster could not be asked.
func (s *Service) FindVM(ctx context.Context, host, id string) (foundOn string, vm *job.VM, err error) {
	first, err := s.hosts.Get(host)
	if err != nil {
		return "", nil, err
	}
	at := s.readVM(ctx, first, id)
	for i := range 2 { // again if it moves while the hosts are asked
		if i > 0 {
			at = s.askFor(ctx, first, id)
		}
		var search search
		search, err = s.searchVM(ctx, at, id)
		switch {
		case search.vm != nil:
			return search.host, search.vm, nil
		case ctx.Err() != nil:
			return "", nil, err
		case !search.moving:
			return "", nil, err
		}
	}
	return "", nil, err
}

// readVM asks one host for a virtual machine, as askFor does, but shares requests and answers with other reads.
func (s *Service) readVM(ctx context.Context, h *hostset.Host, id string) answer {
	found, err := s.inventory.GetVM(ctx, h.Name, id)
	a := answer{host: h, err: h.Error(err)}
	a.result.Host.Name, a.result.Partial = found.Host, found.Partial
	if found.VM != nil {
		a.result.VMs = []job.VM{*found.VM}
	}
	if found.Elsewhere != nil {
		a.result.Elsewhere = []protocol.Elsewhere{*found.Elsewhere}
	}
	return a
}

// search is the outcome of asking all hosts for a virtual machine.
type search struct {
	host   string
	vm     *job.VM
	moving bool // the owner was asked, and does not have it
}

// answer is the answer of one host.
type answer struct {
	host   *hostset.Host
	result protocol.InventoryResult
	err    error
}

// searchVM asks all hosts for a virtual machine but the first, whose answer is at.
func (s *Service) searchVM(ctx context.Context, at answer, id string) (search, error) {
	first := at.host
	if vm := at.vm(id); vm != nil {
		return search{host: first.Name, vm: vm}, nil
	}
	answers := []answer{at}
	others := slices.DeleteFunc(s.hosts.All(), func(h *hostset.Host) bool { return h == first })
	if node, _ := at.elsewhere(id); node != "" {
		if i := slices.IndexFunc(others, func(h *hostset.Host) bool { return isNode(h.Name, node) }); i >= 0 {
			owner := s.askFor(ctx, others[i], id)
			if vm := owner.vm(id); vm != nil {
				return search{host: owner.host.Name, vm: vm}, nil
			}
			answers = append(answers, owner)
			others = slices.Delete(others, i, i+1)
		}
	}
	answers = append(answers, s.askAll(ctx, others, id)...)
	for _, a := range answers {
		if vm := a.vm(id); vm != nil {
			return search{host: a.host.Name, vm: vm}, nil
		}
	}
	return conclude(first.Name, id, answers)
}

// conclude returns the error for a virtual machine that none of the hosts that answered has.
func conclude(host, id string, answers []answer) (result search, err error) {
	elsewhere := &VMElsewhereError{Host: host, VMID: id}
	for _, a := range answers {
		node, err := a.elsewhere(id)
		owner := ownerOf(answers, node)
		switch {
		case elsewhere.Node != "", node == "" && err == nil:
		case node == "":
			elsewhere.Err = errors.Join(elsewhere.Err, err)
		case owner == nil:
			elsewhere.Node, elsewhere.Err = node, nil
		case owner.err != nil:
			elsewhere.Node, elsewhere.Err = node, owner.err
		case owner.hasNone(id):
			result.moving = true // or it was deleted without its role, which is what is found when the hosts are asked again
		default:
			result.moving = true
			elsewhere.Node, elsewhere.Err = node, errors.New("it no longer has the virtual machine, which moves: try again")
		}
	}
	if elsewhere.Node != "" {
		return result, elsewhere
	}
	for _, a := range answers {
		if a.err != nil && a.host.Name == host {
			return result, a.err
		}
		elsewhere.Err = errors.Join(elsewhere.Err, a.err)
	}
	if elsewhere.Err != nil {
		return result, elsewhere
	}
	return result, errVMNotFound(host, id)
}

// ownerOf returns the answer of the host that is a cluster node, or nil.
func ownerOf(answers []answer, node string) *answer {
	for i := range answers {
		if node != "" && (isNode(answers[i].host.Name, node) || isNode(answers[i].result.Host.Name, node)) {
			return &answers[i]
		}
	}
	return nil
}

// hasNone reports whether the host answered that it does not have the virtual machine, and knows no other owner.
func (a *answer) hasNone(id string) bool {
	node, err := a.elsewhere(id)
	return a.err == nil && node == "" && err == nil
}

// askAll asks several hosts at the same time.
func (s *Service) askAll(ctx context.Context, hosts []*hostset.Host, id string) []answer {
	answers := make([]answer, len(hosts))
	var wait sync.WaitGroup
	for i, h := range hosts {
		wait.Go(func() { answers[i] = s.askFor(ctx, h, id) })
	}
	wait.Wait()
	return answers
}

// askFor asks one host for a virtual machine, and for the cluster node that owns it if the host does not have it.
func (s *Service) askFor(ctx context.Context, h *hostset.Host, id string) answer {
	a := answer{host: h}
	a.err = h.Query(ctx, hostset.InventoryCategory, func(ctx context.Context) (err error) {
		a.result, err = h.Agent.Inventory(ctx, id)
		return err
	})
	s.translateRecorded(a.result.VMs)
	return a
}

// vm returns the virtual machine, or nil if the host does not have it.
func (a *answer) vm(id string) *job.VM {
	for i := range a.result.VMs {
		if strings.EqualFold(a.result.VMs[i].ID, id) {
			vm := &a.result.VMs[i]
			vm.Partial = a.result.Partial
			return vm
		}
	}
	return nil
}

// elsewhere returns the cluster node that owns the virtual machine, or an error if the cluster could not be asked.
func (a *answer) elsewhere(id string) (node string, err error) {
	for _, e := range a.result.Elsewhere {
		switch {
		case !strings.EqualFold(e.ID, id):
		case e.Node != "":
			return e.Node, nil
		default:
			return "", fmt.Errorf("host %s: %s; %s", a.host.Name, e.Message, e.Remedy)
		}
	}
	return "", nil
}

// isNode reports whether a host is a cluster node, by the name that it is configured with or that it reports. A node is named by its
// computer name, without a domain.
func isNode(host, node string) bool {
	host, _, _ = strings.Cut(host, ".")
	node, _, _ = strings.Cut(node, ".")
	return strings.EqualFold(host, node)
}
