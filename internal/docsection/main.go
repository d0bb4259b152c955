// SPDX-License-Identifier: MPL-2.0

// Command docsection puts a section of one Markdown file between two markers of another, so that a page written by hand
// can show what was generated.
//
//	go run ./internal/docsection -from page.md -heading '## Schema' -into README.md -marker attributes
//
// The section reaches from behind its heading to the next one of that level, or to the end. The markers are the lines
// <!-- BEGIN generated: NAME --> and <!-- END generated: NAME -->; what is between them is replaced.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	from := flag.String("from", "", "the `file` that has the section")
	heading := flag.String("heading", "", "the section's heading, with its `#s`")
	into := flag.String("into", "", "the `file` that has the markers")
	marker := flag.String("marker", "", "the `name` in the markers")
	flag.Parse()
	if err := run(*from, *heading, *into, *marker); err != nil {
		fmt.Fprintln(os.Stderr, "docsection:", err)
		os.Exit(1)
	}
}

func run(from, heading, into, marker string) error {
	page, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	text, err := section(string(page), heading)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	target, err := os.ReadFile(into)
	if err != nil {
		return err
	}
	merged, err := between(string(target), marker, text)
	if err != nil {
		return fmt.Errorf("%s: %w", into, err)
	}
	return os.WriteFile(into, []byte(merged), 0o644) //nolint:gosec // a page for everyone to read
}

// section gives the text below a heading.
func section(page, heading string) (string, error) {
	_, below, ok := strings.Cut("\n"+page, "\n"+heading+"\n")
	if !ok {
		return "", fmt.Errorf("there is no heading %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	below, _, _ = strings.Cut(below, "\n"+level+" ")
	return strings.TrimSpace(below), nil
}

// between replaces what is between two markers.
func between(page, name, text string) (string, error) {
	begin, end := "<!-- BEGIN generated: "+name+" -->\n", "<!-- END generated: "+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("there are no markers for %q", name)
	}
	return before + begin + "\n" + text + "\n\n" + end + after, nil
}
