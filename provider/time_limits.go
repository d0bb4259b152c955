// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// timeoutNames are the attributes of `timeouts` that limit jobs.
var timeoutNames = map[job.Operation]string{job.OperationProvision: "create", job.OperationUpdate: "update", job.OperationDelete: "delete"}

// timeLimitError reports an operation that was ended by its limit in `timeouts`.
type timeLimitError struct {
	name  string // of the attribute
	limit time.Duration
	err   error
}

func (e *timeLimitError) Error() string { return e.err.Error() }

func (e *timeLimitError) Unwrap() error { return e.err }

// asTimeLimit returns err as a [*timeLimitError] if limited, a context with the limit, ended and its parent did not.
func asTimeLimit(limited, parent context.Context, name string, limit time.Duration, err error) error {
	if err == nil || parent.Err() != nil || !errors.Is(limited.Err(), context.DeadlineExceeded) {
		return err
	}
	return &timeLimitError{name: name, limit: limit, err: err}
}

// addTimeLimit reports which limit ended an operation, and how to raise it.
func addTimeLimit(diags *diag.Diagnostics, summary string, e *timeLimitError) {
	attribute, setting := "timeouts", "timeouts."+e.name
	if e.name == "" { // a job on request
		attribute, setting = "timeout", "timeout"
	}
	text := fmt.Sprintf("The time limit of %v was exceeded. To raise it, set %s. ", e.limit, setting)
	if e.name == "read" {
		text += "A refresh uses the limit in the state, not that of the configuration: raise it with terraform apply -refresh=false. "
	}
	var inner diag.Diagnostics
	addError(&inner, summary, e.err)
	for _, d := range inner {
		diags.AddAttributeError(path.Root(attribute), d.Summary(), text+d.Detail())
	}
}

// timeoutFaults returns the faults of time limits that end an operation before it begins.
func timeoutFaults(config tftypes.Value) (faults []jobschema.Fault) {
	timeouts := attribute(config, "timeouts")
	if !isKnownValue(timeouts) {
		return nil
	}
	for _, name := range []string{"create", "read", "update", "delete"} {
		v := attribute(timeouts, name)
		if !isKnownValue(v) {
			continue
		}
		if limit, err := time.ParseDuration(stringOf(v)); err == nil && limit <= 0 {
			faults = append(faults, jobschema.Fault{
				Path: jobschema.Path{{Field: "timeouts"}, {Field: name}}, Rule: "minimum",
				Message: "timeouts." + name + " must be longer than 0", Remedy: `leave it out for the default, or set it to a duration such as "45m"`,
			})
		}
	}
	return faults
}
