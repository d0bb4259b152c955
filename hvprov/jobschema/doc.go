// SPDX-License-Identifier: MPL-2.0

// Package jobschema loads the YAML schema of a job's inputs and validates values against it.
//
// [Load] reads a schema and reports all of its errors with their lines. [Schema.Validate] converts values to the typed fields of
// a job definition, or reports everything that is wrong with them; [Schema.ValidatePartial] does the latter while some values are
// still unknown. The package is independent of any concrete field.
//
// # Strictness
//
// A value is accepted as it is or refused. Nothing is trimmed, rounded or guessed, because what the user wrote, what a client
// stores and what the host is asked for must be the same. 8.9 and true are not integers, a list is not text, NaN and infinity are
// not numbers, and white space in a secret is kept. Numbers and booleans may be text if that is exact, as in JSON and environment
// variables: "8" and "true", but not " 8 " and "yes". All errors are reported at once, in the order of the schema; errors that only
// follow from other errors are not reported.
//
// # Versions
//
// A schema has an id and a version, which submissions and job definitions name; [Schema.CheckVersion] compares them.
// [Schema.Migrate] converts the values of an earlier version with the migrations of the schema. [Schema.CheckCompatible] reports
// whether a schema can replace an earlier one.
//
// # Custom schemas
//
// Agents know one schema. Fields of another schema, with other names and stricter rules, are converted to it by a [Translation];
// its fields name their counterparts with stands_for.
package jobschema
