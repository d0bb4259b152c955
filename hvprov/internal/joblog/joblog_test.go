// SPDX-License-Identifier: MPL-2.0

package joblog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/joblog"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

const id = "7b0c4f0e-1111-4222-8333-944445555666"

var at = time.Date(2026, 1, 2, 4, 4, 5, 678_000_000, time.FixedZone("CET", 3600))

func open(t *testing.T, dir string) *joblog.Writer {
	t.Helper()
	w, err := joblog.Open(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func logEvent(n int64, text string) job.Event {
	return job.Event{Job: id, Seq: n, Time: at, Kind: job.KindLog, Message: text}
}

func TestEachEventIsOneLineWithTimeNumberKindAndText(t *testing.T) {
	t.Parallel()
	w := open(t, filepath.Join(t.TempDir(), "missing", "folder"))
	must(t, w.Note(at, "job "+id+": provision"))
	must(t, w.Event(job.Event{Seq: 1, Time: at, Kind: job.KindStep, Number: 1, Of: 6, Step: "preflight", Message: "checking"}))
	must(t, w.Event(logEvent(2, "two\r\nlines\n")))
	must(t, w.Event(logEvent(3, "")))
	must(t, w.Event(logEvent(4, "red \x1b[31m\x00 tab\t \u0085 \u202e \xff 'quoted'")))
	must(t, w.Event(job.Event{Seq: 5, Time: at, Kind: "a kind+ ", Message: "x"}))
	const when = "2026-01-02T03:04:05.678Z "
	want := when + "- note job " + id + ": provision\n" +
		when + "1 step [1/6] preflight: checking\n" +
		when + "2 log two\\nlines\n" +
		when + "3 log \n" +
		when + "4 log red \\x1b[31m\\x00 tab\t \\u0085 \\u202e \ufffd 'quoted'\n" +
		when + "5 other x\n"
	if got := read(t, w.Path()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestOnlyTheOwnerCanAccessAFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	dir := filepath.Join(t.TempDir(), "logs")
	w := open(t, dir)
	must(t, w.Close())
	must(t, os.Chmod(w.Path(), 0o644))
	open(t, dir)
	for path, want := range map[string]os.FileMode{dir: 0o700, w.Path(): 0o600} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
}

func TestAFileIsContinuedAfterARestart(t *testing.T) {
	t.Parallel()
	line := func(n int64) string { return fmt.Sprintf("2026-01-02T03:04:05.678Z %d log line %d\n", n, n) }
	long := "2026-01-02T03:04:05.678Z 2 log " + strings.Repeat("x", 1<<20) + "\n"
	for _, tt := range []struct {
		name, before, kept string
		next               int64
	}{
		{"a new file", "", "", 1},
		{"complete lines", line(1) + line(2), line(1) + line(2), 3},
		{"a note at the end", line(1) + "2026-01-02T03:04:05.678Z - note x\n", line(1) + "2026-01-02T03:04:05.678Z - note x\n", 2},
		{"an incomplete line", line(1) + "2026-01-02T03:04:05.6", line(1), 2},
		{"a line without a line break", line(1) + strings.TrimSuffix(line(2), "\n"), line(1), 2},
		{"lines of another program", "# a comment\n" + line(1) + "\n# two words\n", "# a comment\n" + line(1) + "\n# two words\n", 2},
		{"long lines", line(1) + long + line(3) + strings.Repeat("y", 1<<20), line(1) + long + line(3), 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, id+".log")
			must(t, os.WriteFile(path, []byte(tt.before), 0o600))
			w := open(t, dir)
			want := tt.kept
			for n := int64(1); n <= tt.next+1; n++ { // the host sends all events again
				must(t, w.Event(logEvent(n, fmt.Sprint("line ", n))))
				if n >= tt.next {
					want += line(n)
				}
			}
			must(t, w.Close())
			if got := read(t, path); got != want {
				t.Errorf("got %d bytes\n%.300s\nwant %d\n%.300s", len(got), got, len(want), want)
			}
		})
	}
}

func TestMissingEventsAreNoted(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir())
	must(t, w.Event(logEvent(1, "a")))
	must(t, w.Event(logEvent(5, "b")))
	if got := read(t, w.Path()); !strings.Contains(got, "- note events 2 to 4 are missing\n") {
		t.Errorf("got %s", got)
	}
}

func TestAClosedWriterReturnsAnError(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir())
	must(t, w.Event(logEvent(1, "a")))
	must(t, w.Close())
	must(t, w.Close())
	if err := w.Event(logEvent(2, "b")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefusesInvalidNamesAndFiles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "..", "../x", "a/b", `a\b`, ".hidden", "a.log", "a b", strings.Repeat("a", 129), "a\n"} {
		if _, err := joblog.Open(t.TempDir(), name); err == nil || !strings.Contains(err.Error(), "use a GUID") {
			t.Errorf("%q: %v", name, err)
		}
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, id+".log"), 0o700))
	if _, err := joblog.Open(dir, id); err == nil {
		t.Error("a folder is accepted as a file")
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := joblog.Open(filepath.Join(file, "logs"), id); err == nil {
		t.Error("a file is accepted as a folder")
	}
}

func TestOpenDoesNotFollowALinkOutOfTheFolder(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte("unchanged"), 0o600))
	if err := os.Symlink(outside, filepath.Join(dir, id+".log")); err != nil {
		t.Skip("symbolic links are not available:", err)
	}
	if _, err := joblog.Open(dir, id); err == nil || read(t, outside) != "unchanged" {
		t.Errorf("got %v; the target has %q", err, read(t, outside))
	}
}

func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	w := open(t, t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := w.Note(at, "one\ntwo"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	const line = "2026-01-02T03:04:05.678Z - note one\\ntwo\n"
	if got := read(t, w.Path()); got != strings.Repeat(line, 400) {
		t.Errorf("got %d bytes", len(got))
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "job-logs")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	w, err := joblog.Open(dir, id)
	if err != nil {
		panic(err)
	}
	defer func() { _ = w.Close() }()
	_ = w.Event(job.Event{Seq: 1, Time: at, Kind: job.KindStep, Number: 1, Of: 6, Step: "preflight", Message: "checking the host"})
	data, _ := os.ReadFile(w.Path())
	fmt.Print(string(data))
	// Output: 2026-01-02T03:04:05.678Z 1 step [1/6] preflight: checking the host
}
