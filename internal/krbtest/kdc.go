// SPDX-License-Identifier: MPL-2.0

// Package krbtest runs a real Kerberos KDC, MIT's, for tests. On Debian its programs are in the packages krb5-kdc,
// krb5-admin-server and krb5-user; where they are not found, the test is left out.
package krbtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Realm is the name of the realm.
const Realm = "LAB.EXAMPLE"

// Trusted is the name of a second realm, which takes Realm's word for its users. Its services are in the domain other.example.
const Trusted = "OTHER.EXAMPLE"

// KDC is a running KDC of a realm of its own, which ends with the test.
type KDC struct {
	// ConfigFile is a krb5.conf for clients.
	ConfigFile string

	t        *testing.T
	dir      string
	programs map[string]string
	env      []string
	relay    *relay
}

// where Debian has the programs that are not in everyone's path.
var folders = []string{"", "/usr/sbin", "/usr/local/sbin", "/usr/lib/mit/sbin", "/opt/homebrew/opt/krb5/sbin"}

func find(name string) (string, bool) {
	for _, folder := range folders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path, true
		}
	}
	return "", false
}

// prepare makes the database and the configuration.
func prepare(t *testing.T) *KDC {
	t.Helper()
	k := &KDC{t: t, dir: t.TempDir(), programs: map[string]string{}}
	for _, name := range []string{"krb5kdc", "kdb5_util", "kadmin.local", "kinit"} {
		path, found := find(name)
		if !found {
			t.Skipf("Kerberos: %s is not found (Debian: krb5-kdc, krb5-admin-server, krb5-user)", name)
		}
		k.programs[name] = path
	}
	port := freePort(t)
	k.relay = startRelay(t, port)
	k.ConfigFile = k.write("krb5.conf", fmt.Sprintf(`[libdefaults]
	default_realm = %[1]s
	dns_lookup_kdc = false
	dns_canonicalize_hostname = false
	rdns = false
	udp_preference_limit = 1
[realms]
	%[1]s = {
		kdc = %[2]s
	}
	%[3]s = {
		kdc = %[2]s
	}
`, Realm, k.relay.listener.Addr(), Trusted))
	profile := k.write("kdc.conf", fmt.Sprintf("[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:%d\n", port)+
		"[domain_realm]\n .other.example = "+Trusted+"\n[logging]\n kdc = STDERR\n[realms]\n"+k.profile(Realm)+k.profile(Trusted))
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.ConfigFile, "KRB5_KDC_PROFILE="+profile, "KRB5CCNAME=FILE:"+filepath.Join(k.dir, "default.ccache"))
	k.create(Realm)
	return k
}

// Start makes a realm and runs its KDC on loopback. It skips the test where MIT's programs are not there.
func Start(t *testing.T) *KDC {
	t.Helper()
	k := prepare(t)
	k.serve(Realm)
	return k
}

// StartBoth is Start with the second realm beside the first, on the same KDC.
func StartBoth(t *testing.T) *KDC {
	t.Helper()
	k := prepare(t)
	k.create(Trusted)
	for _, realm := range []string{Realm, Trusted} {
		k.kadmin(realm, "add_principal -pw between krbtgt/"+Trusted+"@"+Realm)
	}
	k.serve(Realm, Trusted)
	return k
}

func (k *KDC) profile(realm string) string {
	return fmt.Sprintf(`	%[1]s = {
		database_name = %[2]s/%[1]s
		key_stash_file = %[2]s/%[1]s.stash
		acl_file = %[2]s/acl
		max_life = 10h
		max_renewable_life = 7d
		default_principal_flags = +preauth
	}
`, realm, k.dir)
}

func (k *KDC) create(realm string) {
	k.t.Helper()
	k.run("", "kdb5_util", "create", "-s", "-r", realm, "-P", "of no use to anyone")
}

// serve runs the KDC until the test ends, and returns when it takes requests.
func (k *KDC) serve(realms ...string) {
	k.t.Helper()
	arguments := []string{"-n", "-P", filepath.Join(k.dir, "pid")}
	for _, realm := range realms {
		arguments = append(arguments, "-r", realm)
	}
	command := exec.Command(k.programs["krb5kdc"], arguments...) //nolint:noctx // killed below
	command.Env = k.env
	said, err := command.StderrPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		k.t.Fatal(err)
	}
	log := make(chan string)
	ready := make(chan bool, 1)
	go func() {
		var all bytes.Buffer
		lines := bufio.NewScanner(io.TeeReader(said, &all))
		for lines.Scan() {
			if strings.Contains(lines.Text(), "commencing operation") {
				ready <- true
			}
		}
		close(ready)
		log <- all.String()
	}()
	k.t.Cleanup(func() {
		_ = command.Process.Kill()
		text := <-log
		_ = command.Wait() // it was killed
		if k.t.Failed() {
			k.t.Logf("the KDC said:\n%s", text)
		}
	})
	if !<-ready {
		k.t.Fatal("the KDC did not start")
	}
}

