// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// follower reads the events of a job to the result, with as many sessions as needed.
type follower struct {
	end          func()      // ends the job
	allButResult atomic.Bool // all events but the result have arrived
	connect      func() (*hostagent.Agent, func(), error)
	last         int64
}

func (f *follower) follow(ctx context.Context, at func(seen int) error) error {
	if err := at(0); err != nil {
		return err
	}
	for session := 1; ; session++ {
		done, err := f.session(ctx, session > 1, at)
		switch {
		case done:
			return err
		case err == nil || !isTyped(err):
			return fmt.Errorf("session %d, after event %d: got %w, want a typed error", session, f.last, err)
		case session == 20:
			return fmt.Errorf("attach to the job: %w", err)
		}
	}
}

func (f *follower) session(ctx context.Context, again bool, at func(seen int) error) (done bool, err error) {
	agent, closeAll, err := f.connect()
	if err != nil {
		return true, err
	}
	defer closeAll()
	var stream *hostagent.JobStream
	if again && f.last > 0 {
		stream, err = agent.Attach(ctx, matrixJob, f.last)
	} else {
		stream, err = agent.Submit(ctx, hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition})
	}
	for err == nil {
		var e job.Event
		if e, err = stream.Next(ctx); err != nil {
			break
		}
		if e.Seq != f.last+1 {
			return true, fmt.Errorf("event %d after event %d", e.Seq, f.last)
		}
		f.last = e.Seq
		if e.Kind == job.KindResult {
			return true, errors.Join(f.checkResult(ctx, stream, e), at(int(f.last)), f.ping(ctx, agent))
		}
		if err := at(int(f.last)); err != nil {
			return true, err
		}
		if err := f.ping(ctx, agent); err != nil {
			return true, err
		}
		if f.last == matrixEvents-1 {
			f.end()
		}
	}
	return ctx.Err() != nil, err
}

// ping makes input and output pass at each moment. The answer to the first ping ends the poll that was in progress.
func (f *follower) ping(ctx context.Context, agent *hostagent.Agent) error {
	if f.last != matrixEvents/2 && f.last < matrixEvents-1 {
		return nil
	}
	f.allButResult.Store(f.last == matrixEvents-1)
	for range 2 {
		if err := agent.Ping(ctx); err != nil && !isTyped(err) {
			return err
		}
	}
	return nil
}

func (f *follower) checkResult(ctx context.Context, stream *hostagent.JobStream, e job.Event) error {
	if f.last != matrixEvents || e.Result == nil || e.Outcome != job.Succeeded {
		return fmt.Errorf("the job ended with event %d, %+v", f.last, e.Result)
	}
	if _, err := stream.Next(ctx); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the result: %w", err)
	}
	return nil
}

// leftShells returns an error for shells that are open on the host after all clients have left. A shell whose answer to Create or
// whose Delete was lost may stay open until its idle limit.
func leftShells(server *simhost.Server, clock *longClock, c cell) error {
	left := server.Counters().OpenShells
	if left == 0 {
		return nil
	}
	if c.action != simhost.ActionCreate && c.action != simhost.ActionDelete && c.action != simhost.ActionSignal {
		return fmt.Errorf("%d shells are open", left)
	}
	clock.long.Advance(16 * time.Minute)
	if n := server.Counters().OpenShells; n != 0 || left > 1 {
		return fmt.Errorf("%d shells were open, %d of them after the idle limit", left, n)
	}
	return nil
}

// longClock is the system clock for timers below one minute; longer timers use a manual clock.
type longClock struct {
	long *simhost.ManualClock
}

func newLongClock() *longClock { return &longClock{simhost.NewManualClock(time.Now())} }

func (c *longClock) Now() time.Time { return c.long.Now() }

func (c *longClock) AfterFunc(d time.Duration, f func()) func() {
	if d >= time.Minute {
		return c.long.AfterFunc(d, f)
	}
	timer := time.AfterFunc(d, f)
	return func() { timer.Stop() }
}

var matrixDefinition = job.Definition{
	Schema: job.SchemaRef{ID: "vm-provisioning", Version: 1}, Operation: job.OperationProvision,
	Fields: job.Fields{{ID: "vm_name", Value: "web-01"}},
}

const matrixJob = "7d1c3c6e-0d54-4c6b-9a0e-0f4f2f1f6f01"

func matrixMessage(seq int) string {
	return fmt.Sprintf("line %d %s", seq, strings.Repeat("Ü", seq%50))
}
