// SPDX-License-Identifier: MPL-2.0

// Package jobstore defines how job records are stored: the [Record] of a job, its [State], and the [Store] that keeps records across restarts.
//
// A record contains no secret in clear text. [Memory] is a store for tests and for programs that need no persistence; package
// boltstore stores records in a file. Package storetest tests other implementations.
package jobstore
