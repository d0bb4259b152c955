// SPDX-License-Identifier: MPL-2.0

// Package simhost is the simulated Hyper-V host behind package hvprov/simhost, with what the tests and demos of this project need besides: a
// WinRM server on loopback with the quotas and faults of a real host, which keeps its virtual machines in a state file.
//
// Any WinRM client can use it. It authenticates with Basic, NTLM (sealed or over TLS), Kerberos and client certificates, runs
// shells and commands, answers long polls, and blocks a process whose output is not received. A command that starts the agent of
// this project is run by a real PowerShell if [Options.PowerShell] names one, against stand-in modules for Hyper-V. Otherwise a
// fake agent in Go answers, with the same state file. [Server.Counters] and [Server.Log] report what clients did.
//
// The fake agent simulates generation 2 virtual machines with a copy of an image, static memory, processors, one network adapter with a
// VLAN and a MAC address, notes and a power state. It refuses further disks and network adapters, disk sizes, dynamic memory, firmware and
// TPM settings, checkpoint types, automatic actions, ISO files, waits for the guest and cluster roles with the code not_simulated.
package simhost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/fakeagent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/krb5"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

// Server is a running simulated host. Its methods may be called from many goroutines.
type Server struct {
	opts     Options
	clock    Clock
	host     *http.Server
	listener *listener
	health   *healthState
	caPEM    []byte
	certHash []byte // for channel bindings

	kerberos  *krb5.Service  // nil: disabled
	clientCAs *x509.CertPool // nil: client certificates are disabled

	hostName string
	dir      string // temporary folder of the server
	store    *hyperv.Store
	agents   *fakeagent.Host // answers without a PowerShell

	base  context.Context // ends at Close
	stop  context.CancelFunc
	tasks group // handlers, connections, processes, clean-up

	boot sync.RWMutex // write-locked while the host restarts

	mu        sync.Mutex
	shells    map[string]*shell
	closed    bool
	modules   string                 // folder of the stand-in modules; empty until written
	actions   map[string]int         // requests by action, for Request.Nth
	conns     map[*connection]bool   // open connections
	connCount int                    // accepted since the start
	log       requestLog             // has its own lock
	counts    counts                 // guarded by mu
	accounts  map[string]credentials // by lower-case name
	closeOnce sync.Once
	closeErr  error
}

// Start starts a simulated host that serves until [Server.Close].
func Start(opts Options) (*Server, error) {
	if err := opts.withDefaults(); err != nil {
		return nil, fmt.Errorf("simulated host: %w", err)
	}
	s := &Server{
		opts: opts, clock: opts.Clock, shells: map[string]*shell{}, hostName: "SIMHOST",
		actions: map[string]int{}, conns: map[*connection]bool{}, accounts: opts.credentials(),
	}
	s.health, s.log.limit = newHealthState(opts), opts.LogEntries
	s.base, s.stop = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.stop()
		if s.agents != nil {
			s.agents.Close()
		}
		return nil, errors.Join(fmt.Errorf("simulated host: %w", err), s.removeFiles())
	}
	return s, nil
}

