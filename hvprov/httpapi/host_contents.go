// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// getSnapshot returns the contents of a host as it reports them, without the placeholders of jobs.
func (h *Handler) getSnapshot(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	snapshot, err := h.service.HostInventory(r.Context(), r.PathValue("host"))
	if err != nil {
		return err
	}
	return replyTagged(w, r, "application/json", snapshot)
}

// getSwitches returns the virtual switches of a host, sorted by name.
func (h *Handler) getSwitches(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	switches, err := h.service.HostSwitches(r.Context(), r.PathValue("host"))
	if err != nil {
		return err
	}
	if switches == nil {
		switches = []job.Switch{}
	}
	return replyTagged(w, r, "application/json", map[string]any{"switches": switches})
}

// getDisks returns the virtual hard disk with a path, in a list that is empty if there is none.
func (h *Handler) getDisks(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r, "path")
	if err != nil {
		return err
	}
	path := values.Get("path")
	if path == "" {
		return newProblem("invalid_request", "the query parameter path is required: the path of a virtual hard disk on the host")
	}
	disk, err := h.service.Disk(r.Context(), r.PathValue("host"), path)
	if err != nil {
		return err
	}
	disks := []job.Disk{}
	if disk != nil {
		disks = append(disks, *disk)
	}
	return replyTagged(w, r, "application/json", map[string]any{"disks": disks})
}

// comparisonBody is the body of a request that compares a virtual machine with values.
type comparisonBody struct {
	SchemaID      string         `json:"schema_id,omitempty"` // empty: that of the server
	SchemaVersion *int           `json:"schema_version,omitempty"`
	Values        map[string]any `json:"values,omitempty"`
	Unknown       []string       `json:"unknown,omitempty"` // fields without a value yet
}

// holderView describes a virtual machine that has the name of a submission: see [hvprov.NameHolder].
type holderView struct {
	Host            string        `json:"host"`
	VM              *job.VM       `json:"vm"`
	Differs         []string      `json:"differs,omitempty"`
	ActiveJob       string        `json:"active_job,omitempty"`
	ActiveOperation job.Operation `json:"active_operation,omitempty"`
	Incomplete      *incompleteVM `json:"incomplete,omitempty"`
}

// incompleteVM is why a virtual machine may be incomplete.
type incompleteVM struct {
	Message string `json:"message"`
	Code    string `json:"code,omitempty"` // see [hvprov.Code]
}

// postComparison compares a virtual machine with the values of a submission, which may hold secrets: they are not compared.
func (h *Handler) postComparison(w http.ResponseWriter, r *http.Request) error {
	var body comparisonBody
	if err := decode(r, &body); err != nil {
		return err
	}
	schema := h.service.Schema()
	if body.SchemaVersion != nil {
		id := body.SchemaID
		if id == "" {
			id = schema.ID
		}
		if err := schema.CheckVersion(id, *body.SchemaVersion); err != nil {
			return err
		}
	}
	values, err := withUnknown(schema, body.Values, body.Unknown)
	if err != nil {
		return err
	}
	holder, err := h.service.NameHolder(r.Context(), hvprov.Submission{Host: r.PathValue("host"), Values: values}, r.PathValue("vm"))
	if err != nil {
		return err
	}
	view := holderView{
		Host: holder.Host, VM: holder.VM, Differs: holder.Differs, ActiveJob: holder.ActiveJob, ActiveOperation: holder.ActiveOperation,
	}
	if holder.Incomplete != nil {
		view.Incomplete = &incompleteVM{Message: holder.Incomplete.Error(), Code: hvprov.Code(holder.Incomplete)}
	}
	return reply(w, http.StatusOK, view)
}
