// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
)

const (
	maxUnframed  = 64 << 10 // bytes kept of a line that is not a frame
	maxFrame     = 32 << 20 // encoded bytes of one frame
	maxLastLines = 20       // lines of output kept for the exit error
)

// output splits the output streams of the agent process into frames and other lines. It belongs to one goroutine.
type output struct {
	token    string
	frame    func(payload []byte)
	unframed func(stream, line string)

	line    []byte
	skip    bool // the rest of the line exceeds its limit
	decoder *clixml.Decoder
	last    []string
}

func newOutput(token string, frame func([]byte), unframed func(stream, line string)) output {
	return output{token: token, frame: frame, unframed: unframed}
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

// extend appends to the current line within its limit: output without line ends must not exhaust memory.
func (o *output) extend(part []byte) {
	if o.skip {
		return
	}
	limit := maxFrame
	if len(o.line) > maxUnframed {
		if _, ok := protocol.ParseFrame(o.line, o.token); !ok {
			limit = maxUnframed
		}
	}
	if len(o.line)+len(part) > limit {
		o.skip = true
		part = part[:max(0, min(len(part), maxUnframed-len(o.line)))]
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
	o.text("stdout", string(bytes.TrimRight(line, "\r")))
}

func (o *output) stderr(data []byte) {
	if len(data) == 0 {
		return
	}
	if o.decoder == nil {
		o.decoder = clixml.NewDecoder(func(r clixml.Record) {
			if r.Stream == "progress" {
				return // such as "Preparing modules for first use."
			}
			stream := r.Stream
			if stream == "" {
				stream = "stderr"
			}
			o.text(stream, r.Text)
		})
	}
	_, _ = o.decoder.Write(data) // never fails
}

func (o *output) text(stream, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(o.last) == maxLastLines {
			o.last = append(o.last[:0], o.last[1:]...)
		}
		o.last = append(o.last, line)
		o.unframed(stream, line)
	}
}

// close flushes a last line without a line end.
func (o *output) close() {
	if len(o.line) > 0 {
		o.finish()
	}
	if o.decoder != nil {
		o.decoder.Close()
	}
}

// exitError returns the error of a process that ended, with its last lines of output.
func (o *output) exitError(code int32) error {
	for _, line := range o.last {
		if _, mode, ok := strings.Cut(line, protocol.LanguageModePrefix); ok {
			return languageModeError(strings.TrimSpace(mode))
		}
	}
	err := fmt.Errorf("%w (exit code %d)", ErrProcessEnded, code)
	if len(o.last) > 0 {
		err = fmt.Errorf("%w; last output: %s", err, strings.Join(o.last, "\n"))
	}
	return err
}
