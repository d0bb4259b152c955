// SPDX-License-Identifier: MPL-2.0

package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications/storetest"
)

func TestTheFileImplementsNotificationStore(t *testing.T) {
	t.Parallel()
	paths := map[notifications.Store]string{}
	openAt := func(t *testing.T, path string) notifications.Store {
		t.Helper()
		s, err := boltstore.OpenNotifications(t.Context(), boltstore.Options{Path: path}, 20)
		if err != nil {
			t.Fatal(err)
		}
		paths[s] = path
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	storetest.Run(t, 20, func(t *testing.T) notifications.Store {
		return openAt(t, filepath.Join(t.TempDir(), "state", "notifications.db"))
	}, func(t *testing.T, s notifications.Store) notifications.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return openAt(t, paths[s])
	})
}
