// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

// execPowerShell returns a program that runs a real PowerShell with the stand-in modules for the state of this host.
func (s *Server) execPowerShell(args, environment []string) program {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) int {
		modules, err := s.writeModules()
		if err != nil {
			_, _ = fmt.Fprintf(stderr, "simulated host: %v\r\n", err)
			return 1
		}
		args, err = s.restrict(args)
		if err != nil {
			_, _ = fmt.Fprintf(stderr, "simulated host: %v\r\n", err)
			return 1
		}
		cmd := exec.Command(s.opts.PowerShell, args...) //nolint:noctx // runProcess kills it with its children
		cmd.Dir = filepath.Join(s.dir, "home")
		cmd.Env = append(s.environment(modules), environment...)
		return runProcess(ctx, cmd, stdin, stdout, stderr)
	}
}

// restrict returns the arguments of a PowerShell that runs its encoded command in the language mode that the state sets.
func (s *Server) restrict(args []string) ([]string, error) {
	state, err := s.store.Read()
	if err != nil || state.Behaviour.Rights == nil || state.Behaviour.Rights.LanguageMode == "" || len(args) < 2 {
		return args, err
	}
	script, ok := protocol.DecodeCommand(strings.Join(append([]string{"powershell"}, args[len(args)-2:]...), " "))
	if !ok {
		return args, nil
	}
	mode := "$ExecutionContext.SessionState.LanguageMode='" + state.Behaviour.Rights.LanguageMode + "'\n"
	return append(slices.Clone(args[:len(args)-1]), protocol.EncodeCommand(mode+script)), nil
}

// writeModules writes the stand-in modules and the home folder of processes once, and returns the folder of the modules.
func (s *Server) writeModules() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.modules != "" {
		return s.modules, nil
	}
	modules := filepath.Join(s.dir, "modules")
	if err := os.MkdirAll(filepath.Join(s.dir, "home"), 0o700); err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.ProgramData(), 0o700); err != nil {
		return "", err
	}
	if err := standin.WriteModules(modules); err != nil {
		return "", err
	}
	s.modules = modules
	return modules, nil
}

// environment returns the environment of processes on the host. From this process it has only what the system needs.
func (s *Server) environment(modules string) []string {
	home := filepath.Join(s.dir, "home")
	env := append(standin.Environment(s.opts.PowerShell, modules, s.opts.StateFile, s.ProgramData(), s.workers()),
		"HOME="+home, "USERPROFILE="+home, "TMPDIR="+home, "TEMP="+home, "TMP="+home,
		"COMPUTERNAME="+s.hostName, "USERNAME="+s.opts.Username,
		"POWERSHELL_TELEMETRY_OPTOUT=1", "POWERSHELL_UPDATECHECK=Off", "DOTNET_CLI_TELEMETRY_OPTOUT=1",
	)
	for _, name := range []string{"PATH", "LANG", "SystemRoot", "SystemDrive", "ComSpec", "ProgramFiles", "DOTNET_ROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// runProcess runs cmd and returns its exit code. The end of ctx kills it with all processes that it started. Unlike [exec.Cmd] it
// does not wait for input that never ends and does not lose output that is received slowly.
func runProcess(ctx context.Context, cmd *exec.Cmd, stdin io.Reader, stdout, stderr io.Writer) int {
	p, err := startProcess(cmd)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%s\r\n", strings.ReplaceAll(err.Error(), "\n", "\r\n"))
		return 1
	}
	var outputs sync.WaitGroup
	outputs.Go(func() { _, _ = io.Copy(stdout, p.stdout) })
	outputs.Go(func() { _, _ = io.Copy(stderr, p.stderr) })
	inputDone := make(chan struct{})
	go func() {
		defer close(inputDone)
		_, _ = io.Copy(p.stdin, stdin)
		_ = p.stdin.Close()
	}()
	exited := make(chan struct{})
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		select {
		case <-ctx.Done():
			killTree(cmd)
			_ = p.stdout.Close()
			_ = p.stderr.Close()
		case <-exited:
		}
	}()
	outputs.Wait() // includes the output of child processes
	_ = cmd.Wait()
	close(exited)
	<-watcher
	p.close()
	if c, ok := stdin.(interface{ close() }); ok {
		c.close()
		<-inputDone
	}
	return cmd.ProcessState.ExitCode()
}

// pipes are this side's ends of the streams of a process.
type pipes struct{ stdin, stdout, stderr *os.File }

func startProcess(cmd *exec.Cmd) (*pipes, error) {
	var files []*os.File
	fail := func(err error) (*pipes, error) {
		for _, f := range files {
			_ = f.Close()
		}
		return nil, err
	}
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return fail(err)
		}
		files = append(files, r, w)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[3], files[5]
	setTree(cmd)
	if err := cmd.Start(); err != nil {
		return fail(err)
	}
	for _, theirs := range []int{0, 3, 5} {
		_ = files[theirs].Close()
	}
	return &pipes{files[1], files[2], files[4]}, nil
}

func (p *pipes) close() {
	_ = p.stdin.Close()
	_ = p.stdout.Close()
	_ = p.stderr.Close()
}
