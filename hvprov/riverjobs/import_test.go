// SPDX-License-Identifier: MPL-2.0

package riverjobs_test

import (
	"fmt"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/riverjobs"
)

func TestAnImportCopiesWhatIsMissing(t *testing.T) {
	t.Parallel()
	var from, to jobstore.Memory
	put := func(s jobstore.Store, r jobstore.Record) jobstore.Record {
		t.Helper()
		version, err := s.Put(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		r.Version = version
		return r
	}
	for i := range 5 {
		r := jobstore.Record{ID: fmt.Sprintf("j%d", i), VMName: fmt.Sprintf("web-%d", i), State: jobstore.Queued, EncryptedValues: []byte{byte(i), 1}}
		put(&from, put(&from, r)) // version 2
		if i == 0 {
			put(&to, r)
		}
	}
	for _, copied := range []int{4, 0} {
		if got, err := riverjobs.Import(t.Context(), &from, &to); err != nil || got != copied {
			t.Errorf("%d copied, want %d: %v", got, copied, err)
		}
	}
	if r, err := to.Get(t.Context(), "j3"); err != nil || r.VMName != "web-3" || len(r.EncryptedValues) != 2 || r.Version != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}
