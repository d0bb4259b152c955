// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

const (
	maxUnframed  = 64 << 10 // bytes shown of a line that is not a frame
	maxFrame     = 16 << 20 // encoded bytes of one frame
	maxLastLines = 20       // lines of output kept for the exit error
)

// output splits the output streams of the agent process into frames and other lines. It belongs to one goroutine.
type output struct {
	token    string
	frame    func(payload []byte, cut bool) // cut: the frame exceeds maxFrame
	unframed func(stream, line string)
	clean    func(string) string // of the exit error

	line    []byte // the current line of standard output; of a frame the payload
	framed  bool   // the line contains a frame
	skip    bool   // the line is not shown any more
	cut     bool   // the frame exceeds its limit
	decoder *clixml.Decoder
	last    []string
}

func newOutput(token string, frame func([]byte, bool), unframed func(stream, line string), clean func(string) string) output {
	return output{token: token, frame: frame, unframed: unframed, clean: clean}
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

// extend appends to the current line. Output without line ends must not exhaust memory: a frame is kept up to its limit, and of other
// text only what may be the beginning of a frame.
func (o *output) extend(part []byte) {
	if o.framed {
		o.cut = o.cut || len(o.line)+len(part) > maxFrame
		o.line = append(o.line, part[:min(len(part), maxFrame-len(o.line))]...)
		return
	}
	o.line = append(o.line, part...)
	before, payload, ok := protocol.FindFrame(o.line, o.token)
	if ok {
		o.show(before)
		o.framed, o.cut = true, len(payload) > maxFrame
		o.line = append([]byte(nil), payload[:min(len(payload), maxFrame)]...)
	} else if rest := len(o.line) - len(o.token); len(o.line) > maxUnframed {
		o.show(o.line[:rest])
		o.skip = true
		o.line = append([]byte(nil), o.line[rest:]...)
	}
}

func (o *output) finish() {
	line, framed, cut := bytes.TrimRight(o.line, "\r"), o.framed, o.cut
	if !framed {
		o.show(line)
	}
	o.line, o.framed, o.skip, o.cut = nil, false, false, false
	if framed {
		o.frame(line, cut)
	}
}

// show passes on text of standard output that is not a frame: the first of a line that exceeds the limit.
func (o *output) show(text []byte) {
	if !o.skip {
		o.text("stdout", string(text[:min(len(text), maxUnframed)]))
	}
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
			return languageModeError(o.clean(strings.TrimSpace(mode)))
		}
	}
	err := fmt.Errorf("%w (exit code %d)", ErrProcessEnded, code)
	if len(o.last) > 0 {
		err = fmt.Errorf("%w; last output: %s", err, o.clean(strings.Join(o.last, "\n")))
	}
	return err
}
