// SPDX-License-Identifier: MPL-2.0

// Package schemaurl loads a job schema from an HTTPS URL, and caches the last valid schema.
//
// [Source.Load] fetches the schema, retries transient failures, and loads the content with [jobschema.Load]. With a CacheFile it
// stores each valid schema, asks the server for newer content only, and returns the stored schema, with the reason in Result.Stale,
// if no other can be fetched.
//
// It is a separate package so that users of jobschema do not depend on an HTTP client.
package schemaurl
