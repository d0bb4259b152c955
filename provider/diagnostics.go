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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Every error has a summary of one form, "Unable to <do> virtual machine <name>", and a detail that says what happened,
// then what to do.

// addFaults tells what the schema refuses, each on its attribute.
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

// attributePath gives the path of an attribute that a fault is about.
func attributePath(p jobschema.Path) path.Path {
	at := path.Empty()
	for _, step := range p {
		if step.Field == "" {
			at = at.AtListIndex(step.Index)
		} else {
			at = at.AtName(step.Field)
		}
	}
	return at
}

// fieldPath gives the path of the attribute that a host blames, by its id or by a path such as data_disks[1].size_gb.
func fieldPath(field string) path.Path {
	p, err := jobschema.ParsePath(field)
	if err != nil {
		return path.Root(field)
	}
	return attributePath(p)
}

// addFindings tells what a dry run on the host found, each on its attribute.
func addFindings(diags *diag.Diagnostics, summary string, findings []job.Finding) {
	for _, f := range findings {
		detail := sentence(errors.New(f.Message))
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

// addError tells an error of the library.
func addError(diags *diag.Diagnostics, summary string, err error) {
	var (
		invalid *jobschema.ValidationError
		failed  *hvprov.JobError
		unknown *hvprov.HostUnknownError
		host    *hvprov.HostError
		taken   *hvprov.NameTakenError
	)
	switch {
	case errors.As(err, &taken):
		diags.AddAttributeError(path.Root(taken.Field), summary, sentence(err))
	case errors.As(err, &invalid):
		addFaults(diags, invalid.Faults)
	case errors.As(err, &failed):
		addJobError(diags, summary, failed)
	case errors.As(err, &unknown):
		diags.AddAttributeError(path.Root("host"), summary, sentence(err)+" Set host to one of the names in the provider's hosts.")
	case errors.As(err, &host):
		diags.AddAttributeError(path.Root("host"), summary, sentence(err)+" "+remedy(host))
	case errors.Is(err, context.DeadlineExceeded):
		diags.AddAttributeError(path.Root("timeouts"), summary, "The time for it ran out: "+sentence(err)+" Give it more in timeouts.")
	default:
		diags.AddError(summary, sentence(err))
	}
}

// remedy says what to do about a host that could not be asked.
func remedy(e *hvprov.HostError) string {
	switch {
	case errors.Is(e, hvprov.ErrAuthentication):
		return "Check the username, the password and the way to authenticate in the provider's settings. " +
			"It was tried once only, so that the account is not locked."
	case errors.Is(e, hvprov.ErrHostUnreachable):
		return "Check that the host is switched on, that its name, port and use_tls are right in the provider's settings, " +
			"and that its firewall lets WinRM through."
	case errors.Is(e, hvprov.ErrHostNotReady):
		return "Check that the Hyper-V role with its PowerShell module is installed there, and that the account may manage it."
	}
	return ""
}

// addJobError tells of a job that did not succeed: the step, what the host said, what is left, and where to read on.
func addJobError(diags *diag.Diagnostics, summary string, e *hvprov.JobError) {
	var b strings.Builder
	b.WriteString(sentence(e))
	if e.Result != nil {
		if len(e.Result.Left) > 0 {
			fmt.Fprintf(&b, "\n\nLeft on host %s, to be looked after by hand:\n  %s", e.Host, strings.Join(e.Result.Left, "\n  "))
		} else if e.Result.VM == nil {
			fmt.Fprintf(&b, "\n\nNothing that the job made is left on host %s.", e.Host)
		}
	}
	if errors.Is(e, hvprov.ErrJobUnknown) {
		b.WriteString("\n\nWhether the job did its work is not known. Plan again: what the host holds is what counts.")
	}
	if len(e.Lines) > 0 {
		fmt.Fprintf(&b, "\n\nThe job's last lines:\n  %s", strings.Join(e.Lines, "\n  "))
	}
	fmt.Fprintf(&b, "\n\nJob %s.", e.Job)
	if e.LogFile != "" {
		fmt.Fprintf(&b, " All its lines: %s", e.LogFile)
	}
	if field := e.Failure.Field; field != "" {
		diags.AddAttributeError(fieldPath(field), summary, b.String())
		return
	}
	diags.AddError(summary, b.String())
}

// sentence makes an error's text one: a capital first, where it begins with a word and not with a name, and a stop at
// the end.
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
