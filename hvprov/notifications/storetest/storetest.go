// SPDX-License-Identifier: MPL-2.0

// Package storetest tests implementations of [notifications.Store].
package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
)

// Run tests a store. open returns an empty one for each test, which keeps a number of notifications, at least 10. reopen, if it is not nil, closes a store and opens it again.
func Run(t *testing.T, keep int, open func(t *testing.T) notifications.Store, reopen func(t *testing.T, s notifications.Store) notifications.Store) {
	put := func(t *testing.T, s notifications.Store, ids ...string) {
		t.Helper()
		for _, id := range ids {
			n := notifications.Notification{ID: id, Time: time.Unix(1, 0).UTC(), Level: notifications.Info, Title: "title of " + id, Job: "job"}
			if err := s.Put(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(t *testing.T, s notifications.Store, f notifications.Filter, text string) notifications.Page {
		t.Helper()
		page, err := s.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range page.Notifications {
			mark := ""
			if n.Read {
				mark = "*"
			}
			got = append(got, n.ID+mark)
		}
		if shown := fmt.Sprintf("%s, %d unread", strings.Join(got, " "), page.Unread); shown != text {
			t.Errorf("list for %+v is %q, want %q", f, shown, text)
		}
		return page
	}

	t.Run("the newest notification is the first of a list", func(t *testing.T) {
		s := open(t)
		want(t, s, notifications.Filter{Reader: "ann"}, ", 0 unread")
		put(t, s, "a", "b", "c")
		page := want(t, s, notifications.Filter{Reader: "ann"}, "c b a, 3 unread")
		if n := page.Notifications[0]; n.Title != "title of c" || n.Job != "job" || n.Level != notifications.Info || !n.Time.Equal(time.Unix(1, 0)) {
			t.Errorf("notification is %+v", n)
		}
	})
	t.Run("a page continues where the one before ended", func(t *testing.T) {
		s := open(t)
		put(t, s, "a", "b", "c", "d", "e")
		f := notifications.Filter{Reader: "ann", Limit: 2}
		f.After = want(t, s, f, "e d, 5 unread").Next
		put(t, s, "f")
		f.After = want(t, s, f, "c b, 6 unread").Next
		if f.After = want(t, s, f, "a, 6 unread").Next; f.After != "" {
			t.Errorf("the last page has the cursor %q", f.After)
		}
		if _, err := s.List(t.Context(), notifications.Filter{After: "x"}); !errors.Is(err, notifications.ErrCursor) {
			t.Errorf("an invalid cursor: %v", err)
		}
	})
	t.Run("each reader has its own marks", func(t *testing.T) {
		s := open(t)
		put(t, s, "a", "b", "c")
		marked, err := s.MarkRead(t.Context(), "ann", []string{"a", "c", "x"})
		if err != nil || fmt.Sprint(marked) != "[a c]" {
			t.Errorf("marked %v, error %v", marked, err)
		}
		if marked, err = s.MarkRead(t.Context(), "ann", []string{"a"}); err != nil || len(marked) > 0 {
			t.Errorf("marked again %v, error %v", marked, err)
		}
		want(t, s, notifications.Filter{Reader: "ann"}, "c* b a*, 1 unread")
		want(t, s, notifications.Filter{Reader: "ann", Unread: true}, "b, 1 unread")
		want(t, s, notifications.Filter{Reader: "bob"}, "c b a, 3 unread")
		if marked, err = s.MarkRead(t.Context(), "bob", nil); err != nil || len(marked) != 3 {
			t.Errorf("marked all %v, error %v", marked, err)
		}
		want(t, s, notifications.Filter{Reader: "bob", Unread: true}, ", 0 unread")
	})
	t.Run("a notification with the same ID replaces the one before, unread", func(t *testing.T) {
		s := open(t)
		put(t, s, "a", "b")
		if _, err := s.MarkRead(t.Context(), "ann", nil); err != nil {
			t.Fatal(err)
		}
		put(t, s, "a")
		want(t, s, notifications.Filter{Reader: "ann"}, "a b*, 1 unread")
		for id, there := range map[string]bool{"a": true, "b": true, "c": false} {
			if got, err := s.Has(t.Context(), id); got != there || err != nil {
				t.Errorf("has %s: %t, error %v", id, got, err)
			}
		}
	})
	t.Run("the oldest notifications are deleted", func(t *testing.T) {
		s := open(t)
		for i := range keep + 5 {
			put(t, s, fmt.Sprint(i))
		}
		page, err := s.List(t.Context(), notifications.Filter{Reader: "ann"})
		if err != nil || len(page.Notifications) != keep || page.Notifications[len(page.Notifications)-1].ID != "5" {
			t.Errorf("%d notifications are kept, error %v", len(page.Notifications), err)
		}
	})
	if reopen == nil {
		return
	}
	t.Run("notifications and marks last", func(t *testing.T) {
		s := open(t)
		put(t, s, "a", "b")
		if _, err := s.MarkRead(t.Context(), "ann", []string{"a"}); err != nil {
			t.Fatal(err)
		}
		s = reopen(t, s)
		put(t, s, "c")
		want(t, s, notifications.Filter{Reader: "ann"}, "c b a*, 2 unread")
	})
}
