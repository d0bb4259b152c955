// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// A virtual machine is made on a host, here a simulated one, while the steps of its job are shown as they come.
func Example() {
	ctx := context.Background()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = host.Close() }()

	service, err := hvprov.New(hvprov.Options{Hosts: map[string]hvprov.Host{
		"hv01": {WinRM: winrm.Config{
			Address: host.Address(), Port: host.Port(), TLS: true, CACert: host.CACertPEM(),
			Username: host.Username(), Password: host.Password(),
		}},
	}})
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
	// 6 start
	// web-01 is running
}
