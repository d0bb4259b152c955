// SPDX-License-Identifier: MPL-2.0

// Package job holds the plain data of a job: what is asked for, what is told meanwhile, and how it ends.
package job

// Status says where a job is in its life.
type Status string

// The states of a job.
const (
	StatusWaiting Status = "waiting" // for a place
	StatusRunning Status = "running"
	StatusEnded   Status = "ended"
)
