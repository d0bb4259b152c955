// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
)

// tools holds the scripts for administrators of hosts.
//
//go:embed tools
var tools embed.FS

// GrantScript returns Grant-HypervvmAccess.ps1, a script that an administrator runs on a host: it grants an account the rights that
// the agent needs, and takes them back with -Revoke.
func GrantScript() []byte { return readTool("tools/Grant-HypervvmAccess.ps1") }

// partsBegin and partsEnd enclose the lines of Test-HypervvmHost.ps1 that load the parts of the script from their files.
const (
	partsBegin = "# The parts of this script.\n"
	partsEnd   = "# End of the parts.\n"
)

// agentParts are the files of the agent that Test-HypervvmHost.ps1 uses.
var agentParts = []string{"lib/DataFolder.ps1", "lib/DataFolderAccess.ps1", "lib/Link.ps1"}

// HostCheckScript returns Test-HypervvmHost.ps1, which checks whether a host is ready for the agent, as one script without other files.
func HostCheckScript() []byte {
	script := readTool("tools/Test-HypervvmHost.ps1")
	before, rest, found := bytes.Cut(script, []byte(partsBegin))
	_, after, ended := bytes.Cut(rest, []byte(partsEnd))
	if !found || !ended {
		panic("agent: Test-HypervvmHost.ps1 does not mark its parts") // embedded: a test reads it
	}
	names, err := fs.Glob(tools, "tools/check/*.ps1")
	if err != nil {
		panic(fmt.Sprintf("agent: %v", err)) // the pattern is valid
	}
	b := bytes.NewBuffer(bytes.Clone(before))
	for _, name := range names {
		b.Write(readTool(name))
		b.WriteByte('\n')
	}
	for _, name := range agentParts {
		text, err := lib.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("agent: %v", err)) // embedded
		}
		writeWithoutComments(b, text)
	}
	b.Write(after)
	return b.Bytes()
}

// readTool returns an embedded script with the line ends of Unix.
func readTool(name string) []byte {
	text, err := tools.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("agent: %v", err)) // embedded
	}
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
}
