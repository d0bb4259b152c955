// SPDX-License-Identifier: MPL-2.0

// Package simhost is a simulated Hyper-V host for tests and demos: a WinRM server on loopback with the quotas of a real host, which keeps
// its virtual machines in a state file.
//
// Any WinRM client can use it. It authenticates with NTLM, runs shells and commands, answers long polls, and blocks a process whose output
// is not received. A command that starts the agent of this project is run by a real PowerShell if [Options.PowerShell] names one, against
// stand-in modules for Hyper-V. Otherwise a fake agent in Go answers, with the same state file.
//
// The fake agent simulates generation 2 virtual machines with a copy of an image, static memory, processors, one network adapter with a
// VLAN and a MAC address, notes and a power state. It refuses further disks and network adapters, disk sizes, dynamic memory, firmware and
// TPM settings, checkpoint types, automatic actions, ISO files, waits for the guest and cluster roles with the code not_simulated.
package simhost

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// Options configure a simulated host. The zero value serves HTTPS at a free port of 127.0.0.1, has two images and no virtual machines, and
// deletes its state at Close.
type Options struct {
	// StateFile is the path of the file with the virtual machines of the host; it is created if missing. Empty means a temporary
	// file that Close removes.
	StateFile string
	// VMs is the initial number of virtual machines of a new host.
	VMs int
	// Addr is the host:port to listen on. It must be a loopback address. Empty means 127.0.0.1:0, a free port.
	Addr string
	// PlainHTTP serves HTTP instead of HTTPS with a self-signed certificate.
	PlainHTTP bool
	// Username and Password are the credentials of the administrator. Empty means "Administrator" and a random password.
	Username, Password string
	// PowerShell is the path of a PowerShell that runs the commands of powershell.exe. Empty means that a fake agent in Go answers
	// the sessions of the agent, with a part of its features, and that other PowerShell commands fail.
	PowerShell string
	// Latency is added to each request: half before the request is served, half before the answer is sent.
	Latency time.Duration
}

// Server is a running simulated host. Its methods may be called from many goroutines.
type Server struct{ server *simhost.Server }

// Start starts a simulated host that serves until [Server.Close].
func Start(opts Options) (*Server, error) {
	server, err := simhost.Start(simhost.Options{
		StateFile: opts.StateFile, VMs: opts.VMs, Addr: opts.Addr, PlainHTTP: opts.PlainHTTP, Username: opts.Username, Password: opts.Password,
		PowerShell: opts.PowerShell, Latency: opts.Latency,
	})
	if err != nil {
		return nil, err
	}
	return &Server{server}, nil
}

// WinRM returns a configuration with which a client connects to the host as its administrator: with address, port, credentials, and the
// certificate to trust.
func (s *Server) WinRM() winrm.Config { return s.server.WinRM() }

// Reboot restarts the host: all connections break, and all processes, jobs and shells end. New connections wait until the restart
// is complete.
func (s *Server) Reboot() { s.server.Reboot() }

// Close stops the server: it kills the processes that it started, waits for its goroutines, and removes its temporary files. A
// state file named in [Options] is kept. Further calls return the same error.
func (s *Server) Close() error { return s.server.Close() }
