// SPDX-License-Identifier: MPL-2.0

// Command simhost serves a simulated Hyper-V host on loopback, for the provider and for any other WinRM client.
//
// It prints the settings that point the provider at it, and what was asked of it when it is interrupted.
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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
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

// parse reads the command line and the environment.
func parse(args []string, getenv func(string) string, help io.Writer) (*settings, error) {
	s := &settings{calls: map[string]hyperv.Call{}}
	flags := flag.NewFlagSet("simhost", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.StringVar(&s.Addr, "addr", "127.0.0.1:5986", "loopback address and port to serve; port 0 is any free one")
	flags.StringVar(&s.StateFile, "state", "", "file that holds the virtual machines; made where it is missing (default: a temporary one)")
	flags.BoolVar(&s.PlainHTTP, "http", false, "serve HTTP, where clients have to seal messages with NTLM")
	flags.BoolVar(&s.Auth.AllowBasic, "basic", false, "allow Basic authentication too")
	flags.BoolVar(&s.Auth.AllowUnencrypted, "unencrypted", false, "allow messages over HTTP that are not sealed")
	flags.Func("keytab", "file with the host's Kerberos keys, as ktadd writes it; allows Kerberos too", readInto(&s.Auth.Keytab))
	flags.Func("client-ca", "PEM file with the authority of client certificates; allows those too", readInto(&s.Auth.ClientCAs))
	var clients []string
	flags.Func("client", "user principal name of a client certificate that is mapped to the account; may be repeated", func(v string) error {
		clients = append(clients, v)
		return nil
	})
	flags.StringVar(&s.Username, "username", "Administrator", "account's name; its password comes from "+passwordVariable+", or is made")
	flags.StringVar(&s.PowerShell, "pwsh", getenv("HYPERVVM_PWSH"), "PowerShell 7 to run the agent with (default: $HYPERVVM_PWSH; none: answers in Go)")
	flags.DurationVar(&s.Latency, "latency", 0, "round trip to add to each request")
	flags.StringVar(&s.caOut, "ca-out", "", "file to write the certificate to (default: beside the state, or a temporary one)")
	flags.Func("delay", "cmdlet and time that each call of it takes, as in Start-VM=2s; may be repeated", func(v string) error {
		name, text, ok := strings.Cut(v, "=")
		d, err := time.ParseDuration(text)
		if !ok || name == "" || err != nil || d < 0 {
			return errors.New("want Cmdlet=duration")
		}
		call := s.calls[name]
		call.DelayMS = int(d.Milliseconds())
		s.calls[name] = call
		return nil
	})
	flags.Func("fail", "cmdlet and message that each call of it fails with, as in Start-VM=not enough memory; may be repeated", func(v string) error {
		name, text, ok := strings.Cut(v, "=")
		if !ok || name == "" || text == "" {
			return errors.New("want Cmdlet=message")
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

// readInto makes a flag that names a file with bytes to have.
func readInto(to *[]byte) func(path string) error {
	return func(path string) (err error) {
		*to, err = os.ReadFile(path)
		return err
	}
}

// run serves until ctx ends.
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
	restore, err := behave(server.Store(), s.calls)
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

// behave has cmdlets do what calls say, until restore is called: the state file may serve other runs.
func behave(store *hyperv.Store, calls map[string]hyperv.Call) (restore func() error, err error) {
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

// writeCA puts the certificate where the client can read it.
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

// announcement says how to reach the host.
func announcement(server *simhost.Server, s *settings, ca string, given bool) string {
	lines := []string{
		fmt.Sprintf("Simulated Hyper-V host on %s, virtual machines in %s.", server.URL(), server.StateFile()),
		"Point the provider at it with:", "",
		"export HYPERVVM_HOST=" + server.Address(), fmt.Sprintf("export HYPERVVM_PORT=%d", server.Port()),
		fmt.Sprintf("export HYPERVVM_USE_TLS=%t", !s.PlainHTTP), "export HYPERVVM_USERNAME=" + quote(server.Username()),
	}
	if ca != "" {
		lines = append(lines, `export HYPERVVM_CA_CERT="$(cat `+quote(ca)+`)"`)
	}
	password := quote(server.Password())
	if given { // it is not ours to show
		password = `"$` + passwordVariable + `"`
	}
	lines = append(lines, "export HYPERVVM_PASSWORD="+password, "", "Interrupt it (Ctrl-C) to end it.", "")
	return strings.Join(lines, "\n")
}

// quote makes text one word for a shell.
func quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// report says what was asked of the host.
func report(c simhost.Counters) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d requests on %d connections, %d faults; %d shells, %d processes; %d bytes in, %d out\n",
		c.POSTs, c.Connections, c.Faults, c.Shells, c.Processes, c.BytesIn, c.BytesOut)
	for _, name := range slices.Sorted(maps.Keys(c.ByAction)) {
		fmt.Fprintf(&b, "  %-10s %d\n", name, c.ByAction[name])
	}
	return b.String()
}
