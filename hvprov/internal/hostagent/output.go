// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
)

const (
	maxStray  = 64 << 10 // bytes kept of a line that is no frame
	maxFrame  = 32 << 20 // bytes of one frame as it travels
	keepLines = 20       // of what the process said last, for when it dies
)

// ErrProcessEnded is matched by the error of a session whose process ended by itself.
var ErrProcessEnded = errors.New("the agent's process ended")

// output takes the two streams of the agent's process apart into frames and other lines. It belongs to one goroutine.
type output struct {
	token string
	frame func(payload []byte)
	stray func(stream, line string)

	line    []byte
	skip    bool // the rest of an over-long line
	decoder *clixml.Decoder
	last    []string
}

func newOutput(token string, frame func([]byte), stray func(stream, line string)) output {
	return output{token: token, frame: frame, stray: stray}
}

func (o *output) stdout(data []byte) {
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			o.extend(data)
			return
		}
		o.extend(data[:end])
		o.finish()
		data = data[end+1:]
	}
}

// extend adds to the line under way, within bounds: output without line ends must not fill the memory.
func (o *output) extend(part []byte) {
	if o.skip {
		return
	}
	limit := maxFrame
	if len(o.line) > maxStray {
		if _, ok := protocol.ParseFrame(o.line, o.token); !ok {
			limit = maxStray
		}
	}
	if len(o.line)+len(part) > limit {
		o.skip = true
		part = part[:max(0, min(len(part), maxStray-len(o.line)))]
	}
	o.line = append(o.line, part...)
}

func (o *output) finish() {
	line := o.line
	o.line, o.skip = nil, false
	if payload, ok := protocol.ParseFrame(line, o.token); ok {
		o.frame(payload)
		return
	}
	o.say("stdout", string(bytes.TrimRight(line, "\r")))
}

func (o *output) stderr(data []byte) {
	if len(data) == 0 {
		return
	}
	if o.decoder == nil {
		o.decoder = clixml.NewDecoder(func(r clixml.Record) {
			if r.Progress != nil {
				return // "Preparing modules for first use." and the like
			}
			stream := r.Stream
			if stream == "" {
				stream = "stderr"
			}
			o.say(stream, r.Text)
		})
	}
	_, _ = o.decoder.Write(data) // never fails
}

func (o *output) say(stream, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(o.last) == keepLines {
			o.last = append(o.last[:0], o.last[1:]...)
		}
		o.last = append(o.last, line)
		o.stray(stream, line)
	}
}

// close hands out what has no line end.
func (o *output) close() {
	if len(o.line) > 0 {
		o.finish()
	}
	if o.decoder != nil {
		o.decoder.Close()
	}
}

// exitError says how the process ended, with its last words.
func (o *output) exitError(code int32) error {
	err := fmt.Errorf("%w (exit code %d)", ErrProcessEnded, code)
	if len(o.last) > 0 {
		err = fmt.Errorf("%w; it said: %s", err, strings.Join(o.last, "\n"))
	}
	return err
}
