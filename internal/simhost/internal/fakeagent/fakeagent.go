// SPDX-License-Identifier: MPL-2.0

// Package fakeagent imitates the core of the PowerShell agent in Go, for simulated hosts without PowerShell: it speaks the protocol of the
// agent over the state of the host. It has the outcomes, codes and steps of the agent, and leaves the host in the same state. Texts of
// events may differ.
//
// It provisions generation 2 virtual machines from a copy of an image, with static memory, processors, one network adapter with a VLAN,
// notes and a power state; it checks, updates and deletes them; and it has sessions, job slots, cancellation, rollback and repair. All
// other fields of the agent it refuses with the code not_simulated, in checks and in jobs, unless they have their default.
package fakeagent

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Run serves one session: it reads the bundle of the agent, unless the host has it, and then requests from stdin until its end, waits for the jobs that the
// session follows, and returns the exit code of powershell.exe. The end of ctx ends the session, but not its jobs: stdin is then closed
// if it is an [io.Closer]; otherwise a read from it may outlast Run.
func (h *Host) Run(ctx context.Context, bootstrap protocol.BootstrapInfo, stdin io.Reader, stdout, stderr io.Writer) int {
	reader := bufio.NewReader(stdin)
	if !h.hasBundle(bootstrap.SHA256) {
		if err := readBundle(reader, stdout, bootstrap); err != nil {
			_, _ = io.WriteString(stderr, clixmlError(err))
			return 1
		}
		h.keepBundle(bootstrap.SHA256)
	}
	s := newSession(ctx, h, bootstrap.Token, stdout)
	lines := make(chan string)
	go readLines(ctx, reader, lines)
	for {
		select {
		case <-ctx.Done():
			if closer, ok := stdin.(io.Closer); ok {
				_ = closer.Close()
			}
			s.background.Wait()
			return 1
		case line, more := <-lines:
			if !more {
				s.background.Wait()
				return 0
			}
			if line = strings.TrimSpace(line); line != "" {
				s.handleLine(line)
			}
		}
	}
}

// readLines sends the lines of r until its end or that of ctx, and then closes lines.
func readLines(ctx context.Context, r *bufio.Reader, lines chan<- string) {
	defer close(lines)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// readBundle reads the bundle and verifies its hash, as the bootstrap script does: it asks for the bundle in answer to each other line,
// and ignores that line. The fake agent does not run the bundle.
func readBundle(r *bufio.Reader, stdout io.Writer, bootstrap protocol.BootstrapInfo) error {
	for damaged := 0; ; {
		line, err := r.ReadString('\n')
		if line == "" && err != nil {
			return errors.New("hypervvm: standard input ended before the agent text")
		}
		text, ok, err := protocol.DecodeText([]byte(line))
		if ok {
			if sum := sha256.Sum256(text); err == nil && strings.EqualFold(hex.EncodeToString(sum[:]), bootstrap.SHA256) {
				return nil
			}
			if damaged++; damaged > 2 {
				return errors.New("hypervvm: the agent text is damaged: SHA-256 mismatch")
			}
		}
		if strings.TrimSpace(line) != "" {
			payload, err := protocol.Encode(protocol.NeedText{Type: protocol.TypeNeedText, Damaged: ok})
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(stdout, "%s %s\n", bootstrap.Token, payload)
		}
	}
}

// clixmlError returns an error in the format of PowerShell for an error that ends a script.
func clixmlError(err error) string {
	return "#< CLIXML\r\n" + `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><S S="Error">` +
		html.EscapeString(err.Error()) + `_x000D__x000A_</S></Objs>`
}
