// SPDX-License-Identifier: MPL-2.0

package oteltrace_test

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/oteltrace"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const secret = "c0rrect horse"

func TestJobsStepsAndRequestsAreTraced(t *testing.T) {
	t.Parallel()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	err = host.Store().Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "no room for " + secret}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	service, err := hvprov.New(context.Background(), hvprov.Options{
		Tracer: oteltrace.New(provider),
		Hosts:  map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	j, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: map[string]any{
		"vm_name": "web-01", "image_name": "ubuntu-24.04", "guest_la_uid": "ops", "guest_la_pw": secret,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(t.Context()); err == nil {
		t.Fatal("job succeeded, want an error")
	}
	if err := service.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	spans := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range recorder.Ended() {
		spans[s.Name()] = s
		if strings.Contains(s.Status().Description, secret) {
			t.Errorf("span %s contains the secret: %s", s.Name(), s.Status().Description)
		}
	}
	if started, ended := len(recorder.Started()), len(recorder.Ended()); started != ended {
		t.Errorf("%d spans began, but %d ended", started, ended)
	}
	jobSpan := spans["job provision"]
	if jobSpan == nil || jobSpan.Status().Code != codes.Error {
		t.Fatalf("span of the job is %+v", jobSpan)
	}
	for name, within := range map[string]bool{
		"request install": false, "request inventory": false, "request submit": true, "step preflight": true, "step disk": true, "step start": true,
	} {
		s := spans[name]
		if s == nil {
			t.Errorf("span %s is missing", name)
			continue
		}
		if inside := s.Parent().SpanID() == jobSpan.SpanContext().SpanID(); inside != within {
			t.Errorf("span %s is within the job: %t", name, inside)
		}
		has := map[attribute.KeyValue]bool{}
		for _, a := range s.Attributes() {
			has[a] = true
		}
		if !has[attribute.String("hvprov.host", "hv01")] || within && !has[attribute.String("hvprov.job", j.ID())] {
			t.Errorf("span %s has the attributes %v", name, s.Attributes())
		}
	}
	if spans["step start"].Status().Code != codes.Error || spans["step disk"].Status().Code == codes.Error {
		t.Error("status of the failed step and of the others is wrong")
	}
}
