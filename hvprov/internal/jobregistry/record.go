// SPDX-License-Identifier: MPL-2.0

package jobregistry

import (
	"bytes"
	"maps"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// transitions lists the states that may follow each state.
var transitions = map[jobstore.State][]jobstore.State{
	jobstore.Pending: {jobstore.Queued, jobstore.Failed, jobstore.Cancelled},
	jobstore.Queued:  {jobstore.Running, jobstore.Failed, jobstore.Cancelled},
	jobstore.Running: {jobstore.Succeeded, jobstore.Failed, jobstore.Cancelled, jobstore.Unknown},
	jobstore.Unknown: {jobstore.Running, jobstore.Succeeded, jobstore.Failed, jobstore.Cancelled},
}

// clone returns a copy of a record whose maps and slices can be changed without changing r.
func clone(r jobstore.Record) jobstore.Record {
	r.Values = maps.Clone(r.Values)
	r.Changed = slices.Clone(r.Changed)
	r.Causes = slices.Clone(r.Causes)
	r.EncryptedValues = bytes.Clone(r.EncryptedValues)
	return r
}
