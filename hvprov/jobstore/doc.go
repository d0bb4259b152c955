// SPDX-License-Identifier: MPL-2.0

// Package jobs keeps the records of jobs: what was asked for, on which host, how far it came and how it ended. A [Ledger]
// holds them in memory and in a [Store], and lets a job go only from one state to another that may follow it.
//
// A record has no secret in clear text. What a job that has not reached its host needs to run after a restart is sealed
// with a key of the owner's, by a [Sealer].
package jobstore
