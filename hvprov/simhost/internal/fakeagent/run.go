// SPDX-License-Identifier: MPL-2.0

// Package simagent answers the session of the agent in Go, over the state of a simulated host, as the agent itself
// would: the same answers, events and texts. One set of tests holds both to that.
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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
)

// Run serves one session: it reads the agent's text and then requests from stdin until its end, follows its jobs to theirs,
// and gives the exit code that powershell.exe would. The end of ctx is the end of the process: jobs go on. stdin is then closed if it can be; otherwise a read from it may outlast Run.
func (h *Host) Run(ctx context.Context, bootstrap protocol.BootstrapInfo, stdin io.Reader, stdout, stderr io.Writer) int {
	reader := bufio.NewReader(stdin)
	if err := readBundle(reader, bootstrap.SHA256); err != nil {
		_, _ = io.WriteString(stderr, clixmlError(err))
		return 1
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
			s.work.Wait()
			return 1
		case line, more := <-lines:
			if !more {
				s.work.Wait()
				return 0
			}
			if line = strings.TrimSpace(line); line != "" {
				s.line(line)
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

// readBundle reads the agent's text and checks it, as the bootstrap does. The text itself is not needed here.
func readBundle(r *bufio.Reader, want string) error {
	line, err := r.ReadString('\n')
	if line == "" && err != nil {
		return errors.New("hypervvm: standard input ended before the agent text")
	}
	text, err := protocol.Decompress([]byte(strings.TrimSpace(line)), protocol.MaxPayload)
	if err != nil {
		return fmt.Errorf("hypervvm: %w", err)
	}
	sum := sha256.Sum256(text)
	if !strings.EqualFold(hex.EncodeToString(sum[:]), want) {
		return errors.New("hypervvm: the agent text is damaged: SHA-256 mismatch")
	}
	return nil
}

// clixmlError gives an error as PowerShell writes one that ends a script.
func clixmlError(err error) string {
	return "#< CLIXML\r\n" + `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><S S="Error">` +
		html.EscapeString(err.Error()) + `_x000D__x000A_</S></Objs>`
}
