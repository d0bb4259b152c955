// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// ErrJobNotFound is returned for a job that neither the service nor its host knows.
var ErrJobNotFound = jobstore.ErrNotFound

// resume goes on with the jobs that had not ended when the service before this one did.
func (s *Service) resume() {
	for _, r := range s.ledger.All(jobstore.Filter{States: []jobstore.State{jobstore.Pending, jobstore.Queued, jobstore.Running}}) {
		if _, err := s.reopen(r); err != nil {
			s.opts.Logger.Warn("a job of before cannot be gone on with", "job", r.ID, "host", r.Host, "error", err)
		}
	}
}

// reopen gives the job of a record that has not ended, or whose end is unknown, to the queue.
func (s *Service) reopen(r jobstore.Record) (*Job, error) {
	j, err := s.revive(r)
	if err != nil {
		return nil, s.giveUp(r, err)
	}
	if err := j.reserve(); err != nil {
		s.opts.Logger.Warn("a job of before goes on without its name", "job", r.ID, "error", err)
	}
	s.mu.Lock()
	if other := s.jobs[jobKeyOf(r.ID)]; other != nil || s.closed {
		closed := s.closed
		s.mu.Unlock()
		j.abandon()
		if closed {
			return nil, ErrClosed
		}
		return other, nil // somebody else was faster
	}
	s.track(j)
	s.mu.Unlock()
	if r.CancelRequested {
		j.cancel(context.Canceled)
	}
	if err := s.enqueue(j); err != nil {
		return nil, err
	}
	return j, nil
}

// errSecretsGone is why a job that had not reached its host cannot be run by a later service.
var errSecretsGone = errors.New("the service ended before the job had reached its host, and its secrets were not kept: submit it again, " +
	"and give the service a StoreKey so that it keeps them the next time")

// revive makes the job of a record anew: from what the record has, or as one that is only followed.
func (s *Service) revive(r jobstore.Record) (*Job, error) {
	h, err := s.host(r.Host)
	if err != nil {
		return nil, err
	}
	sub := Submission{
		Host: r.Host, Operation: r.Operation, Changed: r.Changed, AllowPowerCycle: r.AllowPowerCycle, JobID: r.ID, Limit: r.Limit,
	}
	if r.Operation != job.OperationProvision {
		sub.VMID = r.VMID
	}
	was := r.State == jobstore.Running || r.State == jobstore.Unknown
	if !r.HostAccepted {
		sub.Values, err = s.submitted(r)
		if err == nil {
			sub.Schema = r.Schema
			j, err := s.newJob(sub)
			if err != nil {
				return nil, err
			}
			j.resumed = was
			return j, nil
		}
		if !was {
			return nil, err
		}
	}
	j := s.makeJob(h, sub, s.definition(r.Operation, job.Fields{}), nil)
	j.attach, j.resumed, j.vmName = true, true, r.VMName
	return j, nil
}

// submitted gives the values of a job whose host may not have them.
func (s *Service) submitted(r jobstore.Record) (map[string]any, error) {
	switch {
	case r.HasNoSecrets:
		return r.Values, nil
	case r.EncryptedValues == nil || s.sealer == nil:
		return nil, errSecretsGone
	}
	text, err := s.sealer.Decrypt(r.ID, r.EncryptedValues)
	if err != nil {
		return nil, fmt.Errorf("its secrets were kept with another StoreKey: %w", err)
	}
	var values map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return values, dec.Decode(&values)
}

// giveUp ends a job that cannot be gone on with. One that may run on its host is unknown, for another service to follow.
func (s *Service) giveUp(r jobstore.Record, why error) error {
	state := jobstore.Failed
	switch r.State {
	case jobstore.Running:
		state = jobstore.Unknown
	case jobstore.Unknown:
		return why
	}
	_, err := s.ledger.Transition(context.Background(), r.ID, state, func(r *jobstore.Record) { r.Error = why.Error() })
	return errors.Join(why, err)
}

// Attach gives a job by its id, to wait for its end: one of this service's, whether it has ended or not, or one that another
// client submitted to the host. What the service took to be unknown is asked for again. [ErrJobNotFound] is a job that neither
// knows; hosts forget those that ended some days ago.
func (s *Service) Attach(ctx context.Context, hostName, jobID string) (*Job, error) {
	h, err := s.host(hostName)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	open, closed := s.jobs[jobKeyOf(jobID)], s.closed
	s.mu.Unlock()
	switch {
	case open != nil:
		return open, nil
	case closed:
		return nil, ErrClosed
	}
	r, err := s.ledger.Get(jobID)
	switch {
	case err == nil && r.State == jobstore.Unknown:
		return s.reopen(r)
	case err == nil && r.State.Ended():
		return s.endedJob(h, r), nil
	case err == nil:
		return nil, fmt.Errorf("job %s is on its way: %s", jobID, r.State) // it is being submitted this moment
	}
	return s.attachForeign(ctx, h, jobID)
}

// attachForeign follows a job that another client submitted.
func (s *Service) attachForeign(ctx context.Context, h *host, jobID string) (*Job, error) {
	var known bool
	r := jobstore.Record{ID: jobID, Host: h.name, Schema: s.agents.Ref(), HostAccepted: true}
	err := s.question("jobs")(ctx, h.name, func(ctx context.Context) error {
		list, err := h.agent.Jobs(ctx)
		for _, info := range list {
			if jobKeyOf(info.Job) == jobKeyOf(jobID) {
				known, r.ID, r.Operation, r.VMID = true, info.Job, info.Operation, info.VMID
			}
		}
		return err
	})
	if err != nil {
		return nil, hostError(h.name, err)
	}
	if !known {
		return nil, fmt.Errorf("host %s: job %s: %w", h.name, jobID, ErrJobNotFound)
	}
	if _, err := s.ledger.Add(ctx, r); err != nil && !errors.Is(err, jobstore.ErrExists) {
		return nil, err
	}
	for _, state := range []jobstore.State{jobstore.Queued, jobstore.Running} {
		if _, err := s.ledger.Transition(ctx, r.ID, state, nil); err != nil && !errors.Is(err, jobregistry.ErrTransition) {
			return nil, err
		}
	}
	r.State = jobstore.Running
	return s.reopen(r)
}

// endedJob gives a job that has ended.
func (s *Service) endedJob(h *host, r jobstore.Record) *Job {
	j := s.makeJob(h, Submission{Host: r.Host, Operation: r.Operation, JobID: r.ID}, job.Definition{}, nil)
	j.vmID, j.step, j.seq = r.VMID, r.Step, r.Seq
	j.finished.Do(func() {
		j.abandon()
		close(j.done)
	})
	j.result = r.Result
	if r.State != jobstore.Succeeded {
		class := ErrJobFailed
		if r.State == jobstore.Cancelled {
			class = ErrJobCancelled
		}
		var cause error
		if r.Result == nil || r.Result.Error == nil { // else that says it
			cause = errors.New(strings.TrimPrefix(r.Error, fmt.Sprintf("%v on host %s: ", class, h.name)))
		}
		j.err = j.failure(class, r.Result, cause)
	}
	return j
}

// settleUnknown asks a host that is back for the jobs whose end is unknown.
func (s *Service) settleUnknown(hostName string) {
	for _, r := range s.ledger.All(jobstore.Filter{Host: hostName, States: []jobstore.State{jobstore.Unknown}}) {
		if _, err := s.reopen(r); err != nil && !errors.Is(err, ErrClosed) {
			s.opts.Logger.Warn("the end of a job is still unknown", "job", r.ID, "host", r.Host, "error", err)
		}
	}
}
