// SPDX-License-Identifier: MPL-2.0

package schemaurl_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema/schemaurl"
)

func ExampleSource_Load() {
	source := schemaurl.Source{
		URL:       "https://schemas.example.com/lab.yaml",
		CacheFile: "/var/lib/lab/schema.yaml",
		Timeout:   10 * time.Second,
		Header:    http.Header{"Authorization": {"Bearer " + os.Getenv("SCHEMA_TOKEN")}},
	}
	result, err := source.Load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if result.Stale != nil {
		log.Printf("using the schema of %s: %v", result.FetchedAt, result.Stale)
	}
	fmt.Println(result.Schema.Ref())
}
