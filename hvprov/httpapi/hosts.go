// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// hostView is a host as the API shows it.
type hostView struct {
	Name    string                 `json:"name"` // configured
	State   inventory.HostState    `json:"state"`
	Failure *inventory.HostFailure `json:"failure,omitempty"`
	Agent   string                 `json:"agent"` // state of the agent: unknown, checking, ready, updating or failed

	Queued  int `json:"queued"` // jobs
	Running int `json:"running"`
	Unknown int `json:"unknown"`

	VMs      int        `json:"vms"`
	Capacity *job.Host  `json:"capacity,omitempty"` // as of Seen; absent before the first inventory
	Seen     *time.Time `json:"seen,omitempty"`
	Partial  []string   `json:"partial,omitempty"`
}

func (h *Handler) newHostView(v inventory.HostView, m hvprov.HostMetrics) hostView {
	host := hostView{
		Name: v.Host, State: v.State, Failure: v.Failure, Agent: m.Agent.State, Queued: m.Queued, Running: m.Running, Unknown: m.Unknown,
		VMs: len(h.recent.apply(v).VMs), Partial: v.Partial,
	}
	if v.Snapshot != nil {
		seen := v.Snapshot.TakenAt.UTC()
		host.Capacity, host.Seen = &v.Snapshot.Info, &seen
	}
	return host
}

// hostMetrics returns the metrics of all hosts by lower-case name.
func (h *Handler) hostMetrics() map[string]hvprov.HostMetrics {
	all := map[string]hvprov.HostMetrics{}
	for _, m := range h.service.Metrics().Hosts {
		all[strings.ToLower(m.Host)] = m
	}
	return all
}

// listHosts returns the hosts.
func (h *Handler) listHosts(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	metrics := h.hostMetrics()
	hosts := []hostView{}
	for _, v := range h.service.HostViews() {
		hosts = append(hosts, h.newHostView(v, metrics[strings.ToLower(v.Host)]))
	}
	return replyTagged(w, r, "application/json", map[string]any{"hosts": hosts})
}

// hostDetails is a host with what its agent reports.
type hostDetails struct {
	hostView
	Info *hvprov.HostInfo `json:"info,omitempty"` // with refresh=true
}

// getHost returns a host. With refresh=true the host is asked.
func (h *Handler) getHost(w http.ResponseWriter, r *http.Request) error {
	refresh, err := refreshing(r)
	if err != nil {
		return err
	}
	name := r.PathValue("host")
	var details hostDetails
	if refresh {
		info, err := h.service.HostInfo(r.Context(), name)
		if err != nil {
			return err
		}
		details.Info = &info
	}
	v, err := h.service.HostView(name)
	if err != nil {
		return err
	}
	details.hostView = h.newHostView(v, h.hostMetrics()[strings.ToLower(v.Host)])
	return replyTagged(w, r, "application/json", details)
}

// inventoryView is the contents of a host with the placeholders of jobs that run there.
type inventoryView struct {
	inventory.HostView
	Seen *time.Time `json:"seen,omitempty"` // when the snapshot was requested; absent before the first
}

func (h *Handler) newInventoryView(v inventory.HostView) inventoryView {
	view := inventoryView{HostView: h.recent.apply(v)}
	if view.VMs == nil {
		view.VMs = []inventory.VMView{}
	}
	if v.Snapshot != nil {
		seen := v.Snapshot.TakenAt.UTC()
		view.Seen = &seen
	}
	return view
}

// getInventory returns the contents of all hosts as last seen.
func (h *Handler) getInventory(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	hosts := []inventoryView{}
	for _, v := range h.service.HostViews() {
		hosts = append(hosts, h.newInventoryView(v))
	}
	return replyTagged(w, r, "application/json", map[string]any{"hosts": hosts})
}

// getHostInventory returns the contents of a host. With refresh=true the host is asked.
func (h *Handler) getHostInventory(w http.ResponseWriter, r *http.Request) error {
	refresh, err := refreshing(r)
	if err != nil {
		return err
	}
	name := r.PathValue("host")
	if refresh {
		if _, err := h.service.HostInventory(r.Context(), name); err != nil {
			return err
		}
	}
	v, err := h.service.HostView(name)
	if err != nil {
		return err
	}
	return replyTagged(w, r, "application/json", h.newInventoryView(v))
}

func refreshing(r *http.Request) (bool, error) {
	values, err := query(r, "refresh")
	if err != nil {
		return false, err
	}
	switch values.Get("refresh") {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, newProblem("invalid_request", "query parameter refresh must be true or false")
}

// vmView is a virtual machine and the host that has it.
type vmView struct {
	Host string  `json:"host"`
	VM   *job.VM `json:"vm"`
}

// getCheckpoints returns the checkpoints of a virtual machine, the oldest first.
func (h *Handler) getCheckpoints(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	view, err := h.findVM(r)
	if err != nil {
		return err
	}
	checkpoints, err := h.service.Checkpoints(r.Context(), view.Host, view.VM.ID)
	if err != nil {
		return err
	}
	if checkpoints == nil {
		checkpoints = []job.Checkpoint{}
	}
	return replyTagged(w, r, "application/json", map[string]any{"host": view.Host, "checkpoints": checkpoints})
}

// getVM returns a virtual machine by its GUID or name. One that has moved is found on its new host.
func (h *Handler) getVM(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	view, err := h.findVM(r)
	if err != nil {
		return err
	}
	return replyTagged(w, r, "application/json", view)
}

// findVM returns the virtual machine in the path of a request.
func (h *Handler) findVM(r *http.Request) (view vmView, err error) {
	host, id := r.PathValue("host"), r.PathValue("vm")
	if isGUID(id) {
		view.Host, view.VM, err = h.service.FindVM(r.Context(), host, id)
		return view, err
	}
	view.Host = host
	view.VM, err = h.service.LookupVM(r.Context(), host, id)
	return view, err
}
