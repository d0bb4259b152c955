// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestTheProgressOfAllJobsIsShown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"web-01", "web-02", "db-01"} {
		if !strings.Contains(out.String(), want+strings.Repeat(" ", 8-len(want))+" [####################] 100% succeeded") {
			t.Errorf("output has no end of job %s", want)
		}
	}
	if !regexp.MustCompile(`\(whole job\) +3 .*\n(.*\n)+hv01: \d+ HTTP requests, .* 1 PowerShell process\n`).MatchString(out.String()) {
		t.Error("output has no metrics")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestATerminalShowsABarForEachJob(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\x1b[3A") || strings.Count(out.String(), "\x1b[2Kdb-01") < 3 {
		t.Errorf("output does not redraw three bars:\n%q", out.String())
	}
}
