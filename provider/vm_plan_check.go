// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// planCheck is a check of a plan on the host.
type planCheck struct {
	sub      hvprov.Submission
	name     string   // of the virtual machine, for messages
	replaces string   // GUID of the virtual machine that the one to create replaces, if any
	drifted  []string // changed fields whose differences come from the host, not from the configuration
}

// runPlanCheck checks a plan on the host, and reports the findings with their severity in a plan.
func (r *vmResource) runPlanCheck(ctx context.Context, c planCheck, resp *resource.ModifyPlanResponse) {
	limit := readTimeout
	if v := readTimeouts(ctx, resp.Plan, &resp.Diagnostics); !v.IsUnknown() {
		var diags diag.Diagnostics
		limit, diags = v.Read(ctx, readTimeout)
		resp.Diagnostics.Append(diags...)
	}
	checkCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	findings, err := r.conn.service.Check(checkCtx, hvprov.CheckRequest{Submission: c.sub, Unknown: unknownFields(c.sub.Values)})
	if err = asTimeLimit(checkCtx, ctx, "read", limit, err); err != nil {
		if c.blocks(ctx, err) {
			addError(&resp.Diagnostics, errorSummary("plan", c.name), err)
		} else {
			r.conn.warnUnchecked(&resp.Diagnostics, c, err)
		}
		return
	}
	r.conn.addLacks(checkCtx, &resp.Diagnostics, c.sub.Host)
	if c.sub.Operation == job.OperationProvision && c.replaces == "" {
		r.warnOfCapacity(checkCtx, c.sub, c.name, &resp.Diagnostics)
	}
	// A name that a virtual machine of this configuration holds is about to become free, or planName reports the conflict.
	// So is a disk of the virtual machine that is replaced, and a disk that the plan creates exists before.
	findings = slices.DeleteFunc(findings, func(f job.Finding) bool {
		return f.Code == job.CodeNameTaken && f.VMID != "" && r.conn.names.isManaged(f.VMID) ||
			f.Code == codeDiskAttached && f.VMID != "" && strings.EqualFold(f.VMID, c.replaces) ||
			f.Code == codeDiskMissing && r.conn.disks.creates(c.sub.Host, textAt(c.sub.Values, f.Field))
	})
	for _, f := range r.planAdoption(checkCtx, c.sub, findings, resp) {
		c.addFinding(&resp.Diagnostics, f)
	}
}

// blocks reports whether a check that failed is an error of the plan: the configuration causes it, the plan would destroy a virtual
// machine that may not be made again, or the user has interrupted the plan.
func (c planCheck) blocks(ctx context.Context, err error) bool {
	var invalid *jobschema.ValidationError
	var mismatch *jobschema.VersionMismatchError
	return c.replaces != "" || ctx.Err() != nil || errors.As(err, &invalid) || errors.As(err, &mismatch) || errors.Is(err, hvprov.ErrHostUnknown)
}

// warnUnchecked reports that a plan could not be checked, for the problem of a host once: many resources share it.
func (c *connection) warnUnchecked(diags *diag.Diagnostics, check planCheck, err error) {
	host := check.sub.Host
	var failed *hvprov.HostError
	var exceeded *timeLimitError
	if !errors.As(err, &failed) || errors.As(err, &exceeded) {
		addAsWarnings(diags, "The plan of virtual machine "+check.name+" was not checked on host "+host, err,
			"Applying the plan checks it again before it changes anything.")
		return
	}
	if c.unusable.firstWarning(host) {
		addAsWarnings(diags, "Plans were not checked on host "+host, err, "Applying the plan fails for the virtual machines of this host while that lasts.")
	}
}

// addAsWarnings reports an error as addError does, but as a warning.
func addAsWarnings(diags *diag.Diagnostics, summary string, err error, consequence string) {
	var found diag.Diagnostics
	addError(&found, summary, err)
	for _, d := range found {
		addLike(diags, d, diag.SeverityWarning, d.Detail()+" "+consequence)
	}
}

// addLike adds a diagnostic with the path and the summary of another one.
func addLike(diags *diag.Diagnostics, d diag.Diagnostic, severity diag.Severity, detail string) {
	var added diag.Diagnostic = diag.NewErrorDiagnostic(d.Summary(), detail)
	if severity == diag.SeverityWarning {
		added = diag.NewWarningDiagnostic(d.Summary(), detail)
	}
	if at, ok := d.(diag.DiagnosticWithPath); ok {
		added = diag.WithPath(at.Path(), added)
	}
	diags.Append(added)
}

