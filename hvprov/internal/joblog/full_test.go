// SPDX-License-Identifier: MPL-2.0

//go:build linux

package joblog

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestAFullDiskLeavesNoIncompleteLines(t *testing.T) {
	t.Parallel()
	w, err := Open(t.TempDir(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	event := func(n int64) error {
		return w.Event(job.Event{Seq: n, Time: time.Unix(0, 0), Kind: job.KindLog, Message: "x"})
	}
	if err := event(1); err != nil {
		t.Fatal(err)
	}
	good := w.file
	if w.file, err = os.OpenFile("/dev/full", os.O_RDWR, 0); err != nil {
		t.Skip(err)
	}
	for n := int64(2); n <= 3; n++ {
		if err := event(n); err == nil || !strings.Contains(err.Error(), "write job log file") {
			t.Errorf("got %v", err)
		}
	}
	_ = w.file.Close()
	w.file = good
	if _, err := good.WriteAt([]byte("1970-01-01T00:00:00.000Z 2 lo"), w.end); err != nil { // an incomplete line that could not be removed
		t.Fatal(err)
	}
	if err := event(4); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(w.Path())
	want := "1970-01-01T00:00:00.000Z 1 log x\n1970-01-01T00:00:00.000Z - note events 2 to 3 are missing\n1970-01-01T00:00:00.000Z 4 log x\n"
	if string(data) != want {
		t.Errorf("got\n%s", data)
	}
}
