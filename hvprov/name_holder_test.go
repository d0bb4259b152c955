// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

func TestTheHolderOfATakenNameIsDescribed(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	first := newSharedHostService(t, server, nil)
	sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: smallVM("web-01")}
	j, err := first.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	result, err := j.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	second := newSharedHostService(t, server, nil)
	again, err := second.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: smallVM("WEB-01"), SkipInventoryCheck: true})
	if err != nil {
		t.Fatal(err)
	}
	var failed *hvprov.JobError
	if _, err := again.Wait(t.Context()); !errors.As(err, &failed) || !errors.Is(err, hvprov.ErrNameTaken) || failed.Failure.VMID != result.VM.ID {
		t.Fatalf("error %v does not have %s", err, result.VM.ID)
	}

	other := smallVM("web-01")
	other["gb_ram"], other["notes"] = 2, "x"
	invalid := smallVM("web-01")
	delete(invalid, "guest_la_uid")
	for name, c := range map[string]struct {
		values  map[string]any
		differs []string
	}{
		"the same values":                    {sub.Values, nil},
		"other values":                       {other, []string{"gb_ram", "notes"}},
		"values some of which are not known": {invalid, nil},
	} {
		holder, err := second.NameHolder(t.Context(), hvprov.Submission{Host: "HV01", Operation: job.OperationProvision, Values: c.values}, failed.Failure.VMID)
		if err != nil {
			t.Fatal(err)
		}
		if holder.Host != "hv01" || holder.VM.JobID != j.ID() || !slices.Equal(holder.Differs, c.differs) || holder.Matches() != (c.differs == nil) {
			t.Errorf("%s: %+v of %+v", name, holder, holder.VM)
		}
	}

	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "db-01", State: "Off"})
	})
	if holder, err := second.NameHolder(t.Context(), sub, "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"); err != nil || holder.Matches() || holder.VM.JobID != "" {
		t.Errorf("a virtual machine that no job created: %+v, %v", holder, err)
	}
	if _, err := second.NameHolder(t.Context(), sub, "0b5d1c5e-6a1e-4c39-9d0b-000000000000"); !errors.Is(err, hvprov.ErrVMNotFound) {
		t.Errorf("a virtual machine that does not exist: %v", err)
	}
}
