// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// program returns the program of a command line. direct bypasses cmd.exe.
func (s *Server) program(line string, direct bool, environment []string) program {
	if len(line) > maxLine && !direct {
		return printing(stderr, "The command line is too long.\r\n", 1)
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
		return printing(stdout, args+"\r\n", 0)
	case "exit":
		if code, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(args, "/b"))); err == nil {
			return printing(stdout, "", code)
		}
	case "powershell", "pwsh":
		return s.powerShell(line, args, environment)
	}
	return printing(stderr, fmt.Sprintf("'%s' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", name), 1)
}

// powerShell returns the program of a PowerShell command: a real PowerShell if configured, otherwise the fake agent for a session
// of the agent.
func (s *Server) powerShell(line, args string, environment []string) program {
	if s.opts.PowerShell != "" {
		return s.execPowerShell(splitArguments(args), environment)
	}
	if script, ok := protocol.DecodeCommand(line); ok {
		if info, ok := protocol.ParseBootstrap(script); ok {
			return s.fakeAgent(info)
		}
	}
	return printing(stderr, "#< CLIXML\r\n"+
		`<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><S S="Error">`+
		`The simulated host cannot run this PowerShell command: set Options.PowerShell (simhost -pwsh, HYPERVVM_PWSH) to run a real PowerShell._x000D__x000A_</S></Objs>`, 1)
}

// printing returns a program that writes a text and exits.
func printing(stream int, text string, code int) program {
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

// cutName splits a command line into the name of the program, without folder and extension and in lower case, and its arguments.
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

// splitArguments splits a command line at spaces outside of double quotes and removes the quotes. \" is a literal quote.
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
