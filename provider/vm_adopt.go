// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// adoptAttribute is the attribute that allows Create to take over a virtual machine that an earlier run created.
const adoptAttribute = "adopt_existing"

// mayAdopt reports whether a plan allows adoption.
func mayAdopt(ctx context.Context, plan attributeGetter, diags *diag.Diagnostics) bool {
	var allowed types.Bool
	diags.Append(plan.GetAttribute(ctx, path.Root(adoptAttribute), &allowed)...)
	return allowed.ValueBool()
}

// isAdoptable reports whether Create may take over a virtual machine: it is what the plan would create, and no other resource of this
// process has it.
func (r *vmResource) isAdoptable(holder *hvprov.NameHolder) bool {
	return holder.Matches() && !r.conn.names.isManaged(holder.VM.ID)
}

// planAdoption describes the virtual machine that has the name of a plan in the finding about it. A plan that adopts it has no other
// findings: they are about the name, the addresses and the memory of that virtual machine.
func (r *vmResource) planAdoption(ctx context.Context, sub hvprov.Submission, findings []job.Finding, resp *resource.ModifyPlanResponse) []job.Finding {
	for i := range findings {
		f := &findings[i]
		if f.Code != job.CodeNameTaken || f.VMID == "" {
			continue
		}
		holder, err := r.conn.service.NameHolder(ctx, sub, f.VMID)
		if err != nil {
			return findings // the text of the host names the virtual machine as well
		}
		adopts := sub.Operation == job.OperationProvision && mayAdopt(ctx, resp.Plan, &resp.Diagnostics)
		if adopts && (r.isAdoptable(holder) || isBeingCreated(holder)) {
			resp.Diagnostics.AddAttributeWarning(path.Root(f.Field), "Existing virtual machine "+holder.VM.Name+" is adopted",
				fmt.Sprintf("Host %s has it already (id %s), because an earlier run did not save its state. Applying the plan shows it as created, but only "+
					"adopts it: nothing on the host changes.%s", holder.Host, holder.VM.ID, waitText(holder)))
			return nil
		}
		f.Message, f.Remedy = r.holderText(holder, sub.Operation, adopts), ""
	}
	return findings
}

func waitText(holder *hvprov.NameHolder) string {
	if holder.ActiveJob == "" {
		return ""
	}
	return " Job " + holder.ActiveJob + " is still creating it, and is waited for."
}

// isBeingCreated reports whether a job is creating the virtual machine, with the values of the submission as far as they are known.
func isBeingCreated(holder *hvprov.NameHolder) bool {
	return holder.ActiveOperation == job.OperationProvision && len(holder.Differs) == 0
}

// adopt handles a name that a virtual machine has. It returns that virtual machine if the plan may adopt it, after a job that is still
// creating it has ended; or reports again if the name has become free. Otherwise it reports the error.
func (r *vmResource) adopt(ctx context.Context, sub hvprov.Submission, allowed bool, summary string, taken error, diags *diag.Diagnostics) (holder *hvprov.NameHolder, again bool) {
	for {
		holder, err := r.conn.service.NameHolder(ctx, sub, holderID(taken))
		switch {
		case errors.Is(err, hvprov.ErrVMNotFound):
			return nil, true
		case err != nil:
			addError(diags, summary, taken)
			return nil, false
		case allowed && isBeingCreated(holder):
			if r.awaitJob(ctx, holder) == nil {
				continue
			}
		case allowed && r.isAdoptable(holder) && r.conn.names.claim(holder.VM.ID):
			diags.AddWarning("Virtual machine "+holder.VM.Name+" was adopted",
				fmt.Sprintf("Host %s had it already (id %s): job %s created it with the values of this configuration, and its run did not save its state. "+
					"It was not changed. Secrets are not recorded on hosts: those of the configuration are taken to be the ones that it was created with. "+
					"The next plan shows what was changed on the host since then.", holder.Host, holder.VM.ID, holder.VM.JobID))
			return holder, false
		}
		addTaken(diags, summary, taken, r.holderText(holder, sub.Operation, allowed))
		return nil, false
	}
}

