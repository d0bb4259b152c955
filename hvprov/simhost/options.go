// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Options says how a simulated host is to be. The zero value is a host on HTTPS at a free port of 127.0.0.1, with
// Windows' own defaults, whose state ends with it.
type Options struct {
	// StateFile holds the host's virtual machines; it is made where it is missing. Empty: a temporary file, removed
	// at Close.
	StateFile string
	// Addr is the host:port to listen on; it has to be a loopback address. Empty: 127.0.0.1:0, a free port.
	Addr string
	// PlainHTTP serves HTTP. Otherwise the server makes a certificate of its own and serves HTTPS.
	PlainHTTP bool
	// Auth is the service's configuration of authentication.
	Auth Auth
	// Username and Password are those of the administrator. Empty: "Administrator" and a random password.
	Username, Password string
	// Accounts are further accounts, by name.
	Accounts map[string]AccountState
	// PowerShell is the path of a PowerShell that runs powershell.exe's commands. Empty: the server answers the
	// agent's session itself, and knows no other PowerShell command.
	PowerShell string
	// Programs are further commands that the host knows, by lower-case name without ".exe".
	Programs map[string]Program
	// Latency is added to each request: half on its way in, half on its answer's way out.
	Latency time.Duration
	// Quotas are the service's limits. A field that is zero has Windows' default.
	Quotas Quotas
	// PipeSize is how many bytes of one stream a process may have written that nobody has received, before it
	// blocks. Zero: 4,096.
	PipeSize int
	// SplitOutput, when not zero, is the greatest number of bytes in one Stream element of an answer. Small odd
	// numbers cut characters and lines apart.
	SplitOutput int
	// ReplayReceive makes a Receive with the MessageID of the one before it give the same answer again.
	// Otherwise the output of an answer that was lost is lost.
	ReplayReceive bool
	// Faults, if not nil, is asked about each authenticated request, and says what goes wrong with it.
	Faults func(Request) Fault
	// Health is how the host does at first; [Server.SetHealth] changes it.
	Health Health
	// SlowBy is how much longer each request takes on a [Slow] host. Zero: 2 s.
	SlowBy time.Duration
	// CutOneIn is how many requests a [Flapping] host cuts one of, on average. Zero: 10.
	CutOneIn int
	// Seed is where the generator begins that says which.
	Seed uint64
	// LogEntries is how many requests [Server.Log] keeps. Zero: 65,536.
	LogEntries int
	// Clock times long polls and idle shells. Nil: the system's.
	Clock Clock

	certificate *certificate // nil: the server makes one
}

// Auth is the service's configuration of authentication. The zero value is Windows' default: NTLM only, and on plain
// HTTP only sealed.
type Auth struct {
	// AllowBasic lets a client use Basic authentication: over TLS, and with AllowUnencrypted over HTTP too.
	AllowBasic bool
	// AllowUnencrypted lets a client send messages that neither TLS nor NTLM seals.
	AllowUnencrypted bool
	// RequireChannelBinding refuses NTLM and Kerberos over TLS without a channel binding (CbtHardeningLevel "Strict").
	// One that is sent and wrong is refused always.
	RequireChannelBinding bool
	// Keytab holds the host's keys, as ktadd writes them, and lets clients use Kerberos. A user of a realm is the account
	// user@REALM, or else user; passwords of accounts do not matter then.
	Keytab []byte
	// ClientCAs are the authorities, in PEM form, of client certificates, and let clients use those over TLS. The host asks for
	// a certificate when the connection begins, where Windows does so later.
	ClientCAs []byte
	// ClientAccounts maps the user principal names that client certificates bear to accounts.
	ClientAccounts map[string]string
}

// AccountState is an account of the host.
type AccountState struct {
	Password string
	// Expired and Locked accounts are refused, whatever the password.
	Expired, Locked bool
}

// Program is a command of the host: it gets what follows its name on the command line, and gives its exit code.
// It has to return soon after ctx ends, for then it has been killed.
type Program func(ctx context.Context, args string, stdin io.Reader, stdout, stderr io.Writer) int

// Quotas are limits of the WinRM service. A field that is zero has the default of Windows Server 2012 R2 to 2022.
type Quotas struct {
	ShellsPerUser     int           // 30
	Users             int           // 10, with shells at the same time
	ProcessesPerShell int           // 25, running
	OperationsPerUser int           // 1,500; a command's is given back only with its shell
	EnvelopeBytes     int           // 512,000
	Timeout           time.Duration // 60 s, the greatest OperationTimeout
	IdleTimeout       time.Duration // 2 h, of a shell that asks for none
	Connections       int           // 300
}

// DefaultQuotas gives the quotas of Windows Server 2012 R2 to 2022.
func DefaultQuotas() Quotas {
	return Quotas{
		ShellsPerUser: 30, Users: 10, ProcessesPerShell: 25, OperationsPerUser: 1500, EnvelopeBytes: 500 << 10,
		Timeout: time.Minute, IdleTimeout: 2 * time.Hour, Connections: 300,
	}
}

func (q Quotas) complete() Quotas {
	d := DefaultQuotas()
	for _, v := range []struct{ have, def *int }{
		{&q.ShellsPerUser, &d.ShellsPerUser},
		{&q.Users, &d.Users},
		{&q.ProcessesPerShell, &d.ProcessesPerShell},
		{&q.OperationsPerUser, &d.OperationsPerUser},
		{&q.EnvelopeBytes, &d.EnvelopeBytes},
		{&q.Connections, &d.Connections},
	} {
		if *v.have == 0 {
			*v.have = *v.def
		}
	}
	if q.Timeout == 0 {
		q.Timeout = d.Timeout
	}
	if q.IdleTimeout == 0 {
		q.IdleTimeout = d.IdleTimeout
	}
	return q
}

func (o *Options) complete() error {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	name, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", o.Addr, err)
	}
	if ip := net.ParseIP(name); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("address %q: a simulated host serves only a loopback IP address, such as 127.0.0.1", o.Addr)
	}
	if o.PipeSize < 0 || o.SplitOutput < 0 || o.Latency < 0 || o.SlowBy < 0 || o.CutOneIn < 0 || o.LogEntries < 0 {
		return errors.New("pipe size, split, latency, slowness, cuts and log entries cannot be negative")
	}
	if o.Username == "" {
		o.Username = "Administrator"
	}
	if o.Password == "" {
		o.Password = rand.Text()
	}
	if o.PipeSize == 0 {
		o.PipeSize = 4096
	}
	if o.SlowBy == 0 {
		o.SlowBy = 2 * time.Second
	}
	if o.CutOneIn == 0 {
		o.CutOneIn = 10
	}
	if o.LogEntries == 0 {
		o.LogEntries = keptEntries
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	o.Quotas = o.Quotas.complete()
	return nil
}

// credentials is an account under its name as it was given.
type credentials struct {
	name string
	AccountState
}

func (o *Options) credentials() map[string]credentials {
	all := map[string]credentials{}
	for name, state := range o.Accounts {
		all[strings.ToLower(name)] = credentials{name, state}
	}
	all[strings.ToLower(o.Username)] = credentials{o.Username, AccountState{Password: o.Password}}
	return all
}
