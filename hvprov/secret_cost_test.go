// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// TestQueuedJobsWithASecretEachCostAtMostTwiceAsMuch queues jobs of two services in turn, so that a busy computer slows both
// alike: one service has the same password in all jobs, the other a different one in each.
func TestQueuedJobsWithASecretEachCostAtMostTwiceAsMuch(t *testing.T) {
	t.Parallel()
	const jobs = 1000
	queue := func() func(i int, password string) time.Duration {
		h := holdCalls(t, "Add-VMHardDiskDrive")
		service := newService(t, h.server, func(o *hvprov.Options) { o.JobsPerHost = 1 })
		_, running := h.submit(service, "web", "disk")
		<-running
		t.Cleanup(h.release)
		return func(i int, password string) time.Duration {
			fields := values(fmt.Sprintf("web-%04d", i))
			fields["guest_la_pw"] = password
			start := time.Now()
			if _, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: fields}); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
	}
	shared, each := queue(), queue()
	var sharedTook, eachTook time.Duration
	for i := range jobs {
		sharedTook += shared(i, secret)
		eachTook += each(i, fmt.Sprintf("%c7q-Tr0ub4dor&%d", 'A'+i%50, i*7919))
	}
	ratio := float64(eachTook) / float64(sharedTook)
	t.Logf("%d queued jobs took %v with one shared secret and %v with a secret each: %.2f times as long", jobs, sharedTook, eachTook, ratio)
	if ratio > 2 {
		t.Errorf("jobs with a secret each take %.1f times as long, want at most 2", ratio)
	}
}
