// SPDX-License-Identifier: MPL-2.0

// Package schemas embeds the default schema of job inputs.
package schemas

import (
	_ "embed"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// JobInputsFile is the name of the schema file, for error messages.
const JobInputsFile = "schemas/job-inputs.yaml"

//go:embed job-inputs.yaml
var jobInputs []byte

// JobInputs returns a copy of the default schema, which hvprov/jobschema loads.
func JobInputs() []byte { return append([]byte(nil), jobInputs...) }

// Load returns the default schema. All callers share it: it must not be changed.
func Load() (*jobschema.Schema, error) { return load() }

var load = sync.OnceValues(func() (*jobschema.Schema, error) { return jobschema.Load(JobInputsFile, jobInputs) })
