// SPDX-License-Identifier: MPL-2.0

// Package taskpool runs tasks for hosts, a bounded number at once.
//
// A [Pool] starts the oldest task that may run, in a goroutine. A task whose host is at its limit is passed over and does not delay
// the tasks of other hosts. A pool without tasks has no goroutine and no timer.
//
// A task is cancelled by its context, by its limit or by [Pool.Close]. If it has not returned within [Options.Grace], it is abandoned as
// stuck: its caller receives an error that matches [ErrStuck], and another task may start. A stuck task still counts for its host,
// which may still be working on it, but not towards [Options.Max]; at most Max stuck tasks are exempt.
//
// [Pools] are two pools: one for jobs, and one for short queries, which long jobs must not delay.
package taskpool