func (s *Server) start() error {
	var err error
	if s.dir, err = os.MkdirTemp("", "hypervvm-simhost-"); err != nil {
		return err
	}
	if s.opts.StateFile == "" {
		s.opts.StateFile = filepath.Join(s.dir, "state.json")
	}
	if s.opts.StateFile, err = filepath.Abs(s.opts.StateFile); err != nil {
		return err
	}
	if err = s.openState(); err != nil {
		return err
	}
	if err = s.openAuth(); err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", s.opts.Addr) //nolint:noctx // listening does not block
	if err != nil {
		return err
	}
	s.listener = newListener(s, tcp)
	if s.opts.Health == Refusing {
		s.listener.refuse()
	}
	var serving net.Listener = s.listener
	if !s.opts.PlainHTTP {
		cert := s.opts.certificate
		if cert == nil {
			made, err := newCertificate(time.Now())
			if err != nil {
				return errors.Join(err, tcp.Close())
			}
			cert = &made
		}
		s.caPEM, s.certHash = cert.pem, cert.hash
		config := &tls.Config{
			Certificates: []tls.Certificate{cert.pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		}
		if s.clientCAs != nil {
			config.ClientAuth = tls.RequestClientCert // verified when a request uses it
		}
		serving = tls.NewListener(s.listener, config)
	}
	s.host = &http.Server{
		Handler: http.HandlerFunc(s.serve), ConnContext: connContext, ConnState: s.connState,
		ErrorLog: discardLog, BaseContext: func(net.Listener) context.Context { return s.base },
		ReadHeaderTimeout: time.Minute,
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // WinRM is HTTP/1.1 only
	}
	s.tasks.run(func() { _ = s.host.Serve(serving) })
	return nil
}

// openAuth prepares the authentication methods that need more than accounts.
func (s *Server) openAuth() (err error) {
	auth := s.opts.Auth
	if auth.Keytab != nil {
		if s.kerberos, err = krb5.NewService(auth.Keytab); err != nil {
			return err
		}
	}
	if auth.ClientCAs != nil {
		s.clientCAs = x509.NewCertPool()
		if !s.clientCAs.AppendCertsFromPEM(auth.ClientCAs) {
			return errors.New("Auth.ClientCAs holds no certificate in PEM form")
		}
	}
	return nil
}

// Address returns the IP address that the server listens on.
func (s *Server) Address() string { return s.tcpAddr().IP.String() }

// Port returns the TCP port that the server listens on.
func (s *Server) Port() int { return s.tcpAddr().Port }

// URL returns the URL for WinRM clients.
func (s *Server) URL() string {
	scheme := "https"
	if s.opts.PlainHTTP {
		scheme = "http"
	}
	return scheme + "://" + net.JoinHostPort(s.Address(), strconv.Itoa(s.Port())) + "/wsman"
}

func (s *Server) tcpAddr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) } //nolint:forcetypeassert // the listener is a TCP listener

// CACertPEM returns the certificate that a client must trust, in PEM form, or nil for a server on plain HTTP.
func (s *Server) CACertPEM() []byte { return append([]byte(nil), s.caPEM...) }

// Username returns the name of the administrator account of [Options].
func (s *Server) Username() string { return s.opts.Username }

// Password returns the password of that account.
func (s *Server) Password() string { return s.opts.Password }

// WinRM returns a configuration with which a client connects to the host as its administrator.
func (s *Server) WinRM() winrm.Config {
	return winrm.Config{
		Address: s.Address(), Port: s.Port(), TLS: !s.opts.PlainHTTP, CACert: s.CACertPEM(), Username: s.Username(), Password: s.Password(),
	}
}

// StateFile returns the path of the file with the virtual machines of the host.
func (s *Server) StateFile() string { return s.opts.StateFile }

// Reboot restarts the host: all connections break, and all processes, jobs and shells end. New connections wait until the restart
// is complete.
func (s *Server) Reboot() {
	s.boot.Lock()
	defer s.boot.Unlock()
	s.dropConnections()
	s.dropShells()
	s.agents.Reboot()
	_ = standin.KillWorkers(s.workers()) // a worker that cannot be killed cannot be helped here
}

// DropShells deletes all shells with their processes. Jobs continue.
func (s *Server) DropShells() { s.dropShells() }

// DropConnections closes all open connections.
func (s *Server) DropConnections() { s.dropConnections() }

// KillWorker kills the process of a job, like a crash, and returns when it has ended.
func (s *Server) KillWorker(job string) error {
	if s.opts.PowerShell == "" {
		if !s.agents.Kill(job) {
			return fmt.Errorf("simulated host: job %s is not running", job)
		}
		return nil
	}
	text, err := os.ReadFile(filepath.Join(s.ProgramData(), "hypervvm", "jobs", job, "state.json"))
	if err != nil {
		return err
	}
	var state struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return err
	}
	if state.PID == 0 {
		return fmt.Errorf("simulated host: job %s has no worker", job)
	}
	return standin.KillWorker(state.PID)
}

// ProgramData returns the folder in which processes of the host keep data. It belongs to the state file and is kept with it.
func (s *Server) ProgramData() string { return filepath.Join(s.opts.StateFile+".d", "ProgramData") }

// workers returns the path of the list of processes that outlive their shell.
func (s *Server) workers() string { return filepath.Join(s.dir, "workers") }

// Close stops the server: it kills the processes that it started, waits for its goroutines, and removes its temporary files. A
// state file named in [Options] is kept. Further calls return the same error.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.stop()
		err := s.host.Close()
		s.dropConnections()
		s.dropShells()
		s.tasks.wait()
		s.agents.Close()
		s.closeErr = errors.Join(err, standin.KillWorkers(s.workers()), s.removeFiles())
	})
	return s.closeErr
}

func (s *Server) removeFiles() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

func (s *Server) dropConnections() {
	s.mu.Lock()
	open := make([]*connection, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	s.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}
