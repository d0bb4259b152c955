// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Record describes a job. It contains no secret in clear text, and its JSON form contains none at all. Times are UTC; the zero
// time means "not yet".
type Record struct {
	ID      string `json:"id"`      // GUID
	Version int64  `json:"version"` // number of times the record was stored; see [Store.Put]

	Host      string        `json:"host"`
	Operation job.Operation `json:"operation"`
	VMName    string        `json:"vm_name,omitempty"`   // as requested, or as last seen on the host; empty if neither is known
	VMID      string        `json:"vm_id,omitempty"`     // GUID of the virtual machine, once known
	Client    string        `json:"client,omitempty"`    // program that submitted the job
	Requester string        `json:"requester,omitempty"` // person or system for which it was submitted

	Schema          job.SchemaRef  `json:"schema"`            // schema of Values
	Values          map[string]any `json:"values,omitempty"`  // requested values, without secrets
	Changed         []string       `json:"changed,omitempty"` // update: the fields to change
	AllowPowerCycle bool           `json:"allow_power_cycle,omitempty"`
	Limit           time.Duration  `json:"limit_ns,omitempty"` // maximum run time; 0 means no limit

	State     State     `json:"state"`
	Submitted time.Time `json:"submitted"`
	Queued    time.Time `json:"queued,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Seq       int64     `json:"seq,omitempty"`  // sequence number of the last event received from the host
	Step      string    `json:"step,omitempty"` // current step, or the step in which the job ended

	// CancelRequested reports that the job must be cancelled. The host may not have received the request yet.
	CancelRequested bool `json:"cancel_requested,omitempty"`
	// HostAccepted reports that the host has the job, and with it all that the job needs.
	HostAccepted bool `json:"host_accepted,omitempty"`
	// HasNoSecrets reports that Values are all submitted values, because none of them is a secret.
	HasNoSecrets bool `json:"has_no_secrets,omitempty"`
	// EncryptedValues are all submitted values, encrypted, kept until the host has the job. Nil if the service has no key.
	// They are stored (see [Encode]) but are not part of the JSON form.
	EncryptedValues []byte `json:"-"`

	Result *job.Result `json:"result,omitempty"` // result from the host, without secrets

	// Failure and Causes say why the job did not succeed, in a form from which an error that matches the same sentinels is
	// rebuilt after a restart. Failure is the host's report, also where the host refused the job and there is no result. Causes
	// are the stable codes of the service's own reasons, such as "time_limit", the most significant first. Error is the text
	// for people.
	Failure *job.Failure `json:"failure,omitempty"`
	Causes  []string     `json:"causes,omitempty"`
	Error   string       `json:"error,omitempty"`
}

// storedRecord is the form in which stores keep a record: its JSON form and the encrypted values.
type storedRecord struct {
	Record
	EncryptedValues []byte `json:"encrypted_values,omitempty"`
}

// Encode returns the form in which a [Store] keeps a record.
func Encode(r Record) ([]byte, error) { return json.Marshal(storedRecord{r, r.EncryptedValues}) }

// Decode parses the output of [Encode]. Numbers in Values are of type [json.Number], so that they keep their precision.
func Decode(data []byte) (Record, error) {
	var stored storedRecord
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&stored); err != nil {
		return Record{}, err
	}
	r := stored.Record
	r.EncryptedValues = stored.EncryptedValues
	return r, nil
}