// AddUser adds a user with a password; attributes are further arguments of kadmin's add_principal.
func (k *KDC) AddUser(name, password string, attributes ...string) {
	k.t.Helper()
	k.kadmin(Realm, fmt.Sprintf("add_principal -pw %q %s %s", password, strings.Join(attributes, " "), name))
}

// AddService adds a service, such as HTTP/127.0.0.1, and gives the keytab with its keys. A service that is there already gets
// new keys.
func (k *KDC) AddService(name string) (keytab []byte) { return k.addService(Realm, name) }

// AddTrustedService is AddService for the second realm.
func (k *KDC) AddTrustedService(name string) (keytab []byte) { return k.addService(Trusted, name) }

func (k *KDC) addService(realm, name string) (keytab []byte) {
	k.t.Helper()
	file := filepath.Join(k.dir, "keytab")
	_ = os.Remove(file)
	k.kadmin(realm, "add_principal -randkey -requires_preauth "+name, fmt.Sprintf("ktadd -k %s %s", file, name))
	keytab, err := os.ReadFile(file)
	if err != nil {
		k.t.Fatal(err)
	}
	return keytab
}

func (k *KDC) kadmin(realm string, commands ...string) {
	k.t.Helper()
	k.run(strings.Join(commands, "\n")+"\n", "kadmin.local", "-r", realm)
}

// Kinit gets a ticket for a user and gives the path of its cache; arguments are further ones of kinit.
func (k *KDC) Kinit(name, password string, arguments ...string) (ccache string) {
	k.t.Helper()
	f, err := os.CreateTemp(k.dir, "ccache-")
	if err != nil {
		k.t.Fatal(err)
	}
	_ = f.Close()
	k.run(password+"\n", "kinit", append(arguments, "-c", "FILE:"+f.Name(), name+"@"+Realm)...)
	return f.Name()
}

// Requests counts what clients have asked the KDC for so far: logins take one or two AS requests, each ticket a TGS request.
func (k *KDC) Requests() (as, tgs int) {
	k.relay.mu.Lock()
	defer k.relay.mu.Unlock()
	return k.relay.as, k.relay.tgs
}

func (k *KDC) run(input, program string, arguments ...string) {
	k.t.Helper()
	command := exec.CommandContext(k.t.Context(), k.programs[program], arguments...)
	command.Env, command.Stdin = k.env, strings.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		k.t.Fatalf("%s %v: %v\n%s", program, arguments, err, out)
	}
}

func (k *KDC) write(name, text string) (path string) {
	k.t.Helper()
	path = filepath.Join(k.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	l := listen(t)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// relay stands before the KDC and counts its requests.
type relay struct {
	listener net.Listener
	kdc      string
	tasks    sync.WaitGroup

	mu      sync.Mutex
	as, tgs int
}

func startRelay(t *testing.T, port int) *relay {
	t.Helper()
	listener := listen(t)
	r := &relay{listener: listener, kdc: fmt.Sprintf("127.0.0.1:%d", port)}
	ctx, stop := context.WithCancel(context.Background())
	r.tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.tasks.Go(func() { r.pass(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		stop()
		_ = listener.Close()
		r.tasks.Wait()
	})
	return r
}

// pass counts the one request of a connection, and carries it and its answer.
func (r *relay) pass(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	kdc, err := new(net.Dialer).DialContext(ctx, "tcp", r.kdc)
	if err != nil {
		return
	}
	defer func() { _ = kdc.Close() }()
	defer context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = kdc.Close()
	})()
	head := make([]byte, 5) // the length, and the tag of the message
	if _, err := io.ReadFull(client, head); err != nil {
		return
	}
	r.mu.Lock()
	switch head[4] {
	case 0x6a: // [APPLICATION 10]
		r.as++
	case 0x6c: // [APPLICATION 12]
		r.tgs++
	}
	r.mu.Unlock()
	if _, err := kdc.Write(head); err != nil {
		return
	}
	r.tasks.Go(func() {
		_, _ = io.Copy(kdc, client)
		_ = kdc.Close() // a KDC waits for further requests
	})
	_, _ = io.Copy(client, kdc)
}
