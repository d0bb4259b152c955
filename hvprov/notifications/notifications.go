// SPDX-License-Identifier: MPL-2.0

// Package notifications defines the notifications about jobs and hosts that are shown to people, and the [Store] that keeps them.
// [Memory] is a store for tests; package boltstore keeps notifications in a file. Package storetest tests other implementations.
package notifications

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Level is the level of a [Notification].
type Level string

// The levels.
const (
	Info    Level = "info"
	Success Level = "success"
	Warning Level = "warning"
	Error   Level = "error"
)

// Notification is a notification.
type Notification struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	Level Level     `json:"level"`
	Title string    `json:"title"`
	Text  string    `json:"text,omitempty"`

	Host string `json:"host,omitempty"`
	Job  string `json:"job,omitempty"` // GUID
	VM   string `json:"vm,omitempty"`  // name of the virtual machine

	// Read reports whether the reader of a list has read it.
	Read bool `json:"read"`
}

// ErrCursor is the error of [Store.List] for a cursor that is not valid, for [errors.Is].
var ErrCursor = errors.New("cursor is not valid")

// Filter selects the notifications of a list.
type Filter struct {
	Reader string // whose read marks are shown
	Unread bool   // only those that Reader has not read
	Limit  int    // maximum number; 0: no limit
	After  string // the value of Page.Next of the page before; empty: from the newest one
}

// Page is a part of a list.
type Page struct {
	Notifications []Notification // the newest first
	Next          string         // the value of [Filter.After] for the next page; empty: there is none
	Unread        int            // number of all notifications that the reader has not read
}

// Store keeps notifications. Its methods are safe for concurrent use. Changes are durable when they return nil.
type Store interface {
	// Put adds a notification as the newest one, unread by everybody. It replaces one with the same ID.
	Put(ctx context.Context, n Notification) error
	// Has reports whether there is a notification with an ID.
	Has(ctx context.Context, id string) (bool, error)
	// List returns notifications. The error is [ErrCursor] if After is not valid.
	List(ctx context.Context, f Filter) (Page, error)
	// MarkRead records that a reader has read notifications; nil ids: all. It returns the IDs of those that were unread.
	MarkRead(ctx context.Context, reader string, ids []string) ([]string, error)
	// Close releases the resources of the store. No other method may be called after it.
	Close() error
}

// DefaultKeep is the number of notifications that a store keeps. Older ones are deleted.
const DefaultKeep = 1000

// Memory is a [Store] in memory. The zero value is empty and ready to use.
type Memory struct {
	Keep int // number of notifications that are kept; 0: [DefaultKeep]

	mu  sync.Mutex
	seq uint64
	all []Entry // the oldest first
}

// Entry is what a [Store] keeps of a notification.
type Entry struct {
	Seq uint64 `json:"-"` // grows with each Put
	Notification
	Readers []string `json:"readers,omitempty"` // sorted
}

// MarkRead adds a reader, and reports whether the reader is new.
func (e *Entry) MarkRead(reader string) bool {
	at, found := slices.BinarySearch(e.Readers, reader)
	if !found {
		e.Readers = slices.Insert(e.Readers, at, reader)
	}
	return !found
}

// List builds a [Page] from the entries of a store, from the newest to the oldest. Stores without an index of their own use it. The error is
// [ErrCursor], or the first one of entries.
func List(f Filter, entries iter.Seq2[*Entry, error]) (Page, error) {
	var before uint64 // 0: no bound
	if f.After != "" {
		var err error
		if before, err = strconv.ParseUint(f.After, 10, 64); err != nil || before == 0 {
			return Page{}, ErrCursor
		}
	}
	var page Page
	var last uint64 // of the page
	for e, err := range entries {
		if err != nil {
			return Page{}, err
		}
		_, read := slices.BinarySearch(e.Readers, f.Reader)
		if !read {
			page.Unread++
		}
		switch {
		case read && f.Unread, before > 0 && e.Seq >= before:
		case f.Limit > 0 && len(page.Notifications) == f.Limit:
			page.Next = strconv.FormatUint(last, 10)
		default:
			n := e.Notification
			n.Read = read
			page.Notifications, last = append(page.Notifications, n), e.Seq
		}
	}
	return page, nil
}

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, n Notification) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = slices.DeleteFunc(m.all, func(e Entry) bool { return e.ID == n.ID })
	m.seq++
	m.all = append(m.all, Entry{Seq: m.seq, Notification: n})
	if extra := len(m.all) - cmp.Or(m.Keep, DefaultKeep); extra > 0 {
		m.all = slices.Delete(m.all, 0, extra)
	}
	return ctx.Err()
}

// Has implements [Store].
func (m *Memory) Has(ctx context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.all, func(e Entry) bool { return e.ID == id }), ctx.Err()
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, f Filter) (Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	page, err := List(f, func(yield func(*Entry, error) bool) {
		for i := range m.all {
			if !yield(&m.all[len(m.all)-1-i], nil) {
				return
			}
		}
	})
	return page, cmp.Or(err, ctx.Err())
}

// MarkRead implements [Store].
func (m *Memory) MarkRead(ctx context.Context, reader string, ids []string) (marked []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.all {
		if e := &m.all[i]; (ids == nil || slices.Contains(ids, e.ID)) && e.MarkRead(reader) {
			marked = append(marked, e.ID)
		}
	}
	return marked, ctx.Err()
}

// Close implements [Store].
func (m *Memory) Close() error { return nil }
