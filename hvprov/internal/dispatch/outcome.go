// SPDX-License-Identifier: MPL-2.0

package dispatch

import (
	"errors"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// stateOf returns the state of a job that ended with an error, or without one.
func stateOf(err error) jobstore.State {
	var e *job.Error
	if errors.As(err, &e) {
		err = e.Class // its cause may match other classes
	}
	switch {
	case err == nil:
		return jobstore.Succeeded
	case errors.Is(err, cause.ErrJobCancelled):
		return jobstore.Cancelled
	case errors.Is(err, cause.ErrJobUnknown):
		return jobstore.Unknown
	}
	return jobstore.Failed
}

// hasOutcome reports whether a job has ended with an outcome that is known.
func hasOutcome(r jobstore.Record) bool { return r.State.Ended() && r.State != jobstore.Unknown }

// setError records the error of a job, so that [ErrorOf] returns one that matches the same sentinels.
func setError(r *jobstore.Record, err error) {
	r.Error, r.Failure, r.Causes = "", nil, nil
	if err == nil {
		return
	}
	r.Error = err.Error()
	var e *job.Error
	if !errors.As(err, &e) {
		r.Causes = cause.Codes(err)
		return
	}
	r.Causes = cause.Codes(e.Cause)
	if e.Failure != (job.Failure{}) {
		r.Failure = &e.Failure
	}
}

// ErrorOf returns the error of a job that has ended, from its record; nil for one that succeeded.
func ErrorOf(r jobstore.Record) error {
	e := &job.Error{Host: r.Host, Job: r.ID, Class: cause.ErrJobFailed, Result: r.Result}
	switch r.State {
	case jobstore.Succeeded:
		return nil
	case jobstore.Cancelled:
		e.Class = cause.ErrJobCancelled
	case jobstore.Unknown:
		e.Class = cause.ErrJobUnknown
	}
	if r.Failure != nil {
		e.Failure = *r.Failure
	}
	if text := r.Error; text != e.Error() {
		e.Cause = cause.Restore(strings.TrimPrefix(text, e.Error()+": "), r.Causes)
	}
	return e
}
