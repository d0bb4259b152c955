// SPDX-License-Identifier: MPL-2.0

// Package notify is the one way on which what happens is told: a [Bus] takes events in order, and [Subscription]s give them to
// whoever wants them.
//
// Publishing never waits. A subscriber that does not keep up loses the oldest of what waits for it, and is told so by an event of
// [KindGap] in its place; everything else reaches it once and in order. What is kept for one subscriber does not depend on
// another, and is bounded in events and in bytes.
//
// [Log] writes events to a log. Package webhook sends them to a URL, and package joblog writes what a job says to a file, which
// may miss nothing and so is no subscriber.
package notify
