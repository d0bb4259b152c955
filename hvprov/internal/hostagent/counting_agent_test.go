// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// countingAgent replaces powershell.exe with an agent whose only job has matrixEvents events. An event depends only on its number,
// so that any process can continue the job as if it ran outside of all of them. The last event, the result, is sent when end is
// closed, or to a client that has all other events.
type countingAgent struct {
	allButResult func() bool   // reports whether the client has all events but the result
	afterPings   func()        // called when a poll has taken the answer to a second ping since
	end          chan struct{} // closed when the job ends
}

func (c *countingAgent) run(ctx context.Context, args string, stdin io.Reader, stdout, _ io.Writer) int {
	script, ok := protocol.DecodeCommand(" " + args)
	info, isBootstrap := protocol.ParseBootstrap(script)
	if !ok || !isBootstrap {
		return 1
	}
	reader := bufio.NewReader(stdin)
	p := &countingProcess{countingAgent: c, token: info.Token, stdout: stdout}
	defer p.results.Wait()
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0
		}
		texts, err := protocol.DecodeBatch([]byte(strings.TrimSpace(line)))
		if err != nil {
			continue // part of the line was lost
		}
		for _, text := range texts {
			var req protocol.Request
			if json.Unmarshal(text, &req) == nil {
				p.serve(ctx, req)
			}
		}
	}
}

type countingProcess struct {
	*countingAgent
	token   string
	last    int64 // number of the last event sent
	pings   int   // since all events but the result were sent
	results sync.WaitGroup
	mu      sync.Mutex
	stdout  io.Writer
}

func (p *countingProcess) send(v any) {
	payload, err := protocol.Encode(v)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.stdout.Write([]byte(p.token + " " + string(payload) + "\n"))
}

func (p *countingProcess) serve(ctx context.Context, req protocol.Request) {
	p.send(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, OK: true, Result: json.RawMessage(`{}`)})
	switch req.Request {
	case protocol.RequestPing:
		if p.last == matrixEvents-1 && p.allButResult() {
			if p.pings++; p.pings == 2 {
				p.fill()
				p.afterPings()
			}
		}
	case protocol.RequestSubmit, protocol.RequestAttach:
		for seq := req.After + 1; seq < matrixEvents; seq++ {
			p.last = seq
			p.event(seq)
		}
		if req.After == matrixEvents-1 {
			p.event(matrixEvents)
			return
		}
		p.results.Go(func() {
			select {
			case <-p.end:
				p.event(matrixEvents)
			case <-ctx.Done():
			}
		})
	}
}

// fill writes more than the pipe holds: it returns when a poll has taken everything that was written before.
func (p *countingProcess) fill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.stdout, strings.Repeat("x", 8192)+"\n")
}

func (p *countingProcess) event(seq int64) {
	p.send(protocol.EventMessage{Type: protocol.TypeEvent, Event: matrixEvent(seq)})
}

func matrixEvent(seq int64) job.Event {
	e := job.Event{Job: matrixJob, Seq: seq, Time: time.Unix(seq, 0).UTC(), Kind: job.KindLog, Message: matrixMessage(int(seq))}
	if seq == matrixEvents {
		e.Kind, e.Result = job.KindResult, &job.Result{Outcome: job.Succeeded}
	}
	return e
}

// countingScript is the same agent in PowerShell, but sends the result with the second ping after all other events.
const countingScript = `
function Start-AgentSession {
    param($Token, $Reader, $Bundle)
    $out = New-Object IO.StreamWriter([Console]::OpenStandardOutput(), (New-Object Text.UTF8Encoding $false))
    $out.NewLine = [string][char]10
    $sent = 0
    $pings = 0
    while ($null -ne ($line = $Reader.ReadLine())) {
        try { $requests = @(($('{"list":[' + $line.Trim().TrimStart('[').TrimEnd(']') + ']}') | ConvertFrom-Json).list) } catch { continue }
        foreach ($request in $requests) {
            $out.WriteLine($Token + ' {"type":"answer","id":"' + $request.id + '","ok":true,"result":{}}')
            $out.Flush()
            $first = 1
            if ($request.PSObject.Properties['after']) { $first = 1 + [int]$request.after }
            switch ($request.request) {
                'ping' { $first = 1001; if ($sent -eq 999) { $pings++ }; if ($pings -ge 2) { $first = 1000 } }
                'hello' { $first = 1001 }
            }
            for ($seq = $first; $seq -le 1000; $seq++) {
                $text = $Token + ' {"type":"event","job":"` + matrixJob + `","seq":' + $seq + ',"time":"2026-01-01T00:00:00Z","kind":"'
                if ($seq -lt 1000) { $text += 'log","message":"' + (New-Object string ([char]0xDC), ($seq % 50)) + '"}' }
                elseif ($pings -ge 2 -or $first -eq 1000) { $text += 'result","outcome":"succeeded","message":"done"}' }
                else { break }
                $out.WriteLine($text)
                $sent = $seq
            }
            $out.Flush()
        }
    }
}
`