// awaitJob waits for the end of a job of another run, without cancelling it.
func (r *vmResource) awaitJob(ctx context.Context, holder *hvprov.NameHolder) error {
	j, err := r.conn.service.Attach(ctx, holder.Host, holder.ActiveJob)
	if err != nil {
		return err
	}
	select {
	case <-j.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitReservation waits for the end of the job that has reserved a name, which is one of another client of a server. It reports whether
// there was one and it has ended.
func (r *vmResource) awaitReservation(ctx context.Context, limit time.Duration, err error) bool {
	var taken *hvprov.NameTakenError
	if !errors.As(err, &taken) || taken.JobID == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return r.awaitJob(ctx, &hvprov.NameHolder{Host: taken.Host, ActiveJob: taken.JobID}) == nil
}

// holderID returns the GUID of the virtual machine that has a name, or an empty string.
func holderID(err error) string {
	var taken *hvprov.NameTakenError
	var failed *hvprov.JobError
	switch {
	case errors.As(err, &taken) && taken.JobID == "":
		return taken.VMID
	case errors.As(err, &failed) && failed.Failure.Code == job.CodeNameTaken:
		return failed.Failure.VMID
	}
	return ""
}

// addTaken reports a taken name with a text about its holder.
func addTaken(diags *diag.Diagnostics, summary string, err error, text string) {
	field := ""
	var taken *hvprov.NameTakenError
	var failed *hvprov.JobError
	switch {
	case errors.As(err, &taken):
		field = taken.Field
	case errors.As(err, &failed):
		field = failed.Failure.Field
		text += "\n\nJob " + failed.Job + " created nothing."
		if failed.LogFile != "" {
			text += " Complete log: " + failed.LogFile
		}
	}
	if field == "" {
		diags.AddError(summary, text)
		return
	}
	diags.AddAttributeError(fieldPath(field), summary, text)
}

// holderText describes the virtual machine that has a name, why it was not adopted, and what to do.
func (r *vmResource) holderText(holder *hvprov.NameHolder, operation job.Operation, adopts bool) string {
	text := fmt.Sprintf("A virtual machine named '%s' already exists on host %s (id %s). ", holder.VM.Name, holder.Host, holder.VM.ID)
	created := "Job " + holder.VM.JobID + " of this provider created it"
	switch {
	case r.conn.names.isManaged(holder.VM.ID):
		return text + "This configuration manages it already. Names are unique on a host: a replacement with the same name must delete the virtual machine " +
			"first, so remove create_before_destroy, also from resources that depend on it, or choose another name for the new one."
	case operation != job.OperationProvision:
		return text + "Choose another name."
	case holder.ActiveJob != "" && holder.ActiveOperation != job.OperationProvision:
		return text + fmt.Sprintf("Job %s (%s) works on it. Run Terraform again when the job has ended.", holder.ActiveJob, holder.ActiveOperation)
	case holder.ActiveJob != "" && adopts:
		return text + fmt.Sprintf("Job %s is creating it. Run Terraform again when the job has ended.", holder.ActiveJob)
	case holder.ActiveJob != "":
		text += fmt.Sprintf("Job %s is creating it, probably for an earlier run. Run Terraform again when the job has ended, or", holder.ActiveJob)
		return text + " set " + adoptAttribute + " = true, which waits for the job and adopts its virtual machine."
	case holder.VM.JobID == "":
		text += "No job of this provider created it. Choose another name, or manage this virtual machine: "
	case len(holder.Differs) > 0:
		text += created + " with other values of " + strings.Join(holder.Differs, ", ") + ", so it is not adopted. Choose another name, or manage this virtual machine " +
			"nevertheless; the plan after the import shows the differences: "
	case errors.Is(holder.Incomplete, hvprov.ErrJobNotFound):
		text += created + " with the values of this configuration, but the host does not remember whether the job completed it. If it is complete, manage it: "
	case holder.Incomplete != nil:
		text += created + ", and it may be incomplete: " + strings.TrimSuffix(holder.Incomplete.Error(), ".") + ". Delete it on the host, or manage it as it is: "
	default:
		text += created + " with the values of this configuration, and its run probably ended before Terraform saved the state. " +
			"Set " + adoptAttribute + " = true, or import it: "
	}
	text += importText(holder.Host, holder.VM.ID)
	if holder.VM.JobID != "" { // in an apply, Terraform tells a provider nothing about a virtual machine that it deletes later
		text += "\nIf this run is to replace that virtual machine, it must be deleted first, because names are unique on a host: remove create_before_destroy, " +
			"also from resources that depend on this one, or choose another name."
	}
	return text
}

// plainWord matches what a POSIX shell takes literally.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9@%+:,./_-]+$`)

// importText returns how to import a virtual machine. Terraform does not tell a provider the address of a resource.
func importText(host, id string) string {
	importID := host + "/" + id
	quoted := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(importID))
	word := importID
	if !plainWord.MatchString(word) {
		word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return fmt.Sprintf("add this block, with the address of the resource in place of hypervvm.LABEL,\n\n"+
		"  import {\n    to = hypervvm.LABEL\n    id = %s\n  }\n\nor run:\n\n  terraform import hypervvm.LABEL %s\n\nSee the guide \"Terraform was killed\".", quoted, word)
}
