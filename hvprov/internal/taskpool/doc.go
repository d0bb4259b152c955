// SPDX-License-Identifier: MPL-2.0

// Package taskpool runs tasks for hosts in bounded pools of workers.
//
// A [Pool] starts the oldest task that may run. A task whose host is at its limit is passed over and does not delay the tasks
// of other hosts. A worker is a goroutine that exists only while it has a task. The number of workers grows with the
// backlog and the age of the oldest task, and shrinks when workers have had no task for a while. A pool without tasks has no
// goroutine, and at its minimum size no timer.
//
// A task is cancelled by its context, by its limit or by [Pool.Close]. If it has not returned within Grace, it is abandoned as
// stuck: its caller receives an error that matches [ErrStuck], and another worker may start. A stuck task still counts for
// its host, which may still be working on it, but not for Max, up to Max stuck tasks. A pool therefore has at most twice Max
// goroutines.
//
// [Pools] are two pools that share no worker: one for jobs, and one for short queries, which long jobs must not delay.
package taskpool
