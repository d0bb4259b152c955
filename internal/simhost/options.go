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

// Options configure a simulated host. The zero value serves HTTPS at a free port of 127.0.0.1, with the defaults of Windows, and
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
	// Auth configures authentication.
	Auth Auth
	// Username and Password are the credentials of the administrator. Empty means "Administrator" and a random password.
	Username, Password string
	// Accounts holds additional accounts by name.
	Accounts map[string]AccountState
	// PowerShell is the path of a PowerShell that runs the commands of powershell.exe. Empty means that a fake agent in Go answers
	// the sessions of the agent, with a part of its features, and that other PowerShell commands fail.
	PowerShell string
	// Programs holds additional commands by lower-case name without ".exe".
	Programs map[string]Program
	// Latency is added to each request: half before the request is served, half before the answer is sent.
	Latency time.Duration
	// Quotas are the limits of the WinRM service. A zero field has the default of Windows.
	Quotas Quotas
	// PipeSize is the number of bytes of one output stream that are buffered before the process blocks; 0 means 4,096.
	PipeSize int
	// SplitOutput is the maximum number of bytes in one Stream element of an answer; 0 means no maximum. Small odd numbers split
	// characters and lines.
	SplitOutput int
	// ReplayReceive answers a Receive that repeats the MessageID of the previous one with the same output. Otherwise the output of
	// a lost answer is lost.
	ReplayReceive bool
	// Faults, if not nil, is called for each authenticated request and returns the fault to inject.
	Faults func(Request) Fault
	// Health is the initial health of the host; [Server.SetHealth] changes it.
	Health Health
	// SlowBy is the additional duration of each request on a [Slow] host; 0 means 2 s.
	SlowBy time.Duration
	// CutOneIn is the average number of requests per connection cut on a [Flapping] host; 0 means 10.
	CutOneIn int
	// Seed initializes the random choice of the requests to cut.
	Seed uint64
	// LogEntries is the number of requests that [Server.Log] keeps; 0 means 65,536.
	LogEntries int
	// Clock times long polls and idle shells; nil means the system clock.
	Clock Clock

	certificate *certificate // nil: the server creates one
}

// Auth configures authentication. The zero value is the default of Windows: NTLM only, with sealed messages over HTTP.
type Auth struct {
	// AllowBasic allows Basic authentication over TLS, and over HTTP with AllowUnencrypted.
	AllowBasic bool
	// AllowUnencrypted allows messages that neither TLS nor NTLM encrypts.
	AllowUnencrypted bool
	// RequireChannelBinding rejects NTLM and Kerberos over TLS without a channel binding (CbtHardeningLevel "Strict"). A wrong
	// channel binding is always rejected.
	RequireChannelBinding bool
	// Keytab holds the keys of the host, in the format of ktadd, and enables Kerberos. A principal is mapped to the account
	// user@REALM, or else user; passwords of accounts are not used.
	Keytab []byte
	// NoNegotiate disables the scheme Negotiate, and with it NTLM: only tickets in the scheme Kerberos are accepted.
	NoNegotiate bool
	// ClientCAs holds the certificate authorities of client certificates in PEM form, and enables client certificates over TLS. The
	// host requests the certificate in the first handshake; Windows renegotiates later.
	ClientCAs []byte
	// ClientAccounts maps the user principal names of client certificates to accounts.
	ClientAccounts map[string]string
}

// AccountState is an account of the host.
type AccountState struct {
	Password string
	// Expired and Locked accounts are rejected with any password.
	Expired, Locked bool
	// RemoteManagementOnly accounts may log in, but not open a shell: members of the group Remote Management Users, and local
	// administrators whose rights are filtered over the network. RootSDDL of WinRM admits only administrators by default.
	// See https://github.com/diyan/pywinrm/issues/336.
	RemoteManagementOnly bool
}

// Program is a command of the host. It receives the part of the command line after its name and returns its exit code. The end of
// ctx means that it was killed: it must return then.
type Program func(ctx context.Context, args string, stdin io.Reader, stdout, stderr io.Writer) int

// Quotas are limits of the WinRM service. A zero field has the default of Windows Server 2012 R2 to 2022, in the comment.
type Quotas struct {
	ShellsPerUser     int           // 30
	Users             int           // 10 with open shells
	ProcessesPerShell int           // 25 running
	OperationsPerUser int           // 1,500; those of a command are released with its shell
	EnvelopeBytes     int           // 512,000
	Timeout           time.Duration // 60 s, the maximum OperationTimeout
	IdleTimeout       time.Duration // 2 h, of a shell that requests none
	Connections       int           // 300
}

// defaultQuotas returns the quotas of Windows Server 2012 R2 to 2022.
func defaultQuotas() Quotas {
	return Quotas{
		ShellsPerUser: 30, Users: 10, ProcessesPerShell: 25, OperationsPerUser: 1500, EnvelopeBytes: 500 << 10,
		Timeout: time.Minute, IdleTimeout: 2 * time.Hour, Connections: 300,
	}
}

func (q Quotas) withDefaults() Quotas {
	d := defaultQuotas()
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

func (o *Options) withDefaults() error {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	name, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", o.Addr, err)
	}
	if ip := net.ParseIP(name); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("address %q: a simulated host listens only on a loopback IP address, such as 127.0.0.1", o.Addr)
	}
	if o.PipeSize < 0 || o.SplitOutput < 0 || o.Latency < 0 || o.SlowBy < 0 || o.CutOneIn < 0 || o.LogEntries < 0 {
		return errors.New("PipeSize, SplitOutput, Latency, SlowBy, CutOneIn and LogEntries must not be negative")
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
		o.LogEntries = defaultLogEntries
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	o.Quotas = o.Quotas.withDefaults()
	return nil
}

// credentials is an account with its name in the original letter case.
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
