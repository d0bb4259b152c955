// SPDX-License-Identifier: MPL-2.0

package notify

// history is what the bus keeps for replay, and what it knows of what it does not keep any more.
type history struct {
	queue
	dropped int64                 // the Seq of the last event that is not kept
	jobs    map[string]*jobRecord // of those that have events kept, and some others
	partial bool                  // the record of a job that had not ended was given up
}

// jobRecord tells what is gone of a job.
type jobRecord struct {
	kept    int
	missing int64 // how many are gone
	dropped int64 // the Seq of the last of them
	known   bool  // missing is all
	ended   bool
}

// add keeps an event, up to most events and bytes.
func (h *history) add(it *item, most, bytes int) {
	e := &it.event
	if e.Job != "" {
		r := h.jobs[e.Job]
		if r == nil {
			if len(h.jobs) > 2*most+64 {
				h.forget()
			}
			r = &jobRecord{known: !h.partial}
			h.jobs[e.Job] = r
		}
		r.kept++
		r.ended = r.ended || e.Last
	}
	h.push(it)
	for h.len() > 0 && (h.len() > most || h.bytes > bytes) {
		gone := &h.pop().event
		h.dropped = gone.Seq
		if r := h.jobs[gone.Job]; r != nil {
			r.kept--
			r.missing++
			r.dropped = gone.Seq
		}
	}
}

// forget gives up the records of jobs of which nothing is kept.
func (h *history) forget() {
	for id, r := range h.jobs {
		if r.kept == 0 {
			delete(h.jobs, id)
			h.partial = h.partial || !r.ended // it may go on, and would look like a new one
		}
	}
}

// missing gives how many events after a number are gone that the filter may ask for, and the Seq of the last of them.
func (h *history) missing(f Filter) (count, last int64) {
	if h.dropped <= f.After {
		return 0, 0
	}
	if r := h.jobs[f.Job]; f.Job != "" && r != nil && r.known {
		if r.dropped <= f.After {
			return 0, 0
		}
		return min(r.missing, r.dropped-f.After), r.dropped
	}
	return h.dropped - f.After, h.dropped
}

// ended tells whether a job is known to have ended.
func (h *history) ended(job string) bool {
	r := h.jobs[job]
	return r != nil && r.ended
}

// after gives what is kept after a number for a filter.
func (h *history) after(f Filter) queue {
	var q queue
	for _, it := range h.items[h.head:] {
		if it.event.Seq > f.After && f.matches(&it.event) {
			q.push(it)
		}
	}
	return q
}
