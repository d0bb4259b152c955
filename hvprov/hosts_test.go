// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func TestHostsAreAddedAndRemovedWhileTheServiceRuns(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	conf := hvprov.Host{WinRM: h.server.WinRM()}
	service := newService(t, h.server, func(o *hvprov.Options) { o.Hosts = nil })
	sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-02")}
	if _, err := service.Submit(t.Context(), sub); !errors.Is(err, hvprov.ErrHostUnknown) {
		t.Errorf("submission before the host was added: %v", err)
	}
	if err := service.AddHost(t.Context(), "hv01", conf); err != nil {
		t.Fatal(err)
	}
	if err := service.AddHost(t.Context(), "HV01", conf); err == nil {
		t.Error("a host was added twice")
	}
	for _, name := range []string{"hv-k\xf6ln", "hv\x1b[31m01", "hv01\n"} {
		if err := service.AddHost(t.Context(), name, conf); err == nil || !strings.Contains(err.Error(), "invalid UTF-8 or control characters") {
			t.Errorf("host %q: %v", name, err)
		}
	}
	if err := service.AddHost(t.Context(), " ", conf); err == nil {
		t.Error("a host without a name was added")
	}
	j, diskStep := h.submit(service, "web-01", "disk")
	<-diskStep

	err := service.RemoveHost(t.Context(), "HV01")
	var busy *hvprov.HostBusyError
	if !errors.As(err, &busy) || !errors.Is(err, hvprov.ErrHostBusy) || !slices.Equal(busy.Jobs, []string{j.ID()}) || hvprov.Code(err) != "host_busy" {
		t.Errorf("removal of a host with an active job: %v", err)
	}
	h.release()
	if _, err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := service.RemoveHost(t.Context(), "HV01"); err != nil {
		t.Fatal(err)
	}
	if n := h.server.Counters().OpenShells; n > 0 {
		t.Errorf("%d shells are open after the removal", n)
	}
	var unknown *hvprov.HostUnknownError
	if _, err := service.Submit(t.Context(), sub); !errors.As(err, &unknown) || unknown.Host != "hv01" {
		t.Errorf("submission after the removal: %v", err)
	}
	if _, err := service.HostInventory(t.Context(), "hv01"); !errors.Is(err, hvprov.ErrHostUnknown) {
		t.Errorf("inventory after the removal: %v", err)
	}
	if err := service.RemoveHost(t.Context(), "hv01"); !errors.Is(err, hvprov.ErrHostUnknown) {
		t.Errorf("second removal: %v", err)
	}
	if r, err := service.Job(j.ID()); err != nil || r.State != jobstore.Succeeded {
		t.Errorf("record after the removal: %+v, %v", r, err)
	}
	if names := service.Hosts(); len(names) != 0 || len(service.HostViews()) != 0 || len(service.Metrics().Hosts) != 0 {
		t.Errorf("hosts after the removal: %q", names)
	}

	if err := service.AddHost(t.Context(), "hv01", conf); err != nil {
		t.Fatal(err)
	}
	if j, err := service.Submit(t.Context(), sub); err != nil {
		t.Error(err)
	} else if _, err := j.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAJobBelongsToOneHost(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	service := newService(t, h.server, func(o *hvprov.Options) { o.Hosts["hv02"] = o.Hosts["hv01"] })
	j, diskStep := h.submit(service, "web-01", "disk")
	<-diskStep
	if _, err := service.Attach(t.Context(), "hv02", j.ID()); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("active job of another host: %v", err)
	}
	h.release()
	if _, err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Attach(t.Context(), "hv02", j.ID()); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("ended job of another host: %v", err)
	}
	if ended, err := service.Attach(t.Context(), "HV01", j.ID()); err != nil || ended.String() != "job "+j.ID()+" on host hv01" {
		t.Errorf("ended job of the host: %v, %v", ended, err)
	}
}
