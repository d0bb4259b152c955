// SPDX-License-Identifier: MPL-2.0

// Package histogram counts durations by how long they are.
package histogram

import "time"

// bounds are the upper bounds of a histogram's buckets: from one round trip to the longest job.
var bounds = [...]time.Duration{
	10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
}

// Histogram tells how durations are spread. Its buckets are cumulative, as Prometheus has them.
type Histogram struct {
	Count   uint64 // of durations, and of the bucket without a bound
	Sum     time.Duration
	Max     time.Duration
	Buckets []Bucket // by rising bound; always the same bounds
}

// Bucket tells how many durations were no longer than a bound.
type Bucket struct {
	UpTo  time.Duration
	Count uint64
}

// Recorder is a [Histogram] that grows. The zero value is empty. It is not safe for concurrent use.
type Recorder struct {
	count    uint64
	sum, max time.Duration
	counts   [len(bounds)]uint64 // not cumulative
}

// Add counts a duration. One below zero counts as none.
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

// Snapshot gives what was counted so far.
func (r *Recorder) Snapshot() Histogram {
	s := Histogram{Count: r.count, Sum: r.sum, Max: r.max, Buckets: make([]Bucket, len(bounds))}
	total := uint64(0)
	for i, bound := range bounds {
		total += r.counts[i]
		s.Buckets[i] = Bucket{UpTo: bound, Count: total}
	}
	return s
}
