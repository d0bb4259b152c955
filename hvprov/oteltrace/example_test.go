// SPDX-License-Identifier: MPL-2.0

package oteltrace_test

import (
	"context"
	"fmt"
	"log"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/oteltrace"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// A service records a span for each request to a host.
func Example() {
	ctx := context.Background()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = host.Close() }()

	recorder := tracetest.NewSpanRecorder() // a program has an exporter instead
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	service, err := hvprov.New(ctx, hvprov.Options{
		Tracer: oteltrace.New(provider), Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := service.HostInventory(ctx, "hv01"); err != nil {
		log.Fatal(err)
	}
	if err := service.Close(ctx); err != nil {
		log.Fatal(err)
	}
	for _, span := range recorder.Ended() {
		fmt.Println(span.Name())
	}
	// Output: request inventory
}
