// SPDX-License-Identifier: MPL-2.0

package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The limits of a message. A host within them may be large: one of 1,000 virtual machines sends about 2 MB, with 60,000 values. A host
// beyond them is broken or hostile, and must not exhaust the memory of a program that also serves other hosts.
const (
	MaxPayload  = 16 << 20  // bytes of the JSON text of one payload
	MaxEvent    = 1 << 20   // bytes of the JSON text of one event
	MaxVMs      = 20_000    // virtual machines of one inventory
	MaxVM       = 512 << 10 // bytes of the JSON text of one virtual machine
	MaxFindings = 1_000     // findings of one check
	maxValues   = 500_000   // values in one payload
	maxDepth    = 32        // of nested values
)

// ErrLimit matches the error of a message that exceeds a limit.
var ErrLimit = errors.New("limit exceeded")

func limitError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
}

// CheckLimits returns an error if the JSON text of a payload has more values, or values that are nested deeper, than the limits: a few
// bytes of text may take hundreds of bytes once they are decoded. It does not check the syntax.
func CheckLimits(text []byte) error {
	depth, values := 0, 0
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			values++
		case c == '{' || c == '[':
			depth++
			values++
		case c == '}' || c == ']':
			depth--
		}
		if depth > maxDepth {
			return limitError("values are nested more than %d deep", maxDepth)
		}
		if values > maxValues {
			return limitError("it has more than %d values", maxValues)
		}
	}
	return nil
}

// Head holds the properties by which a message is matched.
type Head struct {
	Type string
	ID   string // of the request that an answer belongs to
	Job  string // of an event
}

// ReadHead returns the head of a message of which only the beginning may be there.
func ReadHead(text []byte) (h Head) {
	decoder := json.NewDecoder(bytes.NewReader(text[:min(len(text), 4096)]))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return h
	}
	for {
		name, err := decoder.Token()
		if err != nil {
			return h
		}
		value, err := decoder.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return h
		}
		s, _ := value.(string)
		switch name {
		case "type":
			h.Type = s
		case "id":
			h.ID = s
		case "job":
			h.Job = s
		}
	}
}

// UnmarshalJSON decodes an inventory. More virtual machines than [MaxVMs], or a larger one than [MaxVM], are an error.
func (r *InventoryResult) UnmarshalJSON(text []byte) error {
	type plain InventoryResult
	result := struct {
		*plain
		VMs json.RawMessage `json:"vms"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(text, &result); err != nil {
		return err
	}
	r.VMs = nil
	decoder := json.NewDecoder(bytes.NewReader(result.VMs))
	if start, err := decoder.Token(); err != nil || start == nil {
		return nil //nolint:nilerr // absent or null: the syntax is valid
	} else if start != json.Delim('[') {
		return errors.New("vms is not a list")
	}
	for decoder.More() {
		begin := decoder.InputOffset()
		var vm job.VM
		if err := decoder.Decode(&vm); err != nil {
			return err
		}
		if decoder.InputOffset()-begin > MaxVM {
			return limitError("virtual machine %d of the inventory takes more than %d bytes", len(r.VMs)+1, MaxVM)
		}
		if len(r.VMs) == MaxVMs {
			return limitError("the inventory has more than %d virtual machines", MaxVMs)
		}
		r.VMs = append(r.VMs, vm)
	}
	return nil
}

// UnmarshalJSON decodes the findings of a check. More than [MaxFindings] are an error.
func (r *CheckResult) UnmarshalJSON(text []byte) error {
	type plain CheckResult
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	if len(r.Findings) > MaxFindings {
		return limitError("the check has more than %d findings", MaxFindings)
	}
	return nil
}
