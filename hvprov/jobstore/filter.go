// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Filter selects records. The zero value selects all records.
type Filter struct {
	Host      string  // letter case is not significant; empty: any host
	States    []State // empty: any state
	Requester string  // empty: any requester
}

// Match reports whether the filter selects r.
func (f Filter) Match(r *Record) bool {
	return (f.Host == "" || strings.EqualFold(r.Host, f.Host)) &&
		(len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(f.Requester == "" || r.Requester == f.Requester)
}

// Page selects a part of a list. The zero value selects the whole list.
type Page struct {
	After string // the value that List returned with the previous page; empty: from the first record
	Limit int    // maximum number of records; 0: no limit
}

// Position returns the time of submission and the ID of the last record before the page, for stores that have an index. They are zero for
// the first page.
func (p Page) Position() (submitted time.Time, id string, err error) {
	if p.After == "" {
		return time.Time{}, "", nil
	}
	last, err := parseCursor(p.After)
	return last.Submitted, last.ID, err
}

// Apply sorts records by submission and returns those of the page, with the value of After for the next page. Stores without an
// index of their own use it.
func (p Page) Apply(records []Record) (page []Record, next string, err error) {
	slices.SortFunc(records, compareSubmitted)
	if p.After != "" {
		last, err := parseCursor(p.After)
		if err != nil {
			return nil, "", err
		}
		records = slices.DeleteFunc(records, func(r Record) bool { return compareSubmitted(r, last) <= 0 })
	}
	if p.Limit > 0 && len(records) > p.Limit {
		records = records[:p.Limit]
		next = cursor(records[p.Limit-1])
	}
	return records, next, nil
}

// compareSubmitted orders records by the time of submission, then by ID.
func compareSubmitted(a, b Record) int {
	return cmp.Or(a.Submitted.Compare(b.Submitted), cmp.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID)))
}

// cursor returns the value of [Page.After] for the records that follow r.
func cursor(r Record) string { return r.Submitted.Format(time.RFC3339Nano) + "_" + r.ID }

func parseCursor(text string) (Record, error) {
	submitted, id, _ := strings.Cut(text, "_")
	at, err := time.Parse(time.RFC3339Nano, submitted)
	if err != nil || id == "" {
		return Record{}, fmt.Errorf("invalid page cursor %q: use the value that the previous page returned", text)
	}
	return Record{ID: id, Submitted: at}, nil
}
