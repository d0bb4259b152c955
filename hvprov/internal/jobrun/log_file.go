// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/joblog"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// jobLog is the log file of a job. A file that cannot be written does not harm the job: the first error is logged.
type jobLog struct {
	dir      string // empty: no file
	job      string
	logger   *slog.Logger
	redactor *redact.Redactor

	mu     sync.Mutex
	writer *joblog.Writer // nil: not open
	failed bool
}

func (l *jobLog) open(r jobstore.Record) {
	if l.dir == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.writer, err = joblog.Open(l.dir, l.job); err != nil {
		l.writer = nil
		l.report(err)
		return
	}
	vm := r.VMID
	if vm == "" {
		vm = "new"
	}
	l.note(fmt.Sprintf("job %s: %s of virtual machine %s on host %s", r.ID, r.Operation, vm, r.Host))
}

func (l *jobLog) event(e job.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer != nil {
		l.report(l.writer.Event(e))
	}
}

// close writes the error of the job, if it has one, and closes the file.
func (l *jobLog) close(jobErr error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer == nil {
		return
	}
	if jobErr != nil {
		l.note(jobErr.Error())
	}
	l.report(l.writer.Close())
}

// path returns the path of the file; empty if it is not open.
func (l *jobLog) path() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer == nil {
		return ""
	}
	return l.writer.Path()
}

// note writes a line that is not an event of the job. l.mu is held.
func (l *jobLog) note(text string) { l.report(l.writer.Note(time.Now(), l.redactor.String(text))) }

// report logs the first error. l.mu is held.
func (l *jobLog) report(err error) {
	if err == nil || l.failed {
		return
	}
	l.failed = true
	l.logger.Warn("cannot write the log file of a job", "folder", l.dir, "job", l.job, "error", err)
}
