// SPDX-License-Identifier: MPL-2.0

// Package joblog writes the complete events of each job to a file.
//
// It is not a subscriber of the event bus, because subscribers may miss events: the goroutine that follows a job calls its [Writer].
// Each event is one line with its time (UTC, of the host), its sequence number, its kind and its text:
//
//	2026-01-02T03:04:05.678Z 3 step [1/6] preflight: checking the host
//	2026-01-02T03:04:06.012Z 4 log first line\nsecond line
//	2026-01-02T03:04:07.345Z - note connection lost; following the job in a new session
//
// Lines that are not events of the job have a hyphen in place of the number. Line breaks and control characters in a text are escaped,
// as \n or \x1b, so that a file can be displayed in a terminal.
package joblog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

// kindNote is the kind of lines that are not events of the job.
const kindNote job.Kind = "note"

// Writer appends to the file of one job, without a buffer: a line can be read when the call returns. Its methods are safe for concurrent
// use.
type Writer struct {
	path string

	mu   sync.Mutex
	file *os.File
	end  int64 // offset after the last complete line
	last int64 // sequence number of the last event in the file
}

var validName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,127}$`)

// Open opens the file of a job, and creates it and its folder if they are missing, accessible to the current account only. An
// incomplete last line, from a process that was killed, is removed.
func Open(dir, jobID string) (*Writer, error) {
	if !validName.MatchString(jobID) {
		return nil, fmt.Errorf("job ID %q cannot be the name of a log file: use a GUID, or letters, digits, hyphens and underscores", jobID)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create job log folder: %w", err)
	}
	root, err := os.OpenRoot(dir) // does not follow links out of the folder
	if err != nil {
		return nil, fmt.Errorf("open job log folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	name := jobID + ".log"
	w := &Writer{path: filepath.Join(dir, name)}
	w.file, err = root.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = w.resume()
	}
	if err != nil {
		if w.file != nil {
			_ = w.file.Close()
		}
		return nil, fmt.Errorf("open log file of job %s: %w", jobID, err)
	}
	return w, nil
}

// resume finds the end of the file and the last event.
func (w *Writer) resume() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file: remove it")
	}
	if err := w.file.Chmod(0o600); err != nil {
		return err
	}
	in := bufio.NewReader(w.file)
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return w.file.Truncate(w.end)
		}
		if err != nil {
			return err
		}
		w.end += int64(len(line))
		w.last = max(w.last, parseSeq(line))
	}
}

// parseSeq returns the sequence number of a line, or 0 if it has none.
func parseSeq(line string) int64 {
	fields := strings.SplitN(line, " ", 4) // time, sequence number, kind, text
	if len(fields) < 4 {
		return 0
	}
	seq, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// Path returns the path of the file.
func (w *Writer) Path() string { return w.path }

// Event writes an event of the job, unless it is in the file already. If events before it are missing, a note says so. The writer can
// still be used after an error.
func (w *Writer) Event(e job.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Seq > 0 && e.Seq <= w.last {
		return nil
	}
	var text string
	if e.Seq > w.last+1 {
		text = formatLine(e.Time, 0, kindNote, fmt.Sprintf("events %d to %d are missing", w.last+1, e.Seq-1))
	}
	if err := w.write(text + formatLine(e.Time, e.Seq, e.Kind, e.String())); err != nil {
		return err
	}
	w.last = max(w.last, e.Seq)
	return nil
}

// Note writes a line that is not an event of the job.
func (w *Writer) Note(at time.Time, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(formatLine(at, 0, kindNote, text))
}

// write writes complete lines, or nothing.
func (w *Writer) write(lines string) error {
	if w.file == nil {
		return fmt.Errorf("write job log file %s: %w", w.path, os.ErrClosed)
	}
	n, err := w.file.WriteAt([]byte(lines), w.end) // not O_APPEND: Windows cannot truncate a file that is open for appending
	if err != nil {
		_ = w.file.Truncate(w.end) // if this fails, the next write replaces the incomplete line
		return fmt.Errorf("write job log file: %w", err)
	}
	w.end += int64(n)
	return nil
}

// Close flushes the file to the disk and closes it. It may be called more than once.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Sync(), w.file.Close())
	w.file = nil
	if err != nil {
		return fmt.Errorf("close job log file: %w", err)
	}
	return nil
}

func formatLine(at time.Time, seq int64, kind job.Kind, text string) string {
	number := "-"
	if seq > 0 {
		number = strconv.FormatInt(seq, 10)
	}
	if kind == "" || strings.ContainsFunc(string(kind), func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		kind = "other" // the kind comes from the host
	}
	return at.UTC().Format(timeFormat) + " " + number + " " + string(kind) + " " + escape(text) + "\n"
}

// escape escapes characters that would break a line or control a terminal.
func escape(s string) string {
	return strings.ReplaceAll(strings.TrimRight(redact.Printable(s), "\n"), "\n", `\n`)
}
