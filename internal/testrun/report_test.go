// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	t.Parallel()
	const begin = `{"Action":"run","Package":"p","Test":"TestA"}
`
	for _, c := range []struct {
		name, events string
		waitErr      error
		want         []string
		closing      string
	}{
		{
			name: "a test that passed is counted",
			events: begin + `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.5}`,
			want:    []string{"ok    p", "1 passed, 0 skipped"},
			closing: "1 passed, 0 failed, 0 skipped",
		},
		{
			name: "subtests are counted in place of the test that holds them",
			events: begin + `{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"run","Package":"p","Test":"TestA/two"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			waitErr: errors.New("exit status 1"),
			want:    []string{"FAIL  p", "  p: TestA/two"},
			closing: "1 passed, 1 failed, 0 skipped",
		},
		{
			name: "a skipped test is listed with its reason",
			events: begin + `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: no CLI: set TF\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want:    []string{"left out:", "  p: TestA: no CLI: set TF"},
			closing: "0 passed, 0 failed, 1 skipped",
		},
		{
			name: "a test that never ended has failed, and its output shows",
			events: begin + `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: gone\n"}
{"Action":"fail","Package":"p"}`,
			waitErr: errors.New("exit status 1"),
			want:    []string{"      panic: gone", "  p: TestA"},
			closing: "0 passed, 1 failed, 0 skipped",
		},
		{
			name: "a package that does not compile has failed, with the compiler's words",
			events: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"./a.go:3:1: syntax error\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			waitErr: errors.New("exit status 1"),
			want:    []string{"./a.go:3:1: syntax error", "the package itself"},
			closing: "0 passed, 1 failed, 0 skipped",
		},
		{
			name:    "a package without tests is said to have none",
			events:  `{"Action":"skip","Package":"p"}`,
			want:    []string{"no tests"},
			closing: "0 passed, 0 failed, 0 skipped",
		},
		{
			name:    "go test that fails without a word is a failure",
			waitErr: errors.New("exit status 2"),
			want:    []string{"go test: exit status 2"},
			closing: "0 passed, 1 failed, 0 skipped",
		},
		{
			name:    "a line that is no event goes through",
			events:  "go: downloading something",
			want:    []string{"go: downloading something"},
			closing: "0 passed, 0 failed, 0 skipped",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			r.finish(c.waitErr)
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is missing in:\n%s", want, out.String())
				}
			}
			if !strings.HasSuffix(out.String(), "\n"+c.closing+"\n") {
				t.Errorf("the closing line is not %q:\n%s", c.closing, out.String())
			}
		})
	}
}
