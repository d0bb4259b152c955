// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
)

const service = "HTTP/hv01.lab.example"

func TestTicketsOfARealKDC(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddService(service)
	kdc.AddUser("operator", "correct horse")
	kdc.AddUser("unguarded", "correct horse", "-requires_preauth")
	kdc.AddUser("locked", "correct horse", "-allow_tix")
	kdc.AddUser("expired", "correct horse", "-expire", "yesterday")
	kdc.AddUser("stale", "correct horse", "-pwexpire", "yesterday")
	cache := kdc.Kinit("operator", "correct horse")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	cases := []struct {
		name   string
		change func(*Options)
		want   string // empty: a token
	}{
		{"a password", func(*Options) {}, ""},
		{"a user with a realm", func(o *Options) { o.Username = "operator@LAB.EXAMPLE" }, ""},
		{"a realm in small letters", func(o *Options) { o.Username, o.Realm = "operator", "lab.example" }, ""},
		{"a user with Windows' short domain", func(o *Options) { o.Username = `LAB\operator` }, ""},
		{"a user that need not prove the password first", func(o *Options) { o.Username = "unguarded" }, ""},
		{"a wrong password", func(o *Options) { o.Password = "wrong" }, "the password is wrong"},
		{"a wrong password that need not be proved first", func(o *Options) { o.Username, o.Password = "unguarded", "wrong" }, "the password is wrong"},
		{"an unknown user", func(o *Options) { o.Username = "nobody" }, "does not know the user"},
		{"a locked account", func(o *Options) { o.Username = "locked" }, "locked, disabled or expired"},
		{"an expired account", func(o *Options) { o.Username = "expired" }, "account has expired"},
		{"an expired password", func(o *Options) { o.Username = "stale" }, "password has expired"},
		{"an unknown service", func(o *Options) { o.SPN = "HTTP/192.0.2.1" }, "does not know the service HTTP/192.0.2.1; use the host's DNS name"},
		{"an unknown realm", func(o *Options) { o.Realm = "NOWHERE.EXAMPLE" }, "names no KDC for realm NOWHERE.EXAMPLE"},
		{"a credential cache", func(o *Options) { *o = Options{CCache: cache, ConfigFile: o.ConfigFile, SPN: o.SPN} }, ""},
		{"a credential cache, by type", func(o *Options) { o.CCache, o.Password = "FILE:"+cache, "" }, ""},
		{"a credential cache of another user", func(o *Options) { o.Username, o.CCache, o.Password = "nobody", cache, "" }, "it is that of operator@LAB.EXAMPLE"},
		{"a credential cache that is none", func(o *Options) { o.CCache, o.Password = o.ConfigFile, "" }, "it cannot be read as one"},
		{"a credential cache that is empty", func(o *Options) { o.CCache, o.Password = empty, "" }, "it cannot be read as one"},
		{"a credential cache that is not there", func(o *Options) { o.CCache, o.Password = empty+"x", "" }, "run kinit"},
		{"a credential cache in the kernel", func(o *Options) { o.CCache, o.Password = "KEYRING:persistent:0", "" }, "type KEYRING cannot be read"},
		{"a configuration that is not there", func(o *Options) { o.ConfigFile = empty + "x" }, "name a readable krb5.conf"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := Options{Username: "operator", Password: "correct horse", ConfigFile: kdc.ConfigFile, SPN: service}
			c.change(&options)
			token, err := New(options).Token(t.Context(), time.Minute, nil)
			var refused *Error
			switch {
			case c.want == "" && (err != nil || len(token.Bytes) == 0):
				t.Errorf("got %v", err)
			case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestARefusedPasswordIsProvedOnce(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddUser("operator", "correct horse")
	client := New(Options{Username: "operator", Password: "wrong", ConfigFile: kdc.ConfigFile, SPN: service})
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil {
		t.Fatal("a wrong password was taken")
	}
	if as, _ := kdc.Requests(); as != 2 { // one asks what proof is wanted
		t.Errorf("%d AS requests", as)
	}
}

func TestTicketsAreKeptAndReplacedBeforeTheirEnd(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddService(service)
	kdc.AddUser("operator", "correct horse")
	count := func(what string, wantAS, wantTGS int) {
		t.Helper()
		if as, tgs := kdc.Requests(); as != wantAS || tgs != wantTGS {
			t.Errorf("%s: %d AS and %d TGS requests, want %d and %d", what, as, tgs, wantAS, wantTGS)
		}
	}
	must := func(client *Client) {
		t.Helper()
		if _, err := client.Token(t.Context(), time.Minute, nil); err != nil {
			t.Fatal(err)
		}
	}
	options := Options{Username: "operator", Password: "correct horse", ConfigFile: kdc.ConfigFile, SPN: service}
	client := New(options)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { must(client) })
	}
	all.Wait()
	count("twenty at once", 2, 1)

	client.now = func() time.Time { return time.Now().Add(10*time.Hour - time.Minute) }
	must(client)
	count("near the end of the tickets", 4, 2)

	// A cache's tickets are renewed, and the cache is read again where that is not possible.
	options.Password, options.CCache = "", kdc.Kinit("operator", "correct horse", "-l", "1h", "-r", "2h")
	client = New(options)
	must(client)
	count("with a cache", 6, 3) // kinit's among them
	client.now = func() time.Time { return time.Now().Add(time.Hour - time.Minute) }
	must(client)
	count("near the end of a cache's ticket", 6, 5)
	client.now = func() time.Time { return time.Now().Add(time.Hour) }
	client.granter, client.service = nil, nil
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "its ticket expired at") {
		t.Errorf("got %v", err)
	}
	count("after the end of a cache's ticket", 6, 5)
}

func TestAServiceInATrustedRealm(t *testing.T) {
	t.Parallel()
	kdc := krbtest.StartBoth(t)
	const there = "HTTP/hv02.other.example"
	kdc.AddTrustedService(there)
	kdc.AddUser("operator", "correct horse")
	read, err := os.ReadFile(kdc.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	mapped := writeConfig(t, string(read)+"[domain_realm]\n.other.example = "+krbtest.Trusted+"\n")
	for name, options := range map[string]Options{
		"the KDC refers to it":        {ConfigFile: kdc.ConfigFile, SPN: there},
		"the configuration has it":    {ConfigFile: mapped, SPN: there},
		"the name of the service has": {ConfigFile: kdc.ConfigFile, SPN: there + "@" + krbtest.Trusted},
	} {
		options.Username, options.Password = "operator", "correct horse"
		client := New(options)
		if _, err := client.Token(t.Context(), time.Minute, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if client.service.Realm != krbtest.Trusted {
			t.Errorf("%s: the ticket is of realm %s", name, client.service.Realm)
		}
	}
}

func TestAContextEndsARequestToAKDCThatIsSilent(t *testing.T) {
	t.Parallel()
	kdc := silentKDC(t)
	client := New(Options{Username: "operator", Password: "p", ConfigFile: configFor(t, kdc), SPN: service})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-kdc.asked
		cancel()
	}()
	if _, err := client.Token(ctx, time.Minute, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
