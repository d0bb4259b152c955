// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// Another service rolls the virtual machine back after this one has read it, and before it reads the jobs.
func TestAVMThatIsRolledBackMeanwhileHoldsNoName(t *testing.T) {
	t.Parallel()
	h := holdCall(t, "Start-VM", hyperv.Call{Fail: "the service is stopping"})
	service, other := newSharedHostService(t, h.server, nil), newSharedHostService(t, h.server, nil)
	j, startStep := h.submit(other, "web-01", "start")
	<-startStep
	sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01")}
	holder, err := service.NameHolder(t.Context(), sub, j.VMID())
	if err != nil || holder.ActiveJob != j.ID() {
		t.Fatalf("got %+v and %v", holder, err)
	}
	h.release()
	if _, err := j.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobFailed) {
		t.Fatalf("the job ended with %v", err)
	}
	if holder, err := service.NameHolder(t.Context(), sub, j.VMID()); !errors.Is(err, hvprov.ErrVMNotFound) {
		t.Errorf("got %+v and %v", holder, err)
	}
}
