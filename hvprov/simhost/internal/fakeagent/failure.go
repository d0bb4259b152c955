// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// failure is an error that says of what kind it is, which field is to blame, and what would do.
type failure struct{ job.Failure }

func (f *failure) Error() string { return f.Message }

func fail(code, message, field, remedy string) error {
	return &failure{job.Failure{Code: code, Message: message, Field: field, Remedy: remedy}}
}

// describe gives an error as an answer or a result carries it. code is for errors that have none.
func describe(err error, code string) *job.Failure {
	var f *failure
	if errors.As(err, &f) {
		described := f.Failure
		return &described
	}
	return &job.Failure{Code: code, Message: err.Error()}
}

// killed tells whether the process is at its end, so that nothing more may be done or said.
func killed(ctx context.Context) bool { return ctx.Err() != nil }
