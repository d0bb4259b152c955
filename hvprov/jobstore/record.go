// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Record is what is kept of a job. It has no secret in clear text. Times are UTC; the zero time is a moment that has not
// come.
type Record struct {
	ID        string        `json:"id"` // GUID
	Host      string        `json:"host"`
	Operation job.Operation `json:"operation"`
	VMName    string        `json:"vm_name,omitempty"` // as it was asked for; empty for a delete whose machine is not known by name
	VMID      string        `json:"vm_id,omitempty"`   // GUID of the virtual machine, once it is known
	Schema    job.SchemaRef `json:"schema"`            // of Values
	Client    string        `json:"client,omitempty"`  // who submitted it

	Values          map[string]any `json:"values,omitempty"`  // what was asked for, without secrets
	Changed         []string       `json:"changed,omitempty"` // update: the fields to touch
	AllowPowerCycle bool           `json:"allow_power_cycle,omitempty"`
	Limit           time.Duration  `json:"limit,omitempty"` // for how long it may run, in nanoseconds; 0: without limit

	State     State     `json:"state"`
	Submitted time.Time `json:"submitted"`
	Queued    time.Time `json:"queued"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"`
	Seq       int64     `json:"seq,omitempty"`  // number of the last event that was taken from the host
	Step      string    `json:"step,omitempty"` // the step that it is in, or ended in

	// Cancel says that it is to be cancelled, which the host may not know yet.
	Cancel bool `json:"cancel,omitempty"`
	// Known says that the host has told something of it, and so has all that it needs.
	Known bool `json:"known,omitempty"`
	// Sealed is the whole submission, encrypted, for as long as the host may not have it. Nil where no key was given.
	Sealed []byte `json:"sealed,omitempty"`
	// Secretless says that Values are the whole submission, since nothing in it is a secret.
	Secretless bool `json:"secretless,omitempty"`

	Result *job.Result `json:"result,omitempty"` // as the host told it, without secrets
	Error  string      `json:"error,omitempty"`  // why it did not succeed, for people
}

// Clone gives a copy that shares nothing which is changed in place.
func (r Record) Clone() Record {
	r.Values = maps.Clone(r.Values)
	r.Changed = slices.Clone(r.Changed)
	r.Sealed = bytes.Clone(r.Sealed)
	return r
}

// Marshal gives a record as stores keep it.
func (r Record) Marshal() ([]byte, error) { return json.Marshal(r) }

// Unmarshal reads what [Record.Marshal] wrote. Numbers in Values are [json.Number], so that they stay exact.
func Unmarshal(data []byte) (Record, error) {
	var r Record
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err := dec.Decode(&r)
	return r, err
}
