// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// jobLog is a job's own file. It has no buffer: a line is there for whoever follows it as soon as it is written. A file
// that cannot be written is told once, and does not harm the job.
type jobLog struct {
	path   string
	file   *os.File
	logger *slog.Logger
}

func openJobLog(dir string, j *Job, logger *slog.Logger) *jobLog {
	l := &jobLog{logger: logger}
	if dir == "" {
		return l
	}
	path := filepath.Join(dir, j.id+".log")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		l.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // #nosec G304 -- the caller's folder
	}
	if err != nil {
		logger.Warn("the job's log file cannot be written", "job", j.id, "error", err)
		return l
	}
	l.path = path
	about := j.sub.VMID
	if about == "" {
		about = "new"
	}
	l.line(fmt.Sprintf("job %s: %s of virtual machine %s on host %s", j.id, j.sub.Operation, about, j.host.name))
	return l
}

func (l *jobLog) event(e job.Event) { l.write(e.Time, e.String()) }

func (l *jobLog) line(text string) { l.write(time.Now(), text) }

func (l *jobLog) write(at time.Time, text string) {
	if l.file == nil {
		return
	}
	if _, err := fmt.Fprintf(l.file, "%s %s\n", at.UTC().Format("2006-01-02T15:04:05.000Z"), text); err != nil {
		l.logger.Warn("the job's log file cannot be written any more", "file", l.path, "error", err)
		l.close()
	}
}

func (l *jobLog) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
