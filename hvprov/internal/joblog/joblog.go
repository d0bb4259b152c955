// SPDX-License-Identifier: MPL-2.0

// Package joblog writes what jobs say to files: one for each job, whole, in memory that does not grow with it.
//
// It is no subscriber of a bus, since a file must miss nothing: the goroutine that follows a job calls the [Writer], and goes on
// when the line is written. Each line has the time (UTC, as the job's host has it), the number of the event, its kind, and its
// text:
//
//	2026-01-02T03:04:05.678Z 3 step [1/6] preflight: checking the host
//	2026-01-02T03:04:06.012Z 4 log+ two lines that
//	2026-01-02T03:04:06.012Z 4 log belong together
//	2026-01-02T03:04:07.345Z - note the connection was lost; following the job in another session
//
// A plus behind the kind says that the text goes on in the next line. What is no event of the job has a hyphen for its number. In
// the text, control characters are written as \x1b, so that a file can be shown on a terminal. [Parse] reads such a line.
package joblog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// KindNote is the kind of lines that are no event of the job.
const KindNote job.Kind = "note"

// Writer writes one job's file. There is no buffer: a line is there for whoever follows the file when the call returns. It may be
// used from several goroutines.
type Writer struct {
	path string

	mu   sync.Mutex
	file *os.File
	end  int64 // where the last whole entry ends
	torn bool  // there may be more than that in the file
	last int64 // the number of the last event written
}

var names = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,127}$`)

// Open opens the file of a job in a folder, and makes both where they are missing, for nobody else to read. What is in the file
// stays; but for its end, when that was cut off in the middle of an entry: it is taken away, and the event is expected again.
func Open(dir, jobID string) (*Writer, error) {
	if !names.MatchString(jobID) {
		return nil, fmt.Errorf("job %q cannot have a log file: use a GUID, or letters, digits, hyphens and underscores", jobID)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("unable to make the folder for job logs: %w", err)
	}
	root, err := os.OpenRoot(dir) // a link out of the folder is not followed
	if err != nil {
		return nil, fmt.Errorf("unable to open the folder for job logs: %w", err)
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
		return nil, fmt.Errorf("unable to open the log file of job %s: %w", jobID, err)
	}
	return w, nil
}

// resume finds out what is in the file.
func (w *Writer) resume() error {
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is no file: remove what stands in its place")
	}
	if err := w.file.Chmod(0o600); err != nil {
		return err
	}
	if w.end, w.last, err = scan(w.file); err != nil {
		return err
	}
	if w.torn = info.Size() > w.end; w.torn {
		return w.mend()
	}
	return nil
}

// Path is where the file is.
func (w *Writer) Path() string { return w.path }

// Last is the number of the last event in the file; 0 when there is none. It is from there that a job is to be followed.
func (w *Writer) Last() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// Event writes an event of the job. One that is in the file already is not written again; where events were left out before it, a
// note says which. After an error the writer can be used further: what could not be written is missing then, and is noted.
func (w *Writer) Event(e job.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Seq > 0 && e.Seq <= w.last {
		return nil
	}
	var b []byte
	if e.Seq > w.last+1 {
		b = appendEntry(b, e.Time, 0, KindNote, fmt.Sprintf("events %d to %d are missing", w.last+1, e.Seq-1))
	}
	if err := w.write(appendEntry(b, e.Time, e.Seq, e.Kind, e.String())); err != nil {
		return err
	}
	w.last = max(w.last, e.Seq)
	return nil
}

// Note writes what is no event of the job.
func (w *Writer) Note(at time.Time, text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(appendEntry(nil, at, 0, KindNote, text))
}

// write writes whole entries, or leaves nothing of them.
func (w *Writer) write(b []byte) error {
	if w.file == nil {
		return fmt.Errorf("the job's log file %s is closed: %w", w.path, os.ErrClosed)
	}
	if w.torn {
		if err := w.mend(); err != nil {
			return err
		}
	}
	n, err := w.file.WriteAt(b, w.end) // Windows cannot shorten a file that is open for appending
	if err != nil {
		w.torn = n > 0
		if w.torn {
			_ = w.mend() // or else before the next one
		}
		return fmt.Errorf("unable to write the job's log file: %w", err)
	}
	w.end += int64(n)
	return nil
}

// mend takes away what was written of an entry.
func (w *Writer) mend() error {
	if err := w.file.Truncate(w.end); err != nil {
		return fmt.Errorf("unable to take half an entry out of the job's log file: %w", err)
	}
	w.torn = false
	return nil
}

// Close brings the file to the disk and closes it. More than once does no harm.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.file.Sync(), w.file.Close())
	w.file = nil
	if err != nil {
		return fmt.Errorf("unable to close the job's log file: %w", err)
	}
	return nil
}

var _ io.Closer = (*Writer)(nil)
