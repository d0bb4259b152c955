// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

// A program serves its service over HTTP, beside its other routes.
func Example() {
	ctx := context.Background()
	service, err := hvprov.New(ctx, hvprov.Options{})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := httpapi.New(service, httpapi.Options{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", handler)
	mux.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "mine") })
	server := httptest.NewServer(mux)

	response, err := http.Get(server.URL + "/api/v1/session")
	if err != nil {
		log.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	_ = response.Body.Close()
	fmt.Print(string(body))

	handler.EndStreams() // to stop, in this order
	server.Close()
	_ = service.Close(ctx)
	_ = handler.Close()
	// Output: {"name":"local","role":"admin"}
}
