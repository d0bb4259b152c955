// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// The bus keeps the last event only, so that the others are read from the host, over the session on which the job is followed.
func TestEventsOfAJobAreReadWhileItRuns(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	gate := filepath.Join(t.TempDir(), "gate")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {Hold: gate}}
	})
	service := newService(t, server, func(o *hvprov.Options) { o.KeepEvents = 1 })
	reached := make(chan struct{})
	var followed []job.Event
	j, err := service.Submit(t.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), OnEvent: func(e job.Event) {
			followed = append(followed, e)
			if e.Kind == job.KindStep && e.Step == "disk" {
				close(reached)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	early, err := service.JobEvents(t.Context(), j.ID(), 0, 3)
	if err != nil || !slices.Equal(seqsOf(early), []int64{1, 2, 3}) {
		t.Errorf("the first events are %v, error %v", early, err)
	}
	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := service.JobEvents(t.Context(), j.ID(), 0, 1000)
	if err != nil || !slices.Equal(seqsOf(all), seqsOf(followed)) || len(all) < 10 {
		t.Errorf("events are %v, followed were %v, error %v", seqsOf(all), seqsOf(followed), err)
	}
	last := all[len(all)-1]
	if last.Kind != job.KindResult || last.Result == nil || last.VM == nil || last.VM.Name != "web-01" {
		t.Errorf("the last event is %+v", last)
	}
	if more, err := service.JobEvents(t.Context(), j.ID(), last.Seq, 10); err != nil || len(more) > 0 {
		t.Errorf("after the last event: %v, error %v", more, err)
	}
	if _, err := service.JobEvents(t.Context(), "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99", 0, 10); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("an unknown job: %v", err)
	}
}

func seqsOf(events []job.Event) []int64 {
	seqs := make([]int64, len(events))
	for i, e := range events {
		seqs[i] = e.Seq
	}
	return seqs
}
