// SPDX-License-Identifier: MPL-2.0

// Package jobschema loads the YAML schema of a job's inputs, and holds values to it.
//
// [Load] reads a schema and refuses one that does not hold together, with every fault's line. [Schema.Validate] turns
// values into the typed fields of a job definition, or tells everything that is wrong with them; [Schema.ValidatePartial]
// does so while some values are not known yet, as they are when Terraform plans. No field of a schema is named in this
// package: what it knows of a field, the schema says.
package jobschema
