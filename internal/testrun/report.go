// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is a line of `go test -json`, as `go doc test2json` and `go help buildjson` define it.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// test is one test or subtest.
type test struct {
	result string // pass, fail or skip; empty while it runs
	parent bool   // it has subtests, so they are counted and it is not
	output []string
}

// report gathers the events of one run and writes it down as packages end.
type report struct {
	out      io.Writer
	packages map[string]map[string]*test
	output   map[string][]string // by package: what was said outside any test
	build    map[string][]string // by import path: what the compiler said
	skips    []string

	passed, failed, skipped int
	failures                []string
}

func newReport(out io.Writer) *report {
	return &report{
		out:      out,
		packages: map[string]map[string]*test{},
		output:   map[string][]string{},
		build:    map[string][]string{},
	}
}

// read takes events until the stream ends. A line that is none goes through as it is.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else {
				say(r.out, "%s", line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (r *report) add(e event) {
	switch {
	case e.Action == "build-output":
		r.build[e.ImportPath] = append(r.build[e.ImportPath], e.Output)
	case e.Action == "build-fail":
		// The package's own "fail" follows, and names this one.
	case e.Test != "":
		r.addTest(e)
	case e.Action == "output":
		r.output[e.Package] = append(r.output[e.Package], e.Output)
	case e.Action == "pass", e.Action == "fail", e.Action == "skip":
		r.endPackage(e)
	}
}

func (r *report) addTest(e event) {
	tests := r.packages[e.Package]
	if tests == nil {
		tests = map[string]*test{}
		r.packages[e.Package] = tests
	}
	t := tests[e.Test]
	if t == nil {
		t = &test{}
		tests[e.Test] = t
		for i := strings.LastIndexByte(e.Test, '/'); i > 0; i = strings.LastIndexByte(e.Test[:i], '/') {
			if above := tests[e.Test[:i]]; above != nil {
				above.parent = true
				break
			}
		}
	}
	switch e.Action {
	case "pass", "fail", "skip":
		t.result = e.Action
	case "output":
		t.output = append(t.output, e.Output)
	}
}

// endPackage counts a package's tests and writes its line, with the output of what failed.
func (r *report) endPackage(e event) {
	tests := r.packages[e.Package]
	delete(r.packages, e.Package)
	var passed, failed, skipped int
	var details []string
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t := tests[name]
		switch t.result {
		case "skip":
			skipped++
			r.skips = append(r.skips, fmt.Sprintf("%s: %s: %s", short(e.Package), name, skipReason(t.output)))
		case "pass":
			if !t.parent {
				passed++
			}
		default: // fail, or it never ended: a panic, a time-out, an exit
			if t.parent && anyFailedBelow(tests, name) {
				details = append(details, indent(t.output)...)
				continue
			}
			failed++
			r.failures = append(r.failures, short(e.Package)+": "+name)
			details = append(details, indent(t.output)...)
		}
	}
	if e.Action == "fail" && failed == 0 {
		failed++
		r.failures = append(r.failures, short(e.Package)+": the package itself")
		details = append(details, indent(r.build[e.FailedBuild])...)
		details = append(details, indent(r.output[e.Package])...)
	} else if failed > 0 {
		details = append(details, indent(r.output[e.Package])...)
	}
	delete(r.output, e.Package)
	r.passed, r.failed, r.skipped = r.passed+passed, r.failed+failed, r.skipped+skipped

	took := time.Duration(e.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	switch {
	case failed > 0:
		say(r.out, "FAIL  %-40s %8s  %d passed, %d failed, %d skipped", short(e.Package), took, passed, failed, skipped)
	case passed+skipped == 0:
		say(r.out, "-     %-40s %8s  no tests", short(e.Package), "")
	default:
		say(r.out, "ok    %-40s %8s  %d passed, %d skipped", short(e.Package), took, passed, skipped)
	}
	for _, line := range details {
		say(r.out, "%s", line)
	}
}

// finish writes what was left out, what failed, and the closing line.
func (r *report) finish(waitErr error) {
	if waitErr != nil && r.failed == 0 {
		r.failed++
		r.failures = append(r.failures, "go test: "+waitErr.Error())
	}
	if len(r.skips) > 0 {
		say(r.out, "\nleft out:")
		for _, skip := range r.skips {
			say(r.out, "  %s", skip)
		}
	}
	if len(r.failures) > 0 {
		say(r.out, "\nfailed:")
		for _, failure := range r.failures {
			say(r.out, "  %s", failure)
		}
	}
	say(r.out, "\n%d passed, %d failed, %d skipped", r.passed, r.failed, r.skipped)
}

// skipReason takes a skipped test's words from its output: what stands after "file_test.go:12: ".
func skipReason(output []string) string {
	var reason []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			if _, words, ok := strings.Cut(text, ": "); ok {
				line = words
			}
		}
		reason = append(reason, line)
	}
	if len(reason) == 0 {
		return "no reason given"
	}
	return strings.Join(reason, " ")
}

func anyFailedBelow(tests map[string]*test, name string) bool {
	for below, t := range tests {
		if strings.HasPrefix(below, name+"/") && t.result != "pass" && t.result != "skip" {
			return true
		}
	}
	return false
}

func indent(output []string) []string {
	var lines []string
	for line := range strings.Lines(strings.Join(output, "")) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "=== ") {
			lines = append(lines, "      "+line)
		}
	}
	return lines
}

// short leaves the module's name out of a package's.
func short(pkg string) string {
	const module = "github.com/hypervvm/terraform-provider-hypervvm"
	if pkg == module {
		return "."
	}
	return strings.TrimPrefix(pkg, module+"/")
}

func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return err.Error()
}
