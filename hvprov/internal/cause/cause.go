// SPDX-License-Identifier: MPL-2.0

// Package cause defines the sentinel errors that the packages of the library share, with a stable code for each.
package cause

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// The sentinel errors, matched with [errors.Is].
var (
	ErrHostUnknown     = errors.New("host is not configured")
	ErrHostUnreachable = errors.New("host is not reachable")
	ErrHostNotReady    = errors.New("host is not ready")
	ErrHostBusy        = errors.New("host has active jobs")
	ErrAuthentication  = errors.New("host refused the credentials")
	ErrAccessDenied    = errors.New("account lacks a right on the host")
	ErrVMNotFound      = errors.New("virtual machine not found")
	ErrVMAmbiguous     = errors.New("several virtual machines have the name")
	ErrVMElsewhere     = errors.New("virtual machine is on another host")
	ErrNameTaken       = errors.New("virtual machine name is taken")
	ErrVMBusy          = errors.New("virtual machine is busy")
	ErrTimeLimit       = errors.New("job exceeded its time limit")
	ErrJobNotFound     = errors.New("job not found")
	ErrJobFailed       = errors.New("job failed")
	ErrJobUnknown      = errors.New("job outcome unknown")
	ErrJobCancelled    = errors.New("job was cancelled")
	ErrClosed          = errors.New("service is closed")
)

// codes holds the code of each sentinel, the most significant first: an error that matches several has the code of the first.
// Codes are kept in job records and shown to programs in other languages: they do not change.
var codes = []struct {
	err  error
	code string
}{
	{ErrJobUnknown, "job_outcome_unknown"},
	{ErrJobCancelled, "job_cancelled"},
	{ErrJobNotFound, "job_not_found"},
	{ErrNameTaken, "name_taken"},
	{ErrVMBusy, "vm_busy"},
	{ErrVMElsewhere, "vm_elsewhere"},
	{ErrVMAmbiguous, "vm_ambiguous"},
	{ErrVMNotFound, "vm_not_found"},
	{ErrHostUnknown, "host_unknown"},
	{ErrHostBusy, "host_busy"},
	{ErrAuthentication, "authentication_refused"},
	{ErrAccessDenied, "access_denied"},
	{ErrHostUnreachable, "host_unreachable"},
	{ErrHostNotReady, "host_not_ready"},
	{transport.ErrQuota, "quota_exceeded"},
	{transport.ErrConnectionLost, "connection_lost"},
	{ErrTimeLimit, "time_limit"},
	{ErrClosed, "service_closed"},
	{ErrJobFailed, "job_failed"},
}

// Code returns the code of the first sentinel in the order of significance that err matches, or an empty string.
func Code(err error) string {
	if all := Codes(err); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Codes returns the codes of all sentinels that err matches, the most significant first.
func Codes(err error) []string {
	var all []string
	if err == nil {
		return nil
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			all = append(all, c.code)
		}
	}
	return all
}

// Errorf returns an error with a text that matches a sentinel. Unlike an error of [fmt.Errorf], it does not repeat the text of the sentinel.
func Errorf(sentinel error, format string, args ...any) error {
	return &described{text: fmt.Sprintf(format, args...), sentinel: sentinel}
}

type described struct {
	text     string
	sentinel error
}

func (e *described) Error() string { return e.text }

func (e *described) Is(target error) bool { return target == e.sentinel }

// Restore returns an error with a text that matches the sentinels with the given codes. It returns nil when there is neither a
// text nor a code. Codes that are not known are ignored: a later version of the library may have written them.
func Restore(text string, codes []string) error {
	if text == "" && len(codes) == 0 {
		return nil
	}
	return &restored{text: text, codes: slices.Clone(codes)}
}

// restored is an error from a job record.
type restored struct {
	text  string
	codes []string
}

func (e *restored) Error() string { return e.text }

// Is reports whether target is a sentinel with one of the codes.
func (e *restored) Is(target error) bool {
	for _, c := range codes {
		if target == c.err && slices.Contains(e.codes, c.code) {
			return true
		}
	}
	return false
}
