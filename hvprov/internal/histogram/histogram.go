// SPDX-License-Identifier: MPL-2.0

// Package histogram counts durations by length.
package histogram

import "time"

// bounds are the upper bounds of the buckets, from one round trip to the longest job.
var bounds = [...]time.Duration{
	10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
}

// Histogram is a distribution of durations. Its buckets are cumulative, as in Prometheus.
type Histogram struct {
	Count   uint64 // of all durations
	Sum     time.Duration
	Max     time.Duration
	Buckets []Bucket // by increasing bound; the bounds never change
}

// Bucket counts the durations that are not longer than a bound.
type Bucket struct {
	UpTo  time.Duration
	Count uint64
}

// Recorder records durations for a [Histogram]. The zero value is empty. It is not safe for concurrent use.
type Recorder struct {
	count    uint64
	sum, max time.Duration
	counts   [len(bounds)]uint64 // not cumulative
}

// Add counts a duration. A negative one counts as 0.
func (r *Recorder) Add(d time.Duration) {
	d = max(d, 0)
	r.count++
	r.sum += d
	r.max = max(r.max, d)
	for i, bound := range bounds {
		if d <= bound {
			r.counts[i]++
			return
		}
	}
}

// Snapshot returns the histogram of the durations so far.
func (r *Recorder) Snapshot() Histogram {
	s := Histogram{Count: r.count, Sum: r.sum, Max: r.max, Buckets: make([]Bucket, len(bounds))}
	total := uint64(0)
	for i, bound := range bounds {
		total += r.counts[i]
		s.Buckets[i] = Bucket{UpTo: bound, Count: total}
	}
	return s
}
