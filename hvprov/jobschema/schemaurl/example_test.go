// SPDX-License-Identifier: MPL-2.0

package schemaurl_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema/schemaurl"
)

func ExampleSource_Load() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "id: lab\nversion: 1\nfields:\n  - {id: name, type: string}\n")
	}))
	folder, err := os.MkdirTemp("", "schema")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	source := schemaurl.Source{
		URL:       server.URL + "/lab.yaml",
		CacheFile: filepath.Join(folder, "lab.yaml"),
		Timeout:   10 * time.Second,
		Retries:   -1,
		Header:    http.Header{"Authorization": {"Bearer " + os.Getenv("SCHEMA_TOKEN")}},
		Client:    server.Client(),
	}
	result, err := source.Load(context.Background())
	if err != nil {
		log.Fatal(err) //nolint:gocritic // an example
	}
	fmt.Println(result.Schema.Ref(), "stale:", result.Stale != nil)

	server.Close() // the cached schema remains
	result, err = source.Load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Schema.Ref(), "stale:", result.Stale != nil)
	// Output:
	// lab version 1 stale: false
	// lab version 1 stale: true
}
