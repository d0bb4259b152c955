// SPDX-License-Identifier: MPL-2.0

package httpclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpclient"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

const secret = "c0rrect horse"

// lab is a client of a service with the hosts hv01, which is simulated, and away, which does not answer.
type lab struct {
	t       *testing.T
	host    *simhost.Server
	service *hvprov.Service
	client  *httpclient.Client
}

// newLab returns a lab. Each request passes through network, if it is not nil.
func newLab(t *testing.T, network func(next http.Handler, w http.ResponseWriter, r *http.Request)) *lab {
	t.Helper()
	return newLabWith(t, httpapi.Options{}, network)
}

// newLabWith is newLab with options of the server.
func newLabWith(t *testing.T, opts httpapi.Options, network func(next http.Handler, w http.ResponseWriter, r *http.Request)) *lab {
	t.Helper()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	away := host.WinRM()
	away.Port = 1
	service, err := hvprov.New(t.Context(), hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}, "away": {WinRM: away}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(context.Background()) })
	opts.RequestsPerSecond = -1
	handler, err := httpapi.New(service, opts)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if network == nil {
			handler.ServeHTTP(w, r)
			return
		}
		network(handler, w, r)
	}))
	t.Cleanup(func() {
		_ = handler.Close()
		server.Close()
	})
	client, err := httpclient.NewImpatient(t.Context(), httpclient.Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &lab{t: t, host: host, service: service, client: client}
}

func provision(name string) hvprov.Submission {
	return hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: map[string]any{
		"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": secret,
	}}
}

func TestASubmissionWhoseAnswerIsLostRunsOnce(t *testing.T) {
	t.Parallel()
	var lost atomic.Int32
	l := newLab(t, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || lost.Add(1) > 2 {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
	j, err := l.client.Submit(t.Context(), provision("web-01"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := j.Wait(t.Context())
	if err != nil || result.VM == nil || result.VM.Name != "web-01" || j.VMID() != result.VM.ID {
		t.Fatalf("got %+v, %v", result, err)
	}
	if records, _, err := l.service.Jobs(jobstore.Filter{}, jobstore.Page{}); err != nil || len(records) != 1 || lost.Load() < 3 {
		t.Errorf("%d jobs after %d requests, %v", len(records), lost.Load(), err)
	}
}

// cut is a writer of a stream that fails after some writes.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(b []byte) (int, error) {
	if c.left--; c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(b)
}

func (c *cut) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func TestEventsAreReportedOnceAndInOrderOverStreamsThatBreak(t *testing.T) {
	t.Parallel()
	var streams, resumed atomic.Int32
	l := newLab(t, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") && !strings.Contains(r.URL.Path, "/jobs/") {
			streams.Add(1)
			if r.Header.Get("Last-Event-ID") != "" {
				resumed.Add(1)
			}
			w = &cut{w, 4}
		}
		next.ServeHTTP(w, r)
	})
	gate := simtest.Hold(t, l.host, "Add-VMHardDiskDrive")
	var mu sync.Mutex
	var seqs []int64
	sub := provision("web-01")
	waiting := make(chan struct{})
	sub.OnEvent = func(e job.Event) {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(e.String(), secret) {
			t.Errorf("an event contains a secret: %s", e)
		}
		if seqs = append(seqs, e.Seq); len(seqs) == 3 {
			close(waiting)
		}
	}
	j, err := l.client.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	<-waiting
	gate.Release()
	if _, err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	record, err := l.service.Job(j.ID())
	if err != nil || int64(len(seqs)) != record.Seq {
		t.Fatalf("%d events of %d, %v", len(seqs), record.Seq, err)
	}
	for i, seq := range seqs {
		if seq != int64(i)+1 {
			t.Fatalf("events are %v", seqs)
		}
	}
	if streams.Load() < 2 || resumed.Load() == 0 {
		t.Errorf("%d streams, %d of them resumed", streams.Load(), resumed.Load())
	}
}

func TestErrorsOfTheServiceAreRestored(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	ctx := t.Context()
	if err := l.host.Store().Update(func(s *hyperv.State) error {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "twin"}, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12", Name: "TWIN"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, _, remote := l.client.FindVM(ctx, "hv01", "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99")
	if !errors.Is(remote, hvprov.ErrVMNotFound) && !errors.Is(remote, hvprov.ErrVMElsewhere) { // the other host cannot be asked
		t.Errorf("got %v", remote)
	}
	_, err := l.client.LookupVM(ctx, "hv01", "nothing")
	want(t, err, hvprov.ErrVMNotFound)

	_, err = l.client.LookupVM(ctx, "hv01", "twin")
	_, direct := l.service.LookupVM(ctx, "hv01", "twin")
	if want(t, err, hvprov.ErrVMAmbiguous); err.Error() != direct.Error() {
		t.Errorf("got %v, the service has %v", err, direct)
	}

	var unknown *hvprov.HostUnknownError
	_, err = l.client.HostInventory(ctx, "hv99")
	if want(t, err, hvprov.ErrHostUnknown); !errors.As(err, &unknown) || unknown.Host != "hv99" || len(unknown.Known) != 2 {
		t.Errorf("got %+v", unknown)
	}
	var failed *hvprov.HostError
	_, err = l.client.HostInfo(ctx, "away")
	_, own := l.service.HostInfo(ctx, "away")
	if want(t, err, hvprov.ErrHostUnreachable); !errors.As(err, &failed) || failed.Host != "away" || err.Error() != own.Error() {
		t.Errorf("got %v, the service has %v", err, own)
	}
	var invalid *jobschema.ValidationError
	wrong := provision("web-01")
	wrong.Values["cpu_cores"] = 0
	if _, err = l.client.Submit(ctx, wrong); !errors.As(err, &invalid) || invalid.Faults[0].Path.String() != "cpu_cores" {
		t.Errorf("got %v", err)
	}
	var mismatch *jobschema.VersionMismatchError
	wrong = provision("web-01")
	wrong.Schema = job.SchemaRef{ID: l.service.Schema().ID, Version: 99}
	if _, err = l.client.Submit(ctx, wrong); !errors.As(err, &mismatch) || mismatch.Given.Version != 99 {
		t.Errorf("got %v", err)
	}

	gate := simtest.Hold(t, l.host, "Add-VMHardDiskDrive")
	j, err := l.client.Submit(ctx, provision("web-01"))
	if err != nil {
		t.Fatal(err)
	}
	var taken *hvprov.NameTakenError
	_, err = l.client.Submit(ctx, provision("WEB-01"))
	if want(t, err, hvprov.ErrNameTaken); !errors.As(err, &taken) || taken.JobID != j.ID() || taken.Field != "vm_name" {
		t.Errorf("got %+v", taken)
	}
	_, err = l.client.Attach(ctx, "hv01", "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99")
	want(t, err, hvprov.ErrJobNotFound)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	gate.AwaitCall()
	first := len(l.host.Log())
	outcome := make(chan error, 1)
	go func() {
		_, err := j.Wait(ended)
		outcome <- err
	}()
	simtest.AwaitAnswer(t, l.host, first) // before it, the job may succeed
	gate.Release()
	err = <-outcome
	var jobError *hvprov.JobError
	if want(t, err, hvprov.ErrJobCancelled); !errors.As(err, &jobError) || jobError.Job != j.ID() {
		t.Errorf("got %v", err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}
