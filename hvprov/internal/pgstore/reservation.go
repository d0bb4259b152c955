// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// uniqueViolation is the code of the error for a second row with the same unique key.
const uniqueViolation = "23505"

// reserved turns the violation of a reservation by a new record into an error that names the job that holds it. Other errors are returned
// as they are.
func (s *store) reserved(ctx context.Context, r *jobstore.Record, err error) error {
	var violation *pgconn.PgError
	if !errors.As(err, &violation) || violation.Code != uniqueViolation {
		return err
	}
	name, vm := reservation(r)
	var query string
	var reserved *string
	switch violation.ConstraintName {
	case "hvprov_job_name":
		query, reserved = "SELECT record FROM hvprov_job WHERE host = $1 AND name_key = $2", name
	case "hvprov_job_vm":
		query, reserved = "SELECT record FROM hvprov_job WHERE host = $1 AND vm_key = $2", vm
	default:
		return err
	}
	var data []byte
	err = s.pool.QueryRow(ctx, query, casefold.Key(text(r.Host)), reserved).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return errReleased // it has ended meanwhile
	}
	if err != nil {
		return err
	}
	holder, err := decode("that holds a reservation", data)
	switch {
	case err != nil:
		return err
	case strings.EqualFold(holder.ID, r.ID): // two replicas added the same record at the same time
		return fmt.Errorf("job %s: %w", r.ID, jobstore.ErrConflict)
	case reserved == name:
		return &inventory.NameTakenError{Host: r.Host, Name: holder.VMName, JobID: holder.ID, VMID: holder.VMID}
	}
	return &inventory.VMBusyError{Host: r.Host, VMID: holder.VMID, JobID: holder.ID, Operation: holder.Operation}
}

// errReleased reports a reservation that another job held when the record was written, and has released since. The write is repeated.
var errReleased = errors.New("reservation was released")
