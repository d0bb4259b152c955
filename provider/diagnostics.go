// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpclient"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// The summary of an error has one of two forms: "Unable to <verb> virtual machine <name>", or "Invalid <attribute>" for a value
// that the schema rejects. The detail states the cause, then the remedy.

// addFaults reports the faults of a validation, each on its attribute.
func addFaults(diags *diag.Diagnostics, faults []jobschema.Fault) {
	for _, f := range faults {
		detail := sentence(errors.New(f.Message))
		if f.Remedy != "" {
			detail += " " + sentence(errors.New(f.Remedy))
		}
		if len(f.Path) == 0 {
			diags.AddError("Invalid virtual machine", detail)
			continue
		}
		diags.AddAttributeError(attributePath(f.Path), "Invalid "+f.Path.String(), detail)
	}
}

// attributePath returns the path of the attribute at a path of the schema, or of the item of a list that has it. Terraform finds the line
// of an item, but not that of an attribute within it: it would show the line of the resource, or that of another attribute of the same
// name (ElaborateFromConfigBody in internal/tfdiags/contextual.go of Terraform). The message names the whole path.
func attributePath(p jobschema.Path) path.Path {
	at := path.Root(p[0].Field)
	if len(p) > 1 && p[1].Field == "" {
		at = at.AtListIndex(p[1].Index)
	}
	return at
}

// fieldPath returns the path of the attribute that a host reports, by its ID or by a path such as data_disks[1].size_gb.
func fieldPath(field string) path.Path {
	p, err := jobschema.ParsePath(field)
	if err != nil {
		return path.Root(field)
	}
	return attributePath(p)
}

// nested returns the beginning of a message about an attribute within another, which attributePath does not show.
func nested(field string) string {
	if p, err := jobschema.ParsePath(field); err != nil || len(p) < 2 {
		return ""
	}
	return field + ": "
}

// addFindings reports the findings of a check on the host, each on its attribute.
func addFindings(diags *diag.Diagnostics, summary string, findings []job.Finding) {
	for _, f := range findings {
		detail := nested(f.Field) + sentence(errors.New(f.Message))
		if f.Remedy != "" {
			detail += " " + sentence(errors.New(f.Remedy))
		}
		switch {
		case f.Severity == job.SeverityWarning && f.Field != "":
			diags.AddAttributeWarning(fieldPath(f.Field), summary, detail)
		case f.Severity == job.SeverityWarning:
			diags.AddWarning(summary, detail)
		case f.Field != "":
			diags.AddAttributeError(fieldPath(f.Field), summary, detail)
		default:
			diags.AddError(summary, detail)
		}
	}
}

// addError reports an error of hvprov, on the attribute that it concerns.
func addError(diags *diag.Diagnostics, summary string, err error) {
	var (
		invalid *jobschema.ValidationError
		failed  *hvprov.JobError
		unknown *hvprov.HostUnknownError
		host    *hvprov.HostError
		taken   *hvprov.NameTakenError
	)
	var exceeded *timeLimitError
	switch {
	case errors.As(err, &exceeded):
		addTimeLimit(diags, summary, exceeded)
	case errors.Is(err, hvprov.ErrVMElsewhere):
		diags.AddAttributeError(path.Root("host"), summary, sentence(err)+" "+elsewhereRemedy(err))
	case errors.As(err, &taken):
		diags.AddAttributeError(path.Root(taken.Field), summary, sentence(err))
	case errors.As(err, &invalid):
		addFaults(diags, invalid.Faults)
	case errors.As(err, &failed):
		addJobError(diags, summary, failed)
	case errors.As(err, &unknown):
		diags.AddAttributeError(path.Root("host"), summary, sentence(err)+" "+unknownHostRemedy(err, unknown.Host))
	case errors.As(err, &host):
		diags.AddAttributeError(path.Root("host"), summary, sentence(err)+" "+remedy(err))
	case errors.Is(err, context.DeadlineExceeded):
		diags.AddAttributeError(path.Root("timeouts"), summary, "The time limit was exceeded: "+sentence(err)+" Set a longer one in timeouts.")
	default:
		diags.AddError(summary, sentence(err))
	}
}

// hostConfiguration returns what holds the settings of the hosts that an error is about.
func hostConfiguration(err error) string {
	var remote *httpclient.Error
	if errors.As(err, &remote) {
		return "the configuration of server " + remote.Server
	}
	return "the provider configuration"
}

// remedy returns what to do about a host that could not be queried.
func remedy(err error) string {
	switch {
	case errors.Is(err, hvprov.ErrAuthentication):
		return "Check username, password and auth in " + hostConfiguration(err) + ". " +
			"The credentials were tried only once, so that the account is not locked out."
	case errors.Is(err, hvprov.ErrAccessDenied):
		return "The guide \"Preparing a Hyper-V host\" describes the rights that the account needs."
	case errors.Is(err, hvprov.ErrHostUnreachable):
		return "Check that the host is running, that address, port and use_tls in " + hostConfiguration(err) + " are correct, " +
			"and that the firewall of the host allows WinRM."
	case errors.Is(err, hvprov.ErrHostNotReady):
		return "Check that the Hyper-V role and its PowerShell module are installed on the host, and that the account may manage Hyper-V."
	}
	return ""
}

// addJobError reports a failed job: the step, the error of the host, what remains on the host, and the job log.
func addJobError(diags *diag.Diagnostics, summary string, e *hvprov.JobError) {
	var b strings.Builder
	b.WriteString(sentence(e))
	if e.Result != nil {
		if len(e.Result.Left) > 0 {
			fmt.Fprintf(&b, "\n\nRemaining on host %s, to be removed manually:\n  %s", e.Host, strings.Join(e.Result.Left, "\n  "))
		} else if e.Result.VM == nil {
			fmt.Fprintf(&b, "\n\nEverything that the job created on host %s was removed.", e.Host)
		}
	}
	if errors.Is(e, hvprov.ErrJobUnknown) {
		b.WriteString("\n\nThe job may have succeeded. Run terraform plan again to see what is on the host.")
	}
	if len(e.Lines) > 0 {
		fmt.Fprintf(&b, "\n\nLast lines of the job:\n  %s", strings.Join(e.Lines, "\n  "))
	}
	fmt.Fprintf(&b, "\n\nJob %s.", e.Job)
	if e.LogFile != "" {
		fmt.Fprintf(&b, " Complete log: %s", e.LogFile)
	}
	if field := e.Failure.Field; field != "" {
		diags.AddAttributeError(fieldPath(field), summary, nested(field)+b.String())
		return
	}
	diags.AddError(summary, b.String())
}

// sentence returns the text of an error as a sentence: with a capital letter, if it begins with a word and not with an
// identifier, and a full stop.
func sentence(err error) string {
	text := err.Error()
	if firstWord.MatchString(text) {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if text != "" && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "\n") {
		text += "."
	}
	return text
}

var firstWord = regexp.MustCompile(`^[a-z]+[ ,]`)
