// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// printer writes whole lines, from the commands and from the jobs at once.
type printer struct {
	mu    sync.Mutex
	out   io.Writer
	plain bool
}

// line writes one line, or several where text has more. Colours are left out where the output is plain.
func (p *printer) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.plain {
		text = withoutColours(text)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.out, text) // nowhere to report a closed standard output
}

// heading begins a part of the demo.
func (p *printer) heading(text string) {
	p.line("\n\x1b[1;36m== %s %s\x1b[0m", text, strings.Repeat("=", max(0, 70-len(text))))
}

// job writes a line of a job's log.
func (p *printer) job(name, text string) {
	p.line("  \x1b[35mjob %s |\x1b[0m %s", name, text)
}

// Write takes whole lines of others.
func (p *printer) Write(text []byte) (int, error) {
	p.line("%s", strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func withoutColours(text string) string { return colours.ReplaceAllString(text, "") }
