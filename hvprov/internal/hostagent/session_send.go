// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// send starts the process, then sends queued requests, all that are queued at once.
func (s *session) send(commandLine string) {
	process, err := s.openProcess(commandLine)
	if err != nil {
		s.end(err)
		return
	}
	// Not earlier: there is no output yet, and both directions would compete for one connection.
	s.running.Go(func() { s.receive(process) })
	for {
		if batch := s.dequeue(); len(batch) > 0 {
			if err := s.sendBatch(process, batch); err != nil {
				s.end(err)
				return
			}
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wakeSend:
			coalesce()
		}
	}
}

// coalesce lets goroutines that post requests at the same moment run before the first one is sent: one round trip then serves
// all of them.
func coalesce() {
	for range 8 {
		runtime.Gosched()
	}
}

// dequeue returns all queued requests as one batch.
func (s *session) dequeue() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := make([][]byte, len(s.queue))
	for i, l := range s.queue {
		texts[i] = l.text
	}
	s.queue = nil
	return protocol.EncodeBatch(texts)
}

// openProcess starts the process and sends the first requests. When the connection is lost meanwhile, it starts another process,
// unless one of the requests is a job, which may have started. The caller of that job receives [ErrSessionLost].
func (s *session) openProcess(commandLine string) (transport.Process, error) {
	for attempt := 1; ; attempt++ {
		process, err := s.agent.opts.Connect(s.ctx, commandLine, s.resync)
		repeatable := true
		if err == nil {
			if err = process.Send(s.ctx, s.dequeue(), false); err == nil {
				s.mu.Lock()
				s.process, s.interruption = process, nil
				s.mu.Unlock()
				return process, nil
			}
			repeatable = !s.mutates()
			switch {
			case !isTransient(err): // no other goroutine receives from the process yet
				err = s.drainExitOutput(process, err)
			case !repeatable:
				err = lostError{err}
			}
			s.closeProcess(process)
		}
		if attempt == openAttempts || !repeatable || s.ctx.Err() != nil || !isTransient(err) || errors.Is(err, transport.ErrUnreachable) {
			return nil, err
		}
		s.setInterruption(err)
		s.agent.opts.Logger.Warn("connection lost while a session started; starting another", "error", err)
		s.requeueAll()
	}
}

// requeueAll queues all pending requests for a new process.
func (s *session) requeueAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.texted = s.pendingLines(), false
}

// pendingLines returns all pending requests, oldest first. The caller holds the lock.
func (s *session) pendingLines() []line {
	var lines []line
	for _, id := range slices.SortedFunc(maps.Keys(s.pending), compareIDs) {
		lines = append(lines, line{id, s.pending[id].text})
	}
	return lines
}

// sendText sends the agent's text to a host that lacks it, and again all pending requests: the bootstrap script ignores each line
// before the text. It asks once for each such line, which is answered once, unless the text was damaged.
func (s *session) sendText(damaged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texted && !damaged || s.err != nil {
		return
	}
	s.texted = true
	s.queue = append([]line{{text: s.agent.bundle.line}}, s.pendingLines()...)
	wake(s.wakeSend)
}

// compareIDs orders the ids of requests by age; hello is the first.
func compareIDs(a, b string) int {
	number := func(id string) int64 {
		n, _ := strconv.ParseInt(id, 10, 64) // 0 for hello
		return n
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
}

// sendBatch sends whole lines. After a lost connection it sends them again behind a line end, which completes a line that
// arrived in part: every request may arrive twice, since answers are matched by id and jobs by their GUID.
func (s *session) sendBatch(process transport.Process, batch []byte) error {
	err := process.Send(s.ctx, batch, false)
	if err == nil {
		return nil
	}
	again := append([]byte{'\n'}, batch...)
	return s.retryTransient(err, func() error { return process.Send(s.ctx, again, false) })
}

// drainExitOutput returns the exit error, with the last output, of a process that accepted no input; it returns err if the
// process has not ended.
func (s *session) drainExitOutput(process transport.Process, err error) error {
	ctx, cancel := context.WithTimeout(s.ctx, closeTimeout)
	defer cancel()
	for {
		out, failed := process.Receive(ctx)
		if failed != nil {
			return err
		}
		s.output.stdout(out.Stdout)
		s.output.stderr(out.Stderr)
		if out.Done {
			s.output.close()
			return s.output.exitError(out.ExitCode)
		}
	}
}

// retryTransient repeats op while it fails with an error of the connection, for at most Options.Reconnect.
func (s *session) retryTransient(err error, op func() error) error {
	deadline := time.Now().Add(s.agent.opts.Reconnect)
	for pause := 250 * time.Millisecond; err != nil && isTransient(err) && time.Now().Before(deadline); pause = min(2*pause, 10*time.Second) {
		s.setInterruption(err)
		s.agent.opts.Logger.Warn("connection lost; retrying", "error", err, "pause", pause)
		select {
		case <-s.ctx.Done():
			return err
		case <-time.After(pause):
		}
		if err = op(); err == nil {
			s.setInterruption(nil)
			s.agent.stats.reconnects.Add(1)
		}
	}
	return err
}
