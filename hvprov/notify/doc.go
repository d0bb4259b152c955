// SPDX-License-Identifier: MPL-2.0

// Package notify delivers the events of jobs and hosts, in order, to any number of subscribers.
//
// A service is a [Source] of events. Publishing never waits for a subscriber: each [Subscription] has a buffer that is limited in
// events and in bytes. When a buffer overflows, the oldest events are dropped and replaced by one event of [KindGap] with their
// number. All other events are delivered once and in order.
//
// Package webhook sends events to a URL.
package notify