// addFinding reports a finding. What prevents the creation of a virtual machine is a warning: the job that creates it checks again before
// it makes anything. So is what prevents the repair of a difference that the configuration did not cause, and a name that is taken: its
// holder may be a virtual machine of this configuration that was not planned yet, and gives it up; and a disk likewise. What prevents a replacement is an error,
// or else a virtual machine would be destroyed that cannot be made again.
func (c planCheck) addFinding(diags *diag.Diagnostics, f job.Finding) {
	summary, consequence := errorSummary("plan", c.name), ""
	field := f.Field
	if p, err := jobschema.ParsePath(f.Field); err == nil && len(p) > 0 {
		field = p[0].Field
	}
	switch {
	case f.Severity == job.SeverityWarning:
	case c.replaces != "":
		consequence = " To destroy the virtual machine without a replacement, remove its resource, or run terraform destroy -refresh=false."
	case c.sub.Operation == job.OperationProvision:
		f.Severity = job.SeverityWarning
		summary = strings.TrimSuffix(fmt.Sprintf("Virtual machine %s cannot be created: %s", c.name, f.Field), ": ")
		consequence = " Until that is resolved, applying this plan fails before anything is created."
	case slices.Contains(c.drifted, field) || len(c.drifted) == len(c.sub.Changed):
		f.Severity = job.SeverityWarning
		summary = changedOutside(c.name, f.Field)
		consequence = " " + field + " was changed outside of Terraform. Until that is resolved, applying this plan fails for this virtual machine."
	case f.Code == job.CodeNameTaken:
		f.Severity = job.SeverityWarning
		summary = "Virtual machine " + c.name + " cannot be renamed yet"
		consequence = " If another resource gives the name up in the same run, applying this plan waits for it."
	case f.Code == codeDiskAttached && f.VMID != "":
		f.Severity = job.SeverityWarning
		summary = "Virtual machine " + c.name + " cannot attach a disk yet"
		consequence = " If another resource detaches it in the same run, this resource must depend on that one."
	}
	var found diag.Diagnostics
	addFindings(&found, summary, []job.Finding{f})
	for _, d := range found {
		detail := d.Detail() + consequence
		if strings.HasSuffix(summary, ": "+f.Field) {
			detail = strings.TrimPrefix(detail, nested(f.Field)) // the summary names it
		}
		addLike(diags, d, d.Severity(), detail)
	}
}

// changedOutside returns the summary of a warning about a difference that cannot be undone.
func changedOutside(name, field string) string {
	return strings.TrimSuffix(fmt.Sprintf("Virtual machine %s cannot be changed back: %s", name, field), ": ")
}

// driftedFields returns the changed fields whose differences come from the host: the plan is what was last applied.
func (r *vmResource) driftedFields(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, changed []string) (ids []string) {
	drift := readDrift(ctx, req.Private)
	for _, id := range changed {
		f, ok := r.schema.Field(id)
		applied, drifted := drift[id]
		if !ok || !drifted {
			continue
		}
		planned, err := fromTerraform(attribute(resp.Plan.Raw, id))
		if err == nil && f.Equal(applied, planned) {
			ids = append(ids, id)
		}
	}
	return ids
}

// unusableHosts remembers the hosts whose problems were reported. A later error is not left out because of a warning: without an error,
// Terraform would go on.
type unusableHosts struct{ warned, failed reportedLacks }

func (u *unusableHosts) firstWarning(host string) bool {
	host = strings.ToLower(host)
	return !u.failed.has(host) && u.warned.first(host)
}

// reportUnusable reports a host that a refresh could not query, once for each host, and adds what to do meanwhile. It reports false for
// other errors.
func (c *connection) reportUnusable(diags *diag.Diagnostics, err error) bool {
	var failed *hvprov.HostError
	if !errors.As(err, &failed) || errors.Is(err, hvprov.ErrVMElsewhere) {
		return false
	}
	if c.unusable.failed.first(strings.ToLower(failed.Host)) {
		diags.AddAttributeError(path.Root("host"), "Unable to read the virtual machines of host "+failed.Host, sentence(err)+" "+remedy(err)+
			" All virtual machines of the host are concerned. To plan, apply or destroy the others meanwhile, use -refresh=false, or -target.")
	}
	return true
}
