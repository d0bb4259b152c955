// SPDX-License-Identifier: MPL-2.0

package remotetask

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

// histogram is a [Histogram] that grows. Its counts are not cumulative.
type histogram struct {
	count    uint64
	sum, max time.Duration
	counts   [len(bounds)]uint64
}

func (h *histogram) add(d time.Duration) {
	h.count++
	h.sum += d
	h.max = max(h.max, d)
	for i, bound := range bounds {
		if d <= bound {
			h.counts[i]++
			return
		}
	}
}

func (h *histogram) snapshot() Histogram {
	s := Histogram{Count: h.count, Sum: h.sum, Max: h.max, Buckets: make([]Bucket, len(bounds))}
	total := uint64(0)
	for i, bound := range bounds {
		total += h.counts[i]
		s.Buckets[i] = Bucket{UpTo: bound, Count: total}
	}
	return s
}
