// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
)

func isGUID(text string) bool { return len(text) == 36 && uuid.Validate(text) == nil }

// readiness is the answer of /readyz.
type readiness struct {
	Status       string `json:"status"` // ready or not_ready
	Hosts        int    `json:"hosts"`
	Disconnected int    `json:"disconnected"` // hosts whose latest inventory request failed
}

// getHealth answers for as long as the process serves requests.
func (h *Handler) getHealth(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// getReadiness reports whether jobs can be accepted: there is no host, or at least one is not known to be disconnected.
func (h *Handler) getReadiness(w http.ResponseWriter, _ *http.Request) error {
	state := readiness{Status: "ready"}
	for _, v := range h.service.HostViews() {
		state.Hosts++
		if v.State == inventory.StateDisconnected {
			state.Disconnected++
		}
	}
	status := http.StatusOK
	if state.Hosts > 0 && state.Disconnected == state.Hosts {
		state.Status, status = "not_ready", http.StatusServiceUnavailable
	}
	return reply(w, status, state)
}

// getDiagnostics returns the metrics of the service as JSON.
func (h *Handler) getDiagnostics(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	return reply(w, http.StatusOK, h.service.Metrics())
}

// getMetrics serves the metrics handler of the options.
func (h *Handler) getMetrics(w http.ResponseWriter, r *http.Request) error {
	h.opts.Metrics.ServeHTTP(w, r)
	return nil
}
