// SPDX-License-Identifier: MPL-2.0

// Package riverjobs keeps job records and notifications in PostgreSQL 14 or later, for a service with several replicas. Its stores
// implement [jobstore.Store] and [notifications.Store]. [Queue] decides which replica runs a job.
//
// A new record reserves the name and the virtual machine that its job works on until the job ends, across all replicas. A store reports
// the changes of other replicas: see [jobstore.Watcher].
//
// Tables begin with hvprov_ and are created, or migrated, when a store is opened. Replicas of different versions must not use one database:
// stop all of them before an upgrade that migrates it. A backup of the database, such as one by pg_dump, is a backup of the service.
package riverjobs
