// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Ref gives the schema's id and version as a job definition names them.
func (s *Schema) Ref() job.SchemaRef { return job.SchemaRef{ID: s.ID, Version: s.Version} }

// CheckVersion tells, by a [*VersionMismatchError], when a submission was made for another schema or another version.
func (s *Schema) CheckVersion(id string, version int) error {
	given := job.SchemaRef{ID: id, Version: version}
	if given == s.Ref() {
		return nil
	}
	return &VersionMismatchError{Expected: s.Ref(), Given: given}
}

// VersionMismatchError says which schema was expected, and which one a submission was made for.
type VersionMismatchError struct {
	Expected job.SchemaRef
	Given    job.SchemaRef
}

// Error implements error.
func (e *VersionMismatchError) Error() string {
	return fmt.Sprintf("schema version mismatch: the submission was made for %s, but %s is in use", e.Given, e.Expected)
}
