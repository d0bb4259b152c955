// SPDX-License-Identifier: MPL-2.0

// Command hvprovd-demo serves the HTTP API of hvprovd on loopback, with simulated hosts. Everything is removed when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/daemon"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "hvprovd-demo:", err)
		os.Exit(1)
	}
}

// passwordVariable is the environment variable in which the server finds the password of the hosts.
const passwordVariable = "HVPROVD_DEMO_PASSWORD"

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	flags := flag.NewFlagSet("hvprovd-demo", flag.ContinueOnError)
	flags.SetOutput(log)
	listen := flags.String("listen", "127.0.0.1:8080", "loopback address and port of the API; port 0 selects a free port")
	hosts := flags.Int("hosts", 3, "number of simulated hosts")
	vms := flags.Int("vms", 4, "initial number of virtual machines per host")
	level := flags.String("log", "warn", "log level: debug, info, warn or error")
	fast := flags.Bool("fast", false, "do not slow the hosts down")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hvprovd-demo-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fleet, err := simhost.StartFleet(simhost.FleetOptions{Hosts: *hosts, VMs: *vms})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	password := ""
	config := fmt.Sprintf("listen: %q\nmetrics_listen: 127.0.0.1:0\nstate_dir: state\nrefresh_seconds: 10\nstop_seconds: 5\nlog: {level: %s, format: text}\nhosts:\n", *listen, *level)
	for i, host := range fleet.Hosts() {
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), host.CACertPEM(), 0o600); err != nil {
			return err
		}
		password = host.Password()
		config += fmt.Sprintf("  %s: {address: %s, port: %d, username: %s, password_env: %s, ca_cert_file: ca.pem}\n",
			simhost.FleetName(i), host.Address(), host.Port(), host.Username(), passwordVariable)
		if *fast {
			continue
		}
		if err := host.Store().Update(slowDown); err != nil {
			return err
		}
	}
	path := filepath.Join(dir, "hvprovd.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	loaded, err := daemon.Load(path, func(name string) string { // nothing else of the environment
		if name == passwordVariable {
			return password
		}
		return ""
	})
	if err != nil {
		return err
	}
	server, err := daemon.Start(ctx, loaded, log)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, strings.Join([]string{
		fmt.Sprintf("hvprovd with %d simulated hosts: %s", *hosts, server.URL()),
		"Open it in a browser. API: " + server.URL() + "/api/v1/openapi.json",
		"Metrics: " + server.MetricsURL(),
		"Press Ctrl-C to stop.", "",
	}, "\n"))
	return errors.Join(err, server.Serve(ctx, nil))
}

// slowDown lets jobs take some seconds, so that their steps can be followed.
func slowDown(s *hyperv.State) error {
	s.Behaviour.CopyBytesPerSecond = 32 << 10
	s.Behaviour.Calls = map[string]hyperv.Call{
		"New-VM": {DelayMS: 800}, "Set-VMFirmware": {DelayMS: 400}, "Connect-VMNetworkAdapter": {DelayMS: 600}, "Start-VM": {DelayMS: 1200},
		"Stop-VM": {DelayMS: 600}, "Remove-VM": {DelayMS: 600},
	}
	return nil
}
