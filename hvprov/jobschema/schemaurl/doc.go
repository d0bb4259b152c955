// SPDX-License-Identifier: MPL-2.0

// Package schemaurl loads a job schema from an HTTPS URL, and keeps a last good copy for when the URL gives none.
//
// [Source.Load] fetches, tries again where that helps, and holds what came to [jobschema.Load]. With a
// [Source.CacheFile] it keeps each schema that holds together, asks the server next time only whether there is a newer
// one, and gives the copy, with [Result.Stale] saying why, when there is no fresh schema to be had.
//
// It is a package of its own so that users of jobschema do not carry an HTTP client.
package schemaurl
