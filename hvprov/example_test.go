// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// A job creates a virtual machine on a simulated host, and its steps are printed as they begin.
func Example() {
	ctx := context.Background()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = host.Close() }()

	service, err := hvprov.New(context.Background(), hvprov.Options{
		Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = service.Close(ctx) }()

	submitted, err := service.Submit(ctx, hvprov.Submission{
		Host:      "hv01",
		Operation: job.OperationProvision,
		Values: map[string]any{
			"vm_name": "web-01", "image_name": "ubuntu-24.04", "os_family": "linux",
			"guest_la_uid": "admin", "guest_la_pw": "not a real one",
		},
		OnEvent: func(e job.Event) {
			if e.Kind == job.KindStep {
				fmt.Println(e.Number, e.Step)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := submitted.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.VM.Name, "is", result.VM.PowerState)
	// Output:
	// 1 preflight
	// 2 vm
	// 3 disk
	// 4 firmware
	// 5 network
	// 6 guest_media
	// 7 start
	// 8 wait
	// 9 eject
	// web-01 is running
}

// A subscription delivers the events of one job, or of all jobs.
func ExampleService_Subscribe() {
	ctx := context.Background()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	service, err := hvprov.New(context.Background(), hvprov.Options{
		Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = service.Close(ctx) }()

	submitted, err := service.Submit(ctx, hvprov.Submission{
		Host:      "hv01",
		Operation: job.OperationDelete,
		VMID:      "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11",
	})
	if err != nil {
		log.Fatal(err)
	}
	events := service.Subscribe(notify.Filter{Job: submitted.ID(), Replay: true})
	defer events.Close()
	for e, err := range events.All(ctx) { // up to the end of the job
		if err != nil {
			log.Fatal(err)
		}
		switch e.Kind {
		case notify.KindJobState:
			fmt.Println("the job is", e.State)
		case notify.KindJobEvent:
			fmt.Println(e.Event)
		}
	}
	// Output:
	// the job is pending
	// the job is queued
	// the job is running
	// [1/1] preflight: find virtual machine 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11
	// preflight: virtual machine 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11 is not on host SIMHOST: nothing to do
	// succeeded: virtual machine 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11 is not on host SIMHOST: nothing to do
	// the job is succeeded
}
