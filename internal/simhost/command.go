// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// program runs a command and returns its exit code. It must return when ctx ends.
type program func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) int

// command is a process in a shell.
type command struct {
	id      string
	shell   *shell
	in      *input
	out     *output
	console bool               // standard input is a console and has no end
	cancel  context.CancelFunc // kills the process
	ended   chan struct{}      // closed when the process has ended
	sending chan struct{}      // semaphore: one Send at a time

	mu       sync.Mutex
	killed   bool
	receiver chan struct{} // of the current Receive; closed when a later one supersedes it
	lastID   string        // MessageID of the last answered Receive
	lastBody string
}

// exitKilled is the exit code of a killed process: STATUS_CONTROL_C_EXIT.
const exitKilled = -1073741510

// kill kills the process of the command.
func (c *command) kill() {
	c.mu.Lock()
	c.killed = true
	c.mu.Unlock()
	c.cancel()
	c.in.close()
	c.out.kill()
}

// commandID returns the command id of a request in upper case, or "".
func (m *message) commandID() string {
	if m.body == nil {
		return ""
	}
	id := m.body.attr("CommandId")
	for _, name := range []string{"Stream", "DesiredStream"} {
		if c := m.body.child(nsShell, name); c != nil && id == "" {
			id = c.attr("CommandId")
		}
	}
	return strings.ToUpper(id)
}

func (s *Server) find(sh *shell, m *message) (*command, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := sh.commands[m.commandID()]; c != nil {
		return c, nil
	}
	return nil, faultNotFound("command")
}

// Lengths of a command line, in characters.
const (
	maxLine    = 8191  // limit of cmd.exe
	maxProcess = 32767 // limit of CreateProcess
)

// command serves Command: it starts a process.
func (s *Server) command(x *exchange, m *message) (string, *fault) {
	sh, release, f := s.use(x, m)
	if f != nil {
		return "", f
	}
	defer release()
	if m.body == nil || m.body.XMLName.Local != "CommandLine" {
		return "", faultSchema("The body of Command has no CommandLine.")
	}
	id := m.commandID()
	if id != "" && !protocol.IsGUID(id) {
		return "", &fault{
			code: codeCommandIDInvalid, sender: true, subcode: "w:InvalidParameter",
			reason: "The WS-Management service cannot process the request. The command ID specified by the client is not a valid GUID. ",
		}
	}
	if id == "" {
		id = newGUID()
	}
	line := m.commandLine()
	if len(line) > maxProcess {
		return "", &fault{code: codeLineTooLong, subcode: "w:InternalError", plugin: true, reason: "The filename or extension is too long. "}
	}
	c := &command{
		id: id, shell: sh, in: newInput(s.opts.PipeSize), out: newOutput(s.opts.PipeSize),
		console: !strings.EqualFold(m.options["WINRS_CONSOLEMODE_STDIN"], "FALSE"),
		ended:   make(chan struct{}), sending: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithCancel(s.base)
	c.cancel = cancel
	run := s.program(line, isTrue(m.options["WINRS_SKIP_CMD_SHELL"]), sh.environment)
	if f := s.addCommand(c); f != nil {
		cancel()
		return "", f
	}
	x.entry.CommandID = id
	go s.execute(ctx, c, run)
	return `<rsp:CommandResponse><rsp:CommandId>` + id + `</rsp:CommandId></rsp:CommandResponse>`, nil
}

// commandLine returns the command with its arguments.
func (m *message) commandLine() string {
	var parts []string
	for i := range m.body.Children {
		if c := &m.body.Children[i]; c.XMLName.Local == "Command" || c.XMLName.Local == "Arguments" {
			parts = append(parts, c.text())
		}
	}
	return strings.Join(parts, " ")
}

// addCommand adds c to its shell if the quotas allow it.
func (s *Server) addCommand(c *command) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh, quotas := c.shell, s.opts.Quotas
	if s.closed || s.shells[sh.id] != sh {
		return faultAborted()
	}
	if sh.commands[c.id] != nil {
		return &fault{
			code: codeCommandIDTaken, sender: true, subcode: "w:InvalidParameter",
			reason: "A command already exists with the command ID specified by the client. ",
		}
	}
	operations := 0
	for _, other := range s.shells {
		if other.owner == sh.owner {
			operations += other.operations
		}
	}
	if operations >= quotas.OperationsPerUser {
		return faultQuota(codeMaxOperations, fmt.Sprintf("The WS-Management service cannot process the request. "+
			"This user is allowed a maximum number of %d concurrent operations, which has been exceeded. "+
			"Close existing operations for this user, or raise the quota for this user. ", quotas.OperationsPerUser))
	}
	if sh.running >= quotas.ProcessesPerShell {
		return &fault{
			code: codeNoQuota, subcode: "w:InternalError", plugin: true,
			reason: "Not enough quota is available to process this command. ",
		}
	}
	sh.commands[c.id] = c
	sh.operations++
	sh.running++
	s.counts.processes++
	s.counts.running++
	s.tasks.add(1)
	return nil
}

// execute runs the program of a command.
func (s *Server) execute(ctx context.Context, c *command, run program) {
	defer s.tasks.add(-1)
	defer c.cancel()
	code := run(ctx, c.in, c.out.writer(stdout), c.out.writer(stderr))
	c.in.close()
	c.mu.Lock()
	if c.killed {
		code = exitKilled
	}
	c.mu.Unlock()
	s.mu.Lock()
	c.shell.running--
	s.counts.running--
	s.mu.Unlock()
	c.out.finish(code)
	close(c.ended)
}

// signal serves Signal. Each of the three codes kills a running process; terminate removes a command whose process has ended.
func (s *Server) signal(x *exchange, m *message) (string, *fault) {
	sh, release, f := s.use(x, m)
	if f != nil {
		return "", f
	}
	defer release()
	c, f := s.find(sh, m)
	if f != nil {
		return "", f
	}
	name, found := strings.CutPrefix(m.body.child(nsShell, "Code").text(), nsShell+"/signal/")
	ended := false
	select {
	case <-c.ended:
		ended = true
	default:
	}
	switch {
	case !found || (name != "terminate" && name != "ctrl_c" && name != "ctrl_break"):
		return "", faultSchema("The signal code is not known.")
	case ended && name != "terminate":
		return "", faultNotFound("command")
	case ended:
		s.mu.Lock()
		delete(sh.commands, c.id)
		s.mu.Unlock()
	default:
		c.kill()
		<-c.ended
	}
	return `<rsp:SignalResponse/>`, nil
}
