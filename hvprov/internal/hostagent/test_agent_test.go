// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// testAgent replaces powershell.exe with an agent that answers at once. Its job sends events on demand.
type testAgent struct {
	lines chan chan<- time.Time // each receives the time at which an event was sent
	bulk  chan int64            // bytes of other output to write
}

func newTestAgent() *testAgent {
	return &testAgent{lines: make(chan chan<- time.Time), bulk: make(chan int64)}
}

func (p *testAgent) run(ctx context.Context, args string, stdin io.Reader, stdout, _ io.Writer) int {
	script, _ := protocol.DecodeCommand(" " + args)
	info, ok := protocol.ParseBootstrap(script)
	if !ok {
		_, _ = io.WriteString(stdout, "hello\r\n") // a command of the masterzen runner
		return 0
	}
	reader := bufio.NewReader(stdin)
	var mu sync.Mutex
	send := func(values ...any) {
		var b bytes.Buffer
		for _, v := range values {
			payload, err := protocol.Encode(v)
			if err != nil {
				panic(err)
			}
			b.WriteString(info.Token + " " + string(payload) + "\n")
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = stdout.Write(b.Bytes())
	}
	jobCtx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() { stop(); running.Wait() }()
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0
		}
		texts, err := protocol.DecodeBatch([]byte(strings.TrimSpace(line)))
		if err != nil {
			return 1
		}
		var answers []any
		for _, text := range texts {
			var req protocol.Request
			if err := json.Unmarshal(text, &req); err != nil {
				return 1
			}
			answers = append(answers, protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, OK: true, Result: json.RawMessage(`{}`)})
			switch req.Request {
			case protocol.RequestSubmit:
				running.Go(func() { p.runJob(jobCtx, req.Job, send, stdout) })
			case protocol.RequestCancel:
				stop()
				running.Wait()
				answers = append(answers, protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{
					Job: req.Job, Seq: 1, Kind: job.KindResult, Result: &job.Result{Outcome: job.Cancelled},
				}})
			}
		}
		send(answers...)
	}
}

func (p *testAgent) runJob(ctx context.Context, jobID string, send func(...any), stdout io.Writer) {
	chunk := []byte(strings.Repeat(strings.Repeat("x", 127)+"\n", 512))
	for seq := int64(1); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case sent := <-p.lines:
			now := time.Now()
			send(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: jobID, Seq: seq, Time: now.UTC(), Kind: job.KindLog, Message: "a line"}})
			sent <- now
		case n := <-p.bulk:
			for ; n > 0; n -= int64(len(chunk)) {
				if _, err := stdout.Write(chunk); err != nil {
					return
				}
			}
			send(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: jobID, Seq: seq, Time: time.Now().UTC(), Kind: job.KindLog}})
		}
	}
}
