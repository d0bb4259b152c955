// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestASectionTakesThePlaceBetweenTheMarkers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, into := filepath.Join(dir, "page.md"), filepath.Join(dir, "README.md")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(from, "# Page\n\n## Schema\n\n### Required\n\n- `a`\n\n## Import\n\nno\n")
	write(into, "before\n<!-- BEGIN generated: x -->\nold\n<!-- END generated: x -->\nafter\n")
	for range 2 { // a second run changes nothing
		if err := run(from, "## Schema", into, "x"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(into)
		if err != nil {
			t.Fatal(err)
		}
		want := "before\n<!-- BEGIN generated: x -->\n\n### Required\n\n- `a`\n\n<!-- END generated: x -->\nafter\n"
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, wrong := range []struct{ heading, marker string }{{"## None", "x"}, {"## Schema", "y"}} {
		if err := run(from, wrong.heading, into, wrong.marker); err == nil {
			t.Errorf("%v is no error", wrong)
		}
	}
}
