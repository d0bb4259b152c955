// SPDX-License-Identifier: MPL-2.0

// Command simhost serves a simulated Hyper-V host on loopback, for the provider and for any other WinRM client.
//
// It prints the settings for the provider, and a summary of the requests when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "simhost:", err)
		os.Exit(1)
	}
}

type settings struct {
	simhost.Options
	caOut string
	calls map[string]hyperv.Call
}

const passwordVariable = "HYPERVVM_SIMHOST_PASSWORD"

// parse parses the command line and the environment.
func parse(args []string, getenv func(string) string, help io.Writer) (*settings, error) {
	s := &settings{calls: map[string]hyperv.Call{}}
	flags := flag.NewFlagSet("simhost", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.StringVar(&s.Addr, "addr", "127.0.0.1:5986", "loopback address and port to listen on; port 0 selects a free port")
	flags.StringVar(&s.StateFile, "state", "", "file with the virtual machines; created if missing (default: a temporary file)")
	flags.BoolVar(&s.PlainHTTP, "http", false, "serve HTTP, with messages sealed by NTLM")
	flags.BoolVar(&s.Auth.AllowBasic, "basic", false, "allow Basic authentication")
	flags.BoolVar(&s.Auth.AllowUnencrypted, "unencrypted", false, "allow unsealed messages over HTTP")
	flags.Func("keytab", "keytab `file` of the host; enables Kerberos", readInto(&s.Auth.Keytab))
	flags.Func("client-ca", "PEM `file` with the authority of client certificates; enables client certificates", readInto(&s.Auth.ClientCAs))
	var clients []string
	flags.Func("client", "user principal `name` of a client certificate to map to the account; may be repeated", func(v string) error {
		clients = append(clients, v)
		return nil
	})
	flags.StringVar(&s.Username, "username", "Administrator", "name of the account; its password is $"+passwordVariable+", or random")
	flags.StringVar(&s.PowerShell, "pwsh", getenv("HYPERVVM_PWSH"), "`path` of a PowerShell 7 that runs the agent (default $HYPERVVM_PWSH; without one a fake agent in Go answers)")
	flags.DurationVar(&s.Latency, "latency", 0, "round-trip time to add to each request")
	flags.StringVar(&s.caOut, "ca-out", "", "`file` to write the certificate to (default: a temporary file)")
	flags.Func("delay", "delay of each call of a cmdlet, for example Start-VM=2s; may be repeated", func(v string) error {
		name, text, ok := strings.Cut(v, "=")
		d, err := time.ParseDuration(text)
		if !ok || name == "" || err != nil || d < 0 {
			return errors.New("expected Cmdlet=duration")
		}
		call := s.calls[name]
		call.DelayMS = int(d.Milliseconds())
		s.calls[name] = call
		return nil
	})
	flags.Func("hold", "each call of a cmdlet waits while there is a file, for example Start-VM=/tmp/hold; may be repeated", func(v string) error {
		name, path, ok := strings.Cut(v, "=")
		if !ok || name == "" || path == "" {
			return errors.New("expected Cmdlet=file")
		}
		call := s.calls[name]
		call.Hold = path
		s.calls[name] = call
		return nil
	})
	flags.Func("fail", "error of each call of a cmdlet, for example Start-VM=not enough memory; may be repeated", func(v string) error {
		name, text, ok := strings.Cut(v, "=")
		if !ok || name == "" || text == "" {
			return errors.New("expected Cmdlet=message")
		}
		call := s.calls[name]
		call.Fail = text
		s.calls[name] = call
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	s.Password = getenv(passwordVariable)
	s.Auth.ClientAccounts = map[string]string{}
	for _, name := range clients {
		s.Auth.ClientAccounts[name] = s.Username
	}
	return s, nil
}

// readInto returns a flag function that reads a file.
func readInto(to *[]byte) func(path string) error {
	return func(path string) (err error) {
		*to, err = os.ReadFile(path)
		return err
	}
}

// run serves a simulated host until ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, out, help io.Writer) (err error) {
	s, err := parse(args, getenv, help)
	if err != nil {
		return err
	}
	given := s.Password != ""
	server, err := simhost.Start(s.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	restore, err := setCalls(server.Store(), s.calls)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	ca, err := s.writeCA(server)
	if err != nil {
		return err
	}
	if s.caOut == "" && ca != "" {
		defer func() { err = errors.Join(err, os.Remove(ca)) }()
	}
	if _, err := io.WriteString(out, announcement(server, s, ca, given)); err != nil {
		return err
	}
	<-ctx.Done()
	_, err = io.WriteString(out, report(server.Counters()))
	return err
}

// setCalls sets the behaviour of cmdlets until restore is called: other runs may use the state file.
func setCalls(store *hyperv.Store, calls map[string]hyperv.Call) (restore func() error, err error) {
	if len(calls) == 0 {
		return func() error { return nil }, nil
	}
	var before map[string]hyperv.Call
	swap := func(to map[string]hyperv.Call) error {
		return store.Update(func(state *hyperv.State) error {
			before, state.Behaviour.Calls = state.Behaviour.Calls, to
			return nil
		})
	}
	if err := swap(calls); err != nil {
		return nil, err
	}
	return func() error { return swap(before) }, nil
}

// writeCA writes the certificate to a file for the client and returns its path.
func (s *settings) writeCA(server *simhost.Server) (string, error) {
	certificate := server.CACertPEM()
	if len(certificate) == 0 {
		return "", nil
	}
	if s.caOut != "" {
		return s.caOut, os.WriteFile(s.caOut, certificate, 0o644)
	}
	f, err := os.CreateTemp("", "hypervvm-simhost-*.pem")
	if err != nil {
		return "", err
	}
	_, err = f.Write(certificate)
	return f.Name(), errors.Join(err, f.Close())
}

// announcement returns the text that describes how to connect to the host.
func announcement(server *simhost.Server, s *settings, ca string, given bool) string {
	lines := []string{
		fmt.Sprintf("Simulated Hyper-V host on %s, virtual machines in %s.", server.URL(), server.StateFile()),
		"Settings for the provider:", "",
		"export HYPERVVM_HOST=" + server.Address(), fmt.Sprintf("export HYPERVVM_PORT=%d", server.Port()),
		fmt.Sprintf("export HYPERVVM_USE_TLS=%t", !s.PlainHTTP), "export HYPERVVM_USERNAME=" + quote(server.Username()),
	}
	if ca != "" {
		lines = append(lines, `export HYPERVVM_CA_CERT="$(cat `+quote(ca)+`)"`)
	}
	password := quote(server.Password())
	if given { // not printed: the user chose it
		password = `"$` + passwordVariable + `"`
	}
	lines = append(lines, "export HYPERVVM_PASSWORD="+password, "", "Press Ctrl-C to stop.", "")
	return strings.Join(lines, "\n")
}

// quote quotes text as one word for a shell.
func quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// report returns a summary of the requests.
func report(c simhost.Counters) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d requests on %d connections, %d faults; %d shells, %d processes; %d bytes in, %d out\n",
		c.POSTs, c.Connections, c.Faults, c.Shells, c.Processes, c.BytesIn, c.BytesOut)
	for _, name := range slices.Sorted(maps.Keys(c.ByAction)) {
		fmt.Fprintf(&b, "  %-10s %d\n", name, c.ByAction[name])
	}
	return b.String()
}
