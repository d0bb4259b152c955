// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const secret = "c0rrect horse"

func values(name string) map[string]any {
	return map[string]any{
		"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": secret,
	}
}

func startHost(t *testing.T, opts simhost.Options) *simhost.Server {
	t.Helper()
	server, err := simhost.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return server
}

func updateHost(t *testing.T, server *simhost.Server, change func(*hyperv.State)) {
	t.Helper()
	if err := server.Store().Update(func(s *hyperv.State) error { change(s); return nil }); err != nil {
		t.Fatal(err)
	}
}

// newService returns a service with one host, hv01, that is closed at the end of the test and must leave no shell open.
func newService(t *testing.T, server *simhost.Server, change func(*hvprov.Options)) *hvprov.Service {
	t.Helper()
	t.Cleanup(func() {
		if n := server.Counters().OpenShells; n > 0 {
			t.Errorf("%d shells are open", n)
		}
	})
	return newSharedHostService(t, server, change)
}

// newSharedHostService is newService for a host that others use at the same time.
func newSharedHostService(t *testing.T, server *simhost.Server, change func(*hvprov.Options)) *hvprov.Service {
	t.Helper()
	opts := hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: server.WinRM()}}}
	if change != nil {
		change(&opts)
	}
	service, err := hvprov.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return service
}

func provision(t *testing.T, s *hvprov.Service, name string, onEvent func(job.Event)) (*job.Result, error) {
	t.Helper()
	j, err := s.Submit(t.Context(), hvprov.Submission{
		Host: "HV01", Operation: job.OperationProvision, Values: values(name), OnEvent: onEvent,
	})
	if err != nil {
		return nil, err
	}
	return j.Wait(t.Context())
}

func TestEventsAreReportedInOrderWhileTheJobRuns(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	logs := t.TempDir()
	service := newService(t, server, func(o *hvprov.Options) { o.JobLogDir = logs })
	var events []job.Event
	result, err := provision(t, service, "web-01", func(e job.Event) { events = append(events, e) })
	if err != nil {
		t.Fatal(err)
	}
	if result.VM == nil || result.VM.Name != "web-01" || result.VM.PowerState != "running" {
		t.Errorf("result is %+v", result)
	}
	var steps []string
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Errorf("event %d has sequence number %d", i+1, e.Seq)
		}
		if e.Kind == job.KindStep {
			steps = append(steps, e.Step)
		}
	}
	if want := []string{"preflight", "vm", "disk", "firmware", "network", "guest_media", "start", "wait", "eject"}; !slices.Equal(steps, want) {
		t.Errorf("steps are %v, want %v", steps, want)
	}
	files, err := os.ReadDir(logs)
	if err != nil || len(files) != 1 {
		t.Fatalf("log files are %v, error %v", files, err)
	}
	content, err := os.ReadFile(logs + "/" + files[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), "\n"); n != len(events)+1 { // no event has more than one line
		t.Errorf("log has %d lines for %d events and a heading:\n%s", n, len(events), content)
	}
}

func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "TAKEN", State: "Off"})
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "no room for " + secret}}
	})
	service := newService(t, server, nil)

	_, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv02", Operation: job.OperationProvision, Values: values("a")})
	if !errors.Is(err, hvprov.ErrHostUnknown) || !strings.Contains(err.Error(), "hv01") {
		t.Errorf("unknown host: %v", err)
	}
	bad := values("a")
	bad["gb_ram"] = 0
	_, err = service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: bad})
	var invalid *jobschema.ValidationError
	if !errors.As(err, &invalid) || invalid.Faults[0].Path.String() != "gb_ram" {
		t.Errorf("invalid value: %v", err)
	}
	if _, err = provision(t, service, "taken", nil); !errors.Is(err, hvprov.ErrNameTaken) || errors.Is(err, hvprov.ErrJobFailed) {
		t.Errorf("name taken: %v", err)
	}
	_, err = provision(t, service, "web-01", nil)
	var failed *hvprov.JobError
	if !errors.As(err, &failed) || failed.Failure.Step != "start" || len(failed.Lines) == 0 || failed.Result == nil {
		t.Errorf("failed job: %+v", err)
	}
	if text := err.Error() + strings.Join(failed.Lines, "\n"); strings.Contains(text, secret) {
		t.Errorf("secret is visible: %s", text)
	}
	if _, _, err = service.FindVM(t.Context(), "hv01", "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99"); !errors.Is(err, hvprov.ErrVMNotFound) {
		t.Errorf("read of a missing virtual machine: %v", err)
	}
}

