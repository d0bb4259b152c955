// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"fmt"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/joblog"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// openLog opens the job's file. One that cannot be written is told, and does not harm the job.
func (j *Job) openLog() {
	dir := j.service.opts.JobLogDir
	if dir == "" {
		return
	}
	log, err := joblog.Open(dir, j.id)
	if err != nil {
		j.service.opts.Logger.Warn("the job's log file cannot be written", "job", j.id, "error", err)
		return
	}
	j.log = log
	about := j.VMID()
	if about == "" {
		about = "new"
	}
	j.note(fmt.Sprintf("job %s: %s of virtual machine %s on host %s", j.id, j.sub.Operation, about, j.host.name))
}

func (j *Job) logEvent(e job.Event) {
	if j.log != nil {
		j.checkLog(j.log.Event(e))
	}
}

// note writes what is no event of the job.
func (j *Job) note(text string) {
	if j.log != nil {
		j.checkLog(j.log.Note(time.Now(), j.redactor.String(text)))
	}
}

// checkLog tells of the first time that the file cannot be written.
func (j *Job) checkLog(err error) {
	if err == nil {
		return
	}
	j.logTold.Do(func() {
		j.service.opts.Logger.Warn("the job's log file cannot be written", "file", j.log.Path(), "job", j.id, "error", err)
	})
}

func (j *Job) closeLog() {
	if j.log != nil {
		j.checkLog(j.log.Close())
	}
}
