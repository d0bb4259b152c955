// SPDX-License-Identifier: MPL-2.0

package eventbus

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// history keeps the latest events for replay.
type history struct {
	queue
	maxEvents, maxBytes int

	dropped   int64     // sequence number of the newest event that is not kept any more
	droppedAt time.Time // its time
	forgotten int64     // the same, of jobs that have no record any more
	jobs      map[string]*jobHistory
}

// jobHistory is the record of a job. It outlives the job's events for a while.
type jobHistory struct {
	kept    int
	dropped int64 // sequence number of the job's newest event that is not kept any more
	ended   bool
}

func (h *history) add(it *item) {
	if e := &it.event; e.Job != "" {
		r := h.record(jobKey(e.Job))
		r.kept++
		if e.Kind == notify.KindJobState {
			r.ended = e.Last
		}
	}
	h.push(it)
	for h.len() > 0 && (h.len() > h.maxEvents || h.bytes > h.maxBytes) {
		old := &h.pop().event
		h.dropped, h.droppedAt = old.Seq, old.Time
		if r := h.jobs[jobKey(old.Job)]; r != nil {
			r.kept--
			r.dropped = old.Seq
		}
	}
}

// record returns the record of a job. When there are too many, it deletes those of jobs without kept events.
func (h *history) record(job string) *jobHistory {
	r := h.jobs[job]
	if r == nil {
		if len(h.jobs) > 2*h.maxEvents+64 {
			for id, old := range h.jobs {
				if old.kept == 0 {
					delete(h.jobs, id)
					h.forgotten = max(h.forgotten, old.dropped)
				}
			}
		}
		r = &jobHistory{dropped: h.forgotten} // it may be a job whose record was deleted
		h.jobs[job] = r
	}
	return r
}

// missed returns an upper bound for the number of lost events after f.After that match the filter, and the sequence number of the
// last one.
func (h *history) missed(f notify.Filter) (count, last int64) {
	last = h.dropped
	if r := h.jobs[jobKey(f.Job)]; f.Job != "" && r != nil {
		last = r.dropped
	}
	if last <= f.After {
		return 0, 0
	}
	return last - f.After, last
}

// ended reports whether a job is known to have ended.
func (h *history) ended(job string) bool {
	r := h.jobs[job]
	return r != nil && r.ended
}

// after returns the kept events after f.After that match the filter.
func (h *history) after(f notify.Filter) queue {
	var q queue
	for _, it := range h.items[h.head:] {
		if it.event.Seq > f.After && matches(&f, &it.event) {
			q.push(it)
		}
	}
	return q
}
