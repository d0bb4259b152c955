// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
)

// TestMain fails if the tests, when all of them ran, have not received a successful answer of each operation of the OpenAPI document.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" {
		for _, operation := range unanswered() {
			fmt.Fprintf(os.Stderr, "no test holds a successful answer of %s to the OpenAPI document\n", operation)
			code = 1
		}
	}
	os.Exit(code)
}

// unanswered returns the operations without a successful answer. Streams are read by other means, and /metrics is not in the options.
func unanswered() (missing []string) {
	doc, err := document()
	if err != nil {
		return []string{err.Error()}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			_, ok := answered.Load(method + " " + path)
			if !ok && !slices.Contains([]string{"/metrics", "/api/v1/events", "/api/v1/ws"}, path) {
				missing = append(missing, method+" "+path)
			}
		}
	}
	slices.Sort(missing)
	return missing
}
