// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/dispatch"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// jobView is a job as the server shows it.
type jobView struct {
	ID        string         `json:"id"`
	Host      string         `json:"host"`
	State     jobstore.State `json:"state"`
	VMID      string         `json:"vm_id"`
	LastEvent int64          `json:"last_event"`
	Result    *job.Result    `json:"result"`
	Error     *struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Text    string   `json:"text"`
		Step    string   `json:"step"`
		Field   string   `json:"field"`
		Remedy  string   `json:"remedy"`
		VMID    string   `json:"vm_id"`
		Causes  []string `json:"causes"`
	} `json:"error"`
}

// err returns the error of a job that has ended, as a service with its record does.
func (v *jobView) err() error {
	r := jobstore.Record{ID: v.ID, Host: v.Host, State: v.State, Result: v.Result}
	if e := v.Error; e != nil {
		r.Error, r.Causes = e.Text, e.Causes
		switch {
		case v.Result != nil && v.Result.Error != nil:
			r.Failure = v.Result.Error
		case e.Message != e.Text:
			r.Failure = &job.Failure{Step: e.Step, Code: e.Code, Message: e.Message, Field: e.Field, Remedy: e.Remedy, VMID: e.VMID}
		}
	}
	return dispatch.ErrorOf(r)
}

// Job is a job of the server. Its methods are safe for concurrent use.
type Job struct {
	client  *Client
	id      string
	host    string
	onEvent func(job.Event)
	done    chan struct{}

	seq   int64    // of the last event; only the goroutine that follows the job uses it
	lines []string // the last events as text; likewise

	mu     sync.Mutex
	vmID   string
	result *job.Result
	err    error
}

// body returns the body of a request with a submission.
func (c *Client) body(sub hvprov.Submission) map[string]any {
	body := map[string]any{"host": sub.Host, "values": sub.Values}
	if sub.VMID != "" {
		body["vm_id"] = sub.VMID
	}
	if sub.Limit > 0 {
		body["limit_seconds"] = int64(max(sub.Limit, time.Second).Seconds())
	}
	if sub.Operation == job.OperationUpdate {
		body["changed"], body["allow_power_cycle"] = append([]string{}, sub.Changed...), sub.AllowPowerCycle
	}
	if sub.Operation == job.OperationProvision || sub.Operation == job.OperationUpdate {
		ref := sub.Schema
		if ref == (job.SchemaRef{}) {
			ref = c.schema
		}
		body["schema_id"], body["schema_version"] = ref.ID, ref.Version
	}
	return body
}

// Submit is [hvprov.Service.Submit]. The requester is the one that the token names, and SkipInventoryCheck has no effect. A submission
// whose answer is lost is repeated under the same idempotency key, so that it runs once.
func (c *Client) Submit(ctx context.Context, sub hvprov.Submission) (*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := sub.JobID
	if key == "" {
		key = uuid.NewString()
	}
	// A request whose context ended may have been a submission all the same: its answer has the job to cancel.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	unhook := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(c.limits.lastResponse):
			stop()
		case <-sending.Done():
		}
	})
	defer unhook()
	var view jobView
	if err := c.send(sending, http.MethodPost, "/jobs/"+string(sub.Operation), c.body(sub), key, &view); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	j, err := c.newJob(view, sub.OnEvent, true)
	if err == nil && ctx.Err() != nil {
		_, err = j.Wait(ctx)
		return nil, errors.Join(ctx.Err(), err)
	}
	return j, err
}

// Attach is [hvprov.Service.Attach] for the jobs that the server knows.
func (c *Client) Attach(ctx context.Context, _, jobID string) (*Job, error) {
	var view jobView
	if err := c.get(ctx, "/jobs/"+segment(jobID), &view); err != nil {
		return nil, err
	}
	return c.newJob(view, nil, false)
}

// newJob returns a job that is followed until it ends or the client is closed.
func (c *Client) newJob(view jobView, onEvent func(job.Event), own bool) (*Job, error) {
	j := &Job{client: c, id: view.ID, host: view.Host, vmID: view.VMID, onEvent: onEvent, done: make(chan struct{})}
	if !own {
		j.seq = view.LastEvent
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("job %s: %w", view.ID, hvprov.ErrClosed)
	}
	if own {
		c.own[j] = struct{}{}
	}
	c.running.Go(func() {
		j.follow(c.follow)
		c.mu.Lock()
		delete(c.own, j)
		c.mu.Unlock()
		close(j.done)
	})
	return j, nil
}

// ID returns the GUID of the job.
func (j *Job) ID() string { return j.id }

// VMID returns the GUID of the virtual machine. It is empty until the host has created it.
func (j *Job) VMID() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.vmID
}

// String returns the id and the host of the job.
func (j *Job) String() string { return fmt.Sprintf("job %s on host %s", j.id, j.host) }

// Done returns a channel that is closed when the job has ended, or is no longer followed.
func (j *Job) Done() <-chan struct{} { return j.done }

// requestCancel asks the server to stop the job and to roll it back.
func (j *Job) requestCancel(ctx context.Context) error {
	var view jobView
	return j.client.post(ctx, "/jobs/"+segment(j.id)+"/cancel", nil, &view)
}

// Wait is [hvprov.Job.Wait]: when ctx ends first, the job is cancelled, and waited for while it is rolled back.
func (j *Job) Wait(ctx context.Context) (*job.Result, error) {
	select {
	case <-j.done:
	case <-ctx.Done():
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), j.client.limits.cancelGrace)
		defer stop()
		if err := j.requestCancel(grace); err != nil {
			return nil, j.unknown(fmt.Errorf("the job may run on: %w", err))
		}
		select {
		case <-j.done:
		case <-grace.Done():
			return nil, j.unknown(errors.New("cancelled, but still running after the cancel grace period"))
		}
	}
	return j.result, j.err
}

// unknown returns the error of a job whose outcome is not known.
func (j *Job) unknown(cause error) error {
	return &hvprov.JobError{Host: j.host, Job: j.id, Class: hvprov.ErrJobUnknown, Cause: cause}
}

// end records the outcome of the job.
func (j *Job) end(view *jobView) {
	err := view.err()
	var failed *hvprov.JobError
	if errors.As(err, &failed) {
		failed.Lines = j.lines
	}
	if err != nil {
		err = j.client.reported(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result, j.err = view.Result, err
	if view.VMID != "" {
		j.vmID = view.VMID
	}
}