func TestHostErrorsAreClassified(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	for name, c := range map[string]struct {
		change func(*winrm.Config)
		want   error
	}{
		"wrong password":              {func(c *winrm.Config) { c.Password = "wrong" }, hvprov.ErrAuthentication},
		"closed port":                 {func(c *winrm.Config) { c.Port = 1 }, hvprov.ErrHostUnreachable},
		"unknown authority":           {func(c *winrm.Config) { c.CACert = nil }, hvprov.ErrHostUnreachable},
		"certificate of another host": {func(c *winrm.Config) { c.TLSServerName = "hv02.lab.example" }, hvprov.ErrHostUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := newService(t, server, func(o *hvprov.Options) {
				h := o.Hosts["hv01"]
				c.change(&h.WinRM)
				o.Hosts["hv01"] = h
			})
			_, err := service.HostInfo(t.Context(), "hv01")
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAHostThatRestartsDuringAJobRollsItBack(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {Hold: server.StateFile()}} // which exists, so that the call waits for ever
	})
	service := newService(t, server, nil)
	_, err := provision(t, service, "web-01", func(e job.Event) {
		if e.Step == "disk" && e.Kind == job.KindStep {
			server.Reboot()
		}
	})
	var died *hvprov.JobError
	if !errors.As(err, &died) || !errors.Is(err, hvprov.ErrJobFailed) || died.Failure.Code != job.CodeWorkerDied || died.Result == nil {
		t.Fatalf("got %v", err)
	}
	state, err := server.Store().Read()
	if err != nil || len(state.VMs) > 0 || len(died.Result.Undone) == 0 {
		t.Errorf("virtual machines left: %+v, rolled back: %q, error %v", state.VMs, died.Result.Undone, err)
	}
}

func TestConcurrentJobsWithOneNameCreateOneVM(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	service := newService(t, server, nil)
	var mu sync.Mutex
	created, taken := 0, 0
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			_, err := provision(t, service, "web-01", nil)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				created++
			case errors.Is(err, hvprov.ErrNameTaken):
				taken++
			default:
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if created != 1 || taken != 7 {
		t.Errorf("%d jobs succeeded and %d were refused, want 1 and 7", created, taken)
	}
}

func TestAnInventoryReportsMemoryAndImages(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	updateHost(t, server, func(s *hyperv.State) {
		s.Host.MemoryAvailableBytes = 3 << 30
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "old", State: "Running", Heartbeat: "NoContact"})
	})
	service := newService(t, server, nil)
	snapshot, err := service.HostInventory(t.Context(), "hv01")
	if err != nil {
		t.Fatal(err)
	}
	info := snapshot.Info
	if info.Name != "SIMHOST" || info.LogicalProcessors != 16 || info.MemoryBytes != 64<<30 ||
		info.MemoryAvailableBytes == nil || *info.MemoryAvailableBytes != 3<<30 {
		t.Errorf("host is %+v", info)
	}
	names := make([]string, len(info.Images))
	for i, image := range info.Images {
		names[i] = image.Name
		if image.SizeBytes != 2<<20 {
			t.Errorf("image %s has %d bytes", image.Name, image.SizeBytes)
		}
	}
	if !slices.Equal(names, hyperv.SeedImages) {
		t.Errorf("images are %v", names)
	}
	if vm := snapshot.VMs[0]; vm.Heartbeat != "no_contact" {
		t.Errorf("virtual machine is %+v", vm)
	}
	sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01")}
	sub.Values["gb_ram"] = 4
	findings, err := service.Check(t.Context(), hvprov.CheckRequest{Submission: sub})
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != 1 || findings[0].Severity != job.SeverityWarning || findings[0].Code != protocol.CodeMemory || findings[0].Field != "gb_ram" {
		t.Errorf("findings are %+v", findings)
	}
}

func TestAnInventoryReportsTheConfiguredFolders(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	images, folder := t.TempDir(), t.TempDir()
	if err := hyperv.WriteImage(filepath.Join(images, "gold.vhdx"), 1<<20); err != nil {
		t.Fatal(err)
	}
	service := newService(t, server, func(o *hvprov.Options) {
		h := o.Hosts["hv01"]
		h.ImagePath, h.VMPath = images, folder
		o.Hosts["hv01"] = h
	})
	snapshot, err := service.HostInventory(t.Context(), "hv01")
	if err != nil {
		t.Fatal(err)
	}
	info := snapshot.Info
	if info.ImagePath != images || info.VMPath != folder || len(info.Images) != 1 || info.Images[0].Name != "gold" {
		t.Errorf("host is %+v", info)
	}
}

// records returns the records that a filter selects.
func records(t *testing.T, s *hvprov.Service, filter jobstore.Filter) []jobstore.Record {
	t.Helper()
	all, next, err := s.Jobs(filter, jobstore.Page{})
	if err != nil || next != "" {
		t.Fatalf("job records: next page %q, error %v", next, err)
	}
	return all
}
