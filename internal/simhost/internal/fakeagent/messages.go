// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// codeNotSimulated is the code of what only the PowerShell agent can do.
const codeNotSimulated = "not_simulated"

// failure is an error with the code, field and remedy of an answer or a result.
type failure struct{ job.Failure }

func (f *failure) Error() string { return f.Message }

// message returns an entry of the agent's message catalogue with values, given as alternating names and values, in place of its
// placeholders. A test verifies that every message has all its values.
func message(id string, values ...any) agent.Message {
	named := make(map[string]any, len(values)/2)
	for i := 0; i+1 < len(values); i += 2 {
		named[fmt.Sprint(values[i])] = values[i+1]
	}
	m, _ := agent.Messages()[id].Format(named)
	return m
}

func text(id string, values ...any) string { return message(id, values...).Message }

// fail returns the error of a catalogue entry about a field, which may be empty.
func fail(id, field string, values ...any) error {
	m := message(id, values...)
	return &failure{job.Failure{Code: m.Code, Field: field, Message: m.Message, Remedy: m.Remedy}}
}

// finding returns a catalogue entry as a finding about a field.
func finding(id, field string, values ...any) job.Finding {
	m := message(id, values...)
	return job.Finding{Field: field, Severity: job.SeverityError, Code: m.Code, Message: m.Message, Remedy: m.Remedy}
}

func warning(id, field string, values ...any) job.Finding {
	f := finding(id, field, values...)
	f.Severity = job.SeverityWarning
	return f
}

// notSimulated returns the error about something that the fake agent does not simulate, and its field, which may be empty.
func notSimulated(field, what string) error {
	return &failure{job.Failure{
		Code: codeNotSimulated, Field: field, Message: what + " is not simulated without PowerShell",
		Remedy: "run the simulated host with PowerShell, so that the real agent answers",
	}}
}

// fieldNotSimulated returns the finding about a field with a value that the fake agent does not simulate.
func fieldNotSimulated(field string) job.Finding {
	f := asFailure(notSimulated(field, "this value of "+field), "")
	return job.Finding{Field: field, Severity: job.SeverityError, Code: f.Code, Message: f.Message, Remedy: f.Remedy}
}

// asFailure returns err in the form of an answer or a result. defaultCode is for errors without a code.
func asFailure(err error, defaultCode string) *job.Failure {
	var f *failure
	if errors.As(err, &f) {
		described := f.Failure
		return &described
	}
	return &job.Failure{Code: defaultCode, Message: err.Error()}
}

// firstError returns the first finding as an error.
func firstError(findings []job.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	f := findings[0]
	return &failure{job.Failure{Code: f.Code, Message: f.Message, Field: f.Field, Remedy: f.Remedy, VMID: f.VMID}}
}

// formatSize returns bytes in the largest unit that fits.
func formatSize(bytes int64) string {
	size, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; size >= 1024 && i < len(units)-1; i++ {
		size /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", size, units[i])
}

// formatNumber returns a number with at most three decimals.
func formatNumber(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }

func formatVLAN(id int) string {
	if id == 0 {
		return text("vlan_untagged")
	}
	return text("vlan_access", "id", id)
}

// memoryGB returns bytes in GiB with three decimals, as an inventory has them.
func memoryGB(bytes int64) float64 { return math.Round(exactGB(bytes)*1000) / 1000 }

func memoryBytes(gb float64) int64 { return int64(math.RoundToEven(gb * (1 << 30))) }

func exactGB(bytes int64) float64 { return float64(bytes) / (1 << 30) }
