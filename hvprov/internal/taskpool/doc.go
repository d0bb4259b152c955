// SPDX-License-Identifier: MPL-2.0

// Package remotetask runs work on hosts in bounded pools that share no worker, so that long jobs never keep short
// questions waiting.
//
// A [Pool] runs tasks, each of a category and mostly for a host. It starts the oldest task that may run: one whose host is
// at its bound is passed over, and keeps no worker from the tasks of other hosts. A worker is a goroutine that lives only
// while it has a task; what scales is how many of them there may be. That number moves between Min and Max: up with the
// backlog and the age of the oldest task, down when workers have had nothing to do for a while or when the machine is
// short of processor or memory, and it is never larger than the hosts allow. A pool without work has no goroutine, and
// once it is back at Min no timer.
//
// A task is cancelled by its context, by its limit, by [Handle.Cancel] or by [Pool.Close]. It is then waited for during
// Grace. One that still has not returned is stuck: its caller gets an error that is [ErrStuck], and its worker is given
// up and another may take its place. A stuck task goes on counting for its host and for what the hosts allow, since the
// host may still be at it: so the harm stays with the host that did it. It no longer counts for Max, up to Max stuck
// tasks; those beyond keep their places. Hence a pool has at most Max goroutines and one for each stuck task, and never
// more than twice Max.
//
// [Pools] are the two pools that a service of Hyper-V hosts wants: one for questions and one for jobs.
package taskpool
