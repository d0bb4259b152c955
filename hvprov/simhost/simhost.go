// SPDX-License-Identifier: MPL-2.0

// Package simhost is a simulated Hyper-V host: a WSMan server on loopback that speaks real WinRM, keeps a real
// host's quotas and faults, and holds its virtual machines in a state file.
//
// Any WinRM client can use it. It authenticates with Basic, NTLM (sealed or over TLS), Kerberos and client
// certificates, runs shells and commands, answers long polls, and blocks a process whose output nobody receives. A
// command that starts the agent of this project is run by a real PowerShell where [Options.PowerShell] names one, and
// is answered in Go elsewhere, over the same state file. Everything that a client did can be read from
// [Server.Counters] and [Server.Log].
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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/internal/fakeagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/internal/krb5"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/standin"
)

// Server is a running simulated host. Its methods may be called from any goroutine.
type Server struct {
	opts     Options
	clock    Clock
	host     *http.Server
	listener *listener
	health   *condition
	caPEM    []byte
	certHash []byte // of the certificate, for channel bindings

	kerberos  *krb5.Service  // nil: not served
	clientCAs *x509.CertPool // nil: client certificates are not served

	hostName string
	dir      string // the server's own temporary folder
	store    *hyperv.Store
	agents   *fakeagent.Host // where no PowerShell runs the agent

	base  context.Context // ends with the server
	stop  context.CancelFunc
	tasks group // handlers, connections, processes, clean-ups

	boot sync.RWMutex // held while the host restarts

	mu        sync.Mutex
	shells    map[string]*shell
	closed    bool
	modules   string                 // folder of the stand-in modules, once written
	actions   map[string]int         // requests by action, for Request.Nth
	conns     map[*connection]bool   // open ones
	connCount int                    // ever accepted
	log       journal                // has a lock of its own
	counts    counts                 // guarded by mu
	accounts  map[string]credentials // by lower-case name
	closeOnce sync.Once
	closeErr  error
}

// Start makes a simulated host that serves until [Server.Close].
func Start(opts Options) (*Server, error) {
	if err := opts.complete(); err != nil {
		return nil, fmt.Errorf("simulated host: %w", err)
	}
	s := &Server{
		opts: opts, clock: opts.Clock, shells: map[string]*shell{}, hostName: "SIMHOST",
		actions: map[string]int{}, conns: map[*connection]bool{}, accounts: opts.credentials(),
	}
	s.health, s.log.limit = newCondition(opts), opts.LogEntries
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
	tcp, err := net.Listen("tcp", s.opts.Addr) //nolint:noctx // it is there at once
	if err != nil {
		return err
	}
	s.listener = newListener(s, tcp)
	if s.opts.Health == Refusing {
		s.listener.shut()
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
			config.ClientAuth = tls.RequestClientCert // which is judged when a request refers to it
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

// openAuth prepares the ways of authenticating that need more than accounts.
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
			return errors.New("the authorities of client certificates hold no certificate in PEM form")
		}
	}
	return nil
}

// Address gives the IP address that the server listens on.
func (s *Server) Address() string { return s.tcpAddr().IP.String() }

// Port gives the TCP port that the server listens on.
func (s *Server) Port() int { return s.tcpAddr().Port }

// URL gives the address that a WinRM client posts to.
func (s *Server) URL() string {
	scheme := "https"
	if s.opts.PlainHTTP {
		scheme = "http"
	}
	return scheme + "://" + net.JoinHostPort(s.Address(), strconv.Itoa(s.Port())) + "/wsman"
}

func (s *Server) tcpAddr() *net.TCPAddr { return s.listener.Addr().(*net.TCPAddr) } //nolint:forcetypeassert // it listens on TCP

// CACertPEM gives the certificate that a client has to trust, or nil for a server on plain HTTP.
func (s *Server) CACertPEM() []byte { return append([]byte(nil), s.caPEM...) }

// Username gives the name of the account that [Options] asked for.
func (s *Server) Username() string { return s.opts.Username }

// Password gives the password of that account.
func (s *Server) Password() string { return s.opts.Password }

// StateFile gives the path of the file that holds the host's virtual machines.
func (s *Server) StateFile() string { return s.opts.StateFile }

// Reboot does what a restart of the host does: every connection breaks, every process, job and shell is gone. New
// connections wait until it is over.
func (s *Server) Reboot() {
	s.boot.Lock()
	defer s.boot.Unlock()
	s.dropConnections()
	s.dropShells()
	s.agents.Reboot()
	_ = standin.KillWorkers(s.workers()) // one that does not end is waited for in vain: nothing can be done about it
}

// DropShells ends every shell with its processes, as their deletion or a quota does. Jobs go on.
func (s *Server) DropShells() { s.dropShells() }

// DropConnections breaks every connection that is open.
func (s *Server) DropConnections() { s.dropConnections() }

// KillWorker ends the process of a job where it is, as a crash would, and returns when it is gone.
func (s *Server) KillWorker(job string) error {
	if s.opts.PowerShell == "" {
		if !s.agents.Kill(job) {
			return fmt.Errorf("simulated host: job %s does not run", job)
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

// ProgramData gives the folder that the processes of the host keep their data in. It stays with the state file.
func (s *Server) ProgramData() string { return filepath.Join(s.opts.StateFile+".d", "ProgramData") }

// workers is the file that lists the processes that outlive their shell.
func (s *Server) workers() string { return filepath.Join(s.dir, "workers") }

// Close ends the server: it kills the processes that it started, waits for its goroutines, and removes what it made
// for itself. A state file that [Options] named stays. Further calls do nothing.
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
