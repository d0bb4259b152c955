// SPDX-License-Identifier: MPL-2.0

package riverjobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Import copies the records of a store, such as one of package boltstore, to another one, and returns their number. No service may use
// either store meanwhile. Records that the other store has already are left as they are, so that an import that was interrupted can be
// repeated. Secrets stay encrypted: the services need the same key.
func Import(ctx context.Context, from, to jobstore.Store) (copied int, err error) {
	records, _, err := from.List(ctx, jobstore.Filter{}, jobstore.Page{})
	if err != nil {
		return 0, fmt.Errorf("read job records to import: %w", err)
	}
	for _, r := range records {
		r.Version = 0
		switch _, err := to.Put(ctx, r); {
		case err == nil:
			copied++
		case !errors.Is(err, jobstore.ErrConflict):
			return copied, fmt.Errorf("import record of job %s: %w", r.ID, err)
		}
	}
	return copied, nil
}
