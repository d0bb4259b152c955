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

func TestTokensWithAMITKDC(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddService(service)
	kdc.AddUser("operator", "correct horse")
	kdc.AddUser("nopreauth", "correct horse", "-requires_preauth")
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
		want   string // empty: success
	}{
		{"a password", func(*Options) {}, ""},
		{"a user with a realm", func(o *Options) { o.Username = "operator@LAB.EXAMPLE" }, ""},
		{"a realm in lower case", func(o *Options) { o.Username, o.Realm = "operator", "lab.example" }, ""},
		{"a user with a NetBIOS domain", func(o *Options) { o.Username = `LAB\operator` }, ""},
		{"a user without preauthentication", func(o *Options) { o.Username = "nopreauth" }, ""},
		{"a wrong password", func(o *Options) { o.Password = "wrong" }, "the password is wrong"},
		{"a wrong password without preauthentication", func(o *Options) { o.Username, o.Password = "nopreauth", "wrong" }, "the password is wrong"},
		{"an unknown user", func(o *Options) { o.Username = "nobody" }, "the user is unknown"},
		{"a locked account", func(o *Options) { o.Username = "locked" }, "locked, disabled or expired"},
		{"an expired account", func(o *Options) { o.Username = "expired" }, "account has expired"},
		{"an expired password", func(o *Options) { o.Username = "stale" }, "password has expired"},
		{"an unknown service", func(o *Options) { o.SPN = "HTTP/192.0.2.1" }, "the service HTTP/192.0.2.1 is unknown; use the host's DNS name"},
		{"an unknown realm", func(o *Options) { o.Realm = "NOWHERE.EXAMPLE" }, "no KDC is configured for realm NOWHERE.EXAMPLE"},
		{"a credential cache", func(o *Options) { *o = Options{CCache: cache, ConfigFile: o.ConfigFile, SPN: o.SPN} }, ""},
		{"a credential cache with its type", func(o *Options) { o.CCache, o.Password = "FILE:"+cache, "" }, ""},
		{"a credential cache of another user", func(o *Options) { o.Username, o.CCache, o.Password = "nobody", cache, "" }, "cache belongs to operator@LAB.EXAMPLE"},
		{"a credential cache of another format", func(o *Options) { o.CCache, o.Password = o.ConfigFile, "" }, "file is not a credential cache"},
		{"an empty credential cache", func(o *Options) { o.CCache, o.Password = empty, "" }, "file is not a credential cache"},
		{"a missing credential cache", func(o *Options) { o.CCache, o.Password = empty+"x", "" }, "run kinit"},
		{"a credential cache in the kernel", func(o *Options) { o.CCache, o.Password = "KEYRING:persistent:0", "" }, "type KEYRING are not supported"},
		{"a missing configuration", func(o *Options) { o.ConfigFile = empty + "x" }, "set the path of a readable krb5.conf"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := Options{Username: "operator", Password: "correct horse", ConfigFile: kdc.ConfigFile, SPN: service}
			c.change(&options)
			token, err := New(options).Token(t.Context(), time.Minute, nil)
			var refused *Error
			switch {
			case c.want == "" && (err != nil || len(token.SPNEGO) == 0):
				t.Errorf("got %v", err)
			case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestARejectedPasswordIsSentOnce(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddUser("operator", "correct horse")
	client := New(Options{Username: "operator", Password: "wrong", ConfigFile: kdc.ConfigFile, SPN: service})
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil {
		t.Fatal("a wrong password was accepted")
	}
	if as, _ := kdc.Requests(); as != 2 { // the first is sent without preauthentication
		t.Errorf("%d AS requests", as)
	}
}

func TestTicketsAreCachedAndReplacedBeforeTheirEnd(t *testing.T) {
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
	mustGetToken := func(client *Client) {
		t.Helper()
		if _, err := client.Token(t.Context(), time.Minute, nil); err != nil {
			t.Fatal(err)
		}
	}
	options := Options{Username: "operator", Password: "correct horse", ConfigFile: kdc.ConfigFile, SPN: service}
	client := New(options)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { mustGetToken(client) })
	}
	all.Wait()
	count("twenty concurrent requests", 2, 1)

	client.now = func() time.Time { return time.Now().Add(10*time.Hour - time.Minute) }
	mustGetToken(client)
	count("near the end of the tickets", 4, 2)

	// The tickets of a credential cache are renewed. If that is not possible, the cache is read again.
	options.Password, options.CCache = "", kdc.Kinit("operator", "correct horse", "-l", "1h", "-r", "2h")
	client = New(options)
	mustGetToken(client)
	count("with a cache", 6, 3) // including kinit's
	client.now = func() time.Time { return time.Now().Add(time.Hour - time.Minute) }
	mustGetToken(client)
	count("near the end of the ticket in the cache", 6, 5)
	client.now = func() time.Time { return time.Now().Add(time.Hour) }
	client.tgt, client.service = nil, nil
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "ticket expired at") {
		t.Errorf("got %v", err)
	}
	count("after the end of the ticket in the cache", 6, 5)
}

func TestAServiceInAnotherRealm(t *testing.T) {
	t.Parallel()
	kdc := krbtest.StartWithTrust(t)
	const spn = "HTTP/hv02.other.example"
	kdc.AddService(spn + "@" + krbtest.OtherRealm)
	kdc.AddUser("operator", "correct horse")
	config, err := os.ReadFile(kdc.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	mapped := krbtest.WriteConfig(t, string(config)+"[domain_realm]\n.other.example = "+krbtest.OtherRealm+"\n")
	for name, options := range map[string]Options{
		"by a referral of the KDC": {ConfigFile: kdc.ConfigFile, SPN: spn},
		"by the configuration":     {ConfigFile: mapped, SPN: spn},
		"by the SPN":               {ConfigFile: kdc.ConfigFile, SPN: spn + "@" + krbtest.OtherRealm},
	} {
		options.Username, options.Password = "operator", "correct horse"
		client := New(options)
		if _, err := client.Token(t.Context(), time.Minute, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if client.service.Realm != krbtest.OtherRealm {
			t.Errorf("%s: got a ticket of realm %s", name, client.service.Realm)
		}
	}
}

func TestCancellationInterruptsAPendingKDCRequest(t *testing.T) {
	t.Parallel()
	kdc := silent(t)
	client := New(Options{Username: "operator", Password: "p", ConfigFile: krbtest.ConfigFor(t, kdc.address), SPN: service})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-kdc.requests
		cancel()
	}()
	if _, err := client.Token(ctx, time.Minute, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
