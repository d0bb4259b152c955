// SPDX-License-Identifier: MPL-2.0

package prommetrics_test

import (
	"context"
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/prommetrics"
)

// A registry collects the metrics of a service.
func Example() {
	ctx := context.Background()
	service, err := hvprov.New(ctx, hvprov.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = service.Close(ctx) }()

	registry := prometheus.NewRegistry()
	registry.MustRegister(prommetrics.New(service))
	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "hvprov_jobs" {
			fmt.Println(f.GetName(), "has a value for each of", len(f.GetMetric()), "states")
		}
	}
	// Output: hvprov_jobs has a value for each of 7 states
}
