// SPDX-License-Identifier: MPL-2.0

// Package schemas holds the schema that the provider uses unless it is given another.
package schemas

import _ "embed"

// JobInputsFile is the name of the file that [JobInputs] gives, for error messages.
const JobInputsFile = "schemas/job-inputs.yaml"

//go:embed job-inputs.yaml
var jobInputs []byte

// JobInputs gives a copy of the schema of a provisioning job's inputs, as hvprov/jobschema loads it.
func JobInputs() []byte { return append([]byte(nil), jobInputs...) }
