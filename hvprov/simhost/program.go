// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
)

// program gives what a command line runs. direct says that cmd.exe has no part in it.
func (s *Server) program(line string, direct bool, environment []string) program {
	if len(line) > maxLine && !direct {
		return says(stderr, "The command line is too long.\r\n", 1)
	}
	name, args := cutName(line)
	if p := s.opts.Programs[name]; p != nil {
		return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) int {
			return p(ctx, args, stdin, stdout, stderr)
		}
	}
	switch name {
	case "cmd":
		if rest, ok := cutFold(args, "/c "); ok {
			return s.program(strings.TrimSpace(rest), false, environment)
		}
	case "echo":
		return says(stdout, args+"\r\n", 0)
	case "exit":
		if code, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(args, "/b"))); err == nil {
			return says(stdout, "", code)
		}
	case "powershell", "pwsh":
		return s.powerShell(line, args, environment)
	}
	return says(stderr, fmt.Sprintf("'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", name), 1)
}

// powerShell gives what runs a PowerShell command: a real one if there is one, and otherwise, for the agent, its double.
func (s *Server) powerShell(line, args string, environment []string) program {
	if s.opts.PowerShell != "" {
		return s.execPowerShell(splitArguments(args), environment)
	}
	if script, ok := protocol.DecodeCommand(line); ok {
		if info, ok := protocol.ParseBootstrap(script); ok {
			return s.simulateAgent(info)
		}
	}
	return says(stderr, "#< CLIXML\r\n"+
		`<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><S S="Error">`+
		`This PowerShell command is not simulated: the host has been given no PowerShell to run it with._x000D__x000A_</S></Objs>`, 1)
}

// says is a program that writes a text and ends.
func says(stream int, text string, code int) program {
	return func(_ context.Context, _ io.Reader, stdout, stderr io.Writer) int {
		w := stdout
		if stream != 0 {
			w = stderr
		}
		if text != "" {
			_, _ = io.WriteString(w, text)
		}
		return code
	}
}

// cutName takes the program's name off a command line: without folder and extension, in lower case.
func cutName(line string) (name, args string) {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, `"`); ok {
		name, args, _ = strings.Cut(rest, `"`)
	} else {
		name, args, _ = strings.Cut(line, " ")
	}
	name = strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	return strings.TrimSuffix(name, ".exe"), strings.TrimSpace(args)
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// splitArguments cuts a command line at spaces outside of double quotes, which it takes away. \" is a quote itself.
func splitArguments(line string) []string {
	var all []string
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '"':
			word.WriteByte('"')
			begun = true
			i++
		case c == '"':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		all = append(all, word.String())
	}
	return all
}
