// SPDX-License-Identifier: MPL-2.0

// Package krbtest runs a Kerberos KDC of MIT Kerberos for tests. It needs the programs of the Debian packages krb5-kdc,
// krb5-admin-server and krb5-user; if they are not installed, the test is skipped.
package krbtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

const (
	// Realm is the name of the KDC's realm.
	Realm = "LAB.EXAMPLE"
	// OtherRealm is the name of a second realm, which trusts Realm. Its services are in the domain other.example.
	OtherRealm = "OTHER.EXAMPLE"
)

// KDC is a KDC that runs until the end of the test.
type KDC struct {
	// ConfigFile is the path of a krb5.conf for clients.
	ConfigFile string

	t        *testing.T
	dir      string
	programs map[string]string
	env      []string
	counter  *requestCounter
}

// Start creates a realm and starts its KDC on 127.0.0.1.
func Start(t *testing.T) *KDC {
	t.Helper()
	k := prepare(t)
	k.serve(Realm)
	return k
}

// StartWithTrust is like Start, but the KDC also serves OtherRealm.
func StartWithTrust(t *testing.T) *KDC {
	t.Helper()
	k := prepare(t)
	k.create(OtherRealm)
	for _, realm := range []string{Realm, OtherRealm} {
		k.kadmin(realm, "add_principal -pw between krbtgt/"+OtherRealm+"@"+Realm)
	}
	k.serve(Realm, OtherRealm)
	return k
}

// programFolders are searched for the programs. Debian installs some of them outside of a user's PATH.
var programFolders = []string{"", "/usr/sbin", "/usr/local/sbin", "/usr/lib/mit/sbin", "/opt/homebrew/opt/krb5/sbin"}

func findProgram(name string) (string, bool) {
	for _, folder := range programFolders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path, true
		}
	}
	return "", false
}

// prepare writes the configuration and creates the database.
func prepare(t *testing.T) *KDC {
	t.Helper()
	k := &KDC{t: t, dir: t.TempDir(), programs: map[string]string{}}
	for _, name := range []string{"krb5kdc", "kdb5_util", "kadmin.local", "kinit"} {
		path, found := findProgram(name)
		if !found {
			t.Skipf("Kerberos: %s is not installed (Debian packages krb5-kdc, krb5-admin-server and krb5-user)", name)
		}
		k.programs[name] = path
	}
	port := freePort(t)
	k.counter = &requestCounter{kdc: fmt.Sprintf("127.0.0.1:%d", port)}
	address := tcptest.Serve(t, k.counter.relay)
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
`, Realm, address, OtherRealm))
	profile := k.write("kdc.conf", fmt.Sprintf("[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:%d\n", port)+
		"[domain_realm]\n .other.example = "+OtherRealm+"\n[logging]\n kdc = STDERR\n[realms]\n"+k.profile(Realm)+k.profile(OtherRealm))
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.ConfigFile, "KRB5_KDC_PROFILE="+profile, "KRB5CCNAME=FILE:"+filepath.Join(k.dir, "default.ccache"))
	k.create(Realm)
	return k
}

// profile returns the section of a realm in kdc.conf.
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
	k.run("", "kdb5_util", "create", "-s", "-r", realm, "-P", "master password")
}

// serve starts the KDC and returns when it accepts requests.
func (k *KDC) serve(realms ...string) {
	k.t.Helper()
	arguments := []string{"-n", "-P", filepath.Join(k.dir, "pid")}
	for _, realm := range realms {
		arguments = append(arguments, "-r", realm)
	}
	command := exec.Command(k.programs["krb5kdc"], arguments...) //nolint:noctx // killed in the cleanup
	command.Env = k.env
	stderr, err := command.StderrPipe()
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
		lines := bufio.NewScanner(io.TeeReader(stderr, &all))
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
		_ = command.Wait() // returns an error because the process was killed
		if k.t.Failed() {
			k.t.Logf("log of the KDC:\n%s", text)
		}
	})
	if !<-ready {
		k.t.Fatal("the KDC did not start")
	}
}

// AddUser adds a user. attributes are further arguments of kadmin's add_principal command.
func (k *KDC) AddUser(name, password string, attributes ...string) {
	k.t.Helper()
	k.kadmin(Realm, fmt.Sprintf("add_principal -pw %q %s %s", password, strings.Join(attributes, " "), name))
}

// AddService adds a service, for example HTTP/127.0.0.1 or HTTP/hv02@OTHER.EXAMPLE, and returns a keytab with its keys. An
// existing service gets new keys.
func (k *KDC) AddService(name string) (keytab []byte) {
	k.t.Helper()
	realm := Realm
	if _, after, found := strings.Cut(name, "@"); found {
		realm = after
	}
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

// Kinit obtains a ticket for a user and returns the path of its credential cache. arguments are further arguments of kinit.
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

// Requests returns the numbers of AS and TGS requests so far. A login takes one or two AS requests, a service ticket one TGS
// request.
func (k *KDC) Requests() (as, tgs int) { return k.counter.counts() }

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
	l := tcptest.Listen(t)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
}
