// SPDX-License-Identifier: MPL-2.0

// Package agent contains the PowerShell agent that provisions virtual machines on a Hyper-V host.
package agent

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"sync"
)

// Version is the version of the agent. It equals the one in lib/Version.ps1.
const Version = "0.1.0"

//go:embed lib/*.ps1
var lib embed.FS

// flagged is the file with the words that Windows PowerShell takes for suspicious. It is a separate script block.
const flagged = "lib/Flagged.ps1"

// Bundle returns the agent's text, without comments: two scripts that a form feed separates. They contain only functions and constants: a
// session starts when Start-AgentSession is called. The text is the same for the same version of this package.
func Bundle() []byte { return bytes.Clone(bundle()) }

var bundle = sync.OnceValue(func() []byte {
	names, err := fs.Glob(lib, "lib/*.ps1")
	if err != nil {
		panic(fmt.Sprintf("agent: %v", err)) // the pattern is valid
	}
	var b bytes.Buffer
	names = append([]string{flagged}, slices.DeleteFunc(names, func(name string) bool { return name == flagged })...)
	for _, name := range names {
		text, err := lib.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("agent: %v", err)) // the name is one of the embedded files
		}
		writeWithoutComments(&b, text)
		if name == flagged {
			b.WriteString("\f\n")
		}
	}
	b.WriteString("$script:AgentMessageText = @'\n")
	if err := json.Compact(&b, messages); err != nil {
		panic(fmt.Sprintf("agent: messages.json: %v", err)) // embedded: a test parses it
	}
	b.WriteString("\n'@\n")
	return b.Bytes()
})

// writeWithoutComments writes a script without blank lines, lines that are comments, and comment-based help. They are a fifth
// of what travels to a host.
func writeWithoutComments(b *bytes.Buffer, script []byte) {
	help := false
	for line := range bytes.Lines(script) {
		line = bytes.TrimRight(line, "\r\n")
		trimmed := bytes.TrimSpace(line)
		switch {
		case bytes.Equal(trimmed, []byte("<#")):
			help = true
		case bytes.Equal(trimmed, []byte("#>")):
			help = false
		case help, len(trimmed) == 0, trimmed[0] == '#':
		default:
			b.Write(line)
			b.WriteByte('\n')
		}
	}
}
