// SPDX-License-Identifier: MPL-2.0

// Package jobschema loads the YAML schema of a job's inputs, and holds values to it.
//
// [Load] reads a schema and refuses one that does not hold together, with every fault's line. [Schema.Validate] turns
// values into the typed fields of a job definition, or tells everything that is wrong with them; [Schema.ValidatePartial]
// does so while some values are not known yet, as they are when Terraform plans. No field of a schema is named in this
// package: what it knows of a field, the schema says.
//
// # Strictness
//
// A value is taken as it is or refused: nothing is trimmed, rounded or guessed, since what a person wrote, what Terraform
// keeps and what a host is asked for have to be the same. 8.9 and true are no integers, a list is no text, NaN and infinity
// are no numbers, and a secret keeps its blanks. Numbers and booleans may come as text where that is exact, because JSON
// and the environment have them so: "8" and "true", not " 8 " and "yes". Every fault is told at once, in the schema's order,
// and what only follows from another fault is not told.
//
// # Versions
//
// A schema has an id and a version, which a submission and a job definition name: [Schema.CheckVersion] tells when they are
// others. [Schema.Migrate] takes the values of an earlier version to this one by the schema's migrations, and
// [Schema.Succeeds] tells whether a changed schema may take the place of an older one.
//
// # Schemas of one's own
//
// The agents on hosts know one schema. Another, with fields of other names and narrower rules, is taken to it by
// [Translate]; its fields say with stands_for what they are to agents.
package jobschema
