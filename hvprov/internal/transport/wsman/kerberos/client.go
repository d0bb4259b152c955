// SPDX-License-Identifier: MPL-2.0

// Package kerberos obtains tickets from a Kerberos KDC and creates the tokens by which a client and a service authenticate each
// other (RFC 4120, 4121 and 4178).
//
// Messages, encryption and file formats are those of github.com/jcmturner/gokrb5. Its client is not used: its requests cannot be
// cancelled, its errors have no codes, it may send a rejected password a second time, and it renews tickets in goroutines that
// cannot be stopped and that lock the account if the password has changed. This package starts no background work.
package kerberos

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// renewBefore is how long before its end a ticket is replaced.
const renewBefore = 2 * time.Minute

// Options hold the user's credentials and the name of the service.
type Options struct {
	// Username is user, user@REALM or DOMAIN\user. It may be empty with a credential cache.
	Username string
	// Password is the user's password. Empty means the credential cache.
	Password string
	// Realm is the user's realm. Empty means the realm of Username, or else the default_realm of the configuration file.
	Realm string
	// ConfigFile is the path of krb5.conf. Empty means the value of KRB5_CONFIG, or else /etc/krb5.conf.
	ConfigFile string
	// CCache is the path of a credential cache. Empty means the value of KRB5CCNAME, or else /tmp/krb5cc_<uid>.
	CCache string
	// SPN is the service principal name, for example HTTP/hv01.lab.example.
	SPN string
}

// Client holds the tickets of one user for one service. It is safe for concurrent use.
type Client struct {
	options   Options
	now       func() time.Time                                            // for the expiry of tickets
	lookupSRV func(ctx context.Context, realm string) ([]*net.SRV, error) // of KDCs that the configuration does not name
	dial      func(ctx context.Context, network, addr string) (net.Conn, error)
	lock      chan struct{} // holds one token while the fields below are in use

	config   *config.Config
	file     string // the path of config
	realm    string // of the user
	user     types.PrincipalName
	tgt      *ticket
	service  *ticket
	lastTime time.Time // of the last authenticator; each one needs a different time
}

// ticket is a ticket with its session key and its times.
type ticket struct {
	messages.Ticket
	key       types.EncryptionKey
	end       time.Time
	renewTill time.Time
}

// fresh reports whether the ticket need not be replaced yet.
func (t *ticket) fresh(now time.Time) bool { return t != nil && now.Before(t.end.Add(-renewBefore)) }

// New returns a client. It performs no I/O.
func New(options Options) *Client {
	return &Client{
		options: options, now: time.Now, lock: make(chan struct{}, 1), dial: new(net.Dialer).DialContext,
		lookupSRV: func(ctx context.Context, realm string) ([]*net.SRV, error) {
			_, records, err := net.DefaultResolver.LookupSRV(ctx, "kerberos", "tcp", realm)
			return records, err
		},
	}
}

// Token returns a token for one connection to the service. It obtains a ticket first if necessary; timeout limits the requests to
// all KDCs together. bindings, if not nil, bind the token to a TLS connection (RFC 5929). The error is an *[Error], an
// *[UnreachableError] or the context's.
func (c *Client) Token(ctx context.Context, timeout time.Duration, bindings []byte) (token *Token, err error) {
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err = recoverPanic(func() error {
		if err := c.prepare(); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := c.ensureServiceTicket(limited); err != nil {
			return err
		}
		token, err = c.newToken(bindings)
		return err
	})
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return token, err
}

// prepare reads the configuration and determines the user and the realm. It does so once.
func (c *Client) prepare() error {
	if c.config != nil {
		return nil
	}
	krb5, file, err := readConfig(c.options.ConfigFile)
	if err != nil {
		return &Error{By: file, Reason: err.Error(), Remedy: "set the path of a readable krb5.conf"}
	}
	name, realm := splitUsername(c.options.Username)
	if c.options.Realm != "" {
		realm = c.options.Realm
	}
	if realm == "" {
		realm = krb5.LibDefaults.DefaultRealm
	}
	if realm == "" && c.options.Password != "" {
		return &Error{
			By: file, Reason: "default_realm is not set, and the user name contains no realm",
			Remedy: "set the realm, or use a user name of the form user@REALM",
		}
	}
	c.config, c.file, c.realm = krb5, file, canonicalRealm(krb5, realm)
	c.user = types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, name)
	return nil
}

// splitUsername splits a user name into name and realm. The domain of DOMAIN\user is a realm if it contains a dot. Otherwise it is
// a NetBIOS name, which is ignored.
func splitUsername(username string) (name, realm string) {
	if domain, user, found := strings.Cut(username, `\`); found {
		if !strings.Contains(domain, ".") || domain == "." {
			domain = ""
		}
		return user, domain
	}
	if at := strings.LastIndex(username, "@"); at >= 0 {
		return username[:at], username[at+1:]
	}
	return username, ""
}

// canonicalRealm returns a realm as the configuration spells it, or else in upper case. KDCs compare realms case-sensitively.
func canonicalRealm(c *config.Config, realm string) string {
	for _, known := range c.Realms {
		if strings.EqualFold(known.Realm, realm) {
			return known.Realm
		}
	}
	return strings.ToUpper(realm)
}

// ensureServiceTicket obtains a ticket for the service unless there is one.
func (c *Client) ensureServiceTicket(ctx context.Context) error {
	if c.service.fresh(c.now()) {
		return nil
	}
	if err := c.ensureTGT(ctx); err != nil {
		return err
	}
	service, err := c.serviceTicket(ctx)
	if err != nil {
		return err
	}
	c.service = service
	return nil
}

// ensureTGT obtains or renews the ticket-granting ticket if necessary.
func (c *Client) ensureTGT(ctx context.Context) error {
	if c.tgt.fresh(c.now()) {
		return nil
	}
	var next *ticket
	var err error
	if c.options.Password != "" {
		next, err = c.login(ctx)
	} else if next, err = c.readCCache(); err == nil && !next.fresh(c.now()) && next.renewTill.After(next.end) {
		// A ticket that cannot be renewed is used until its end.
		if renewed, err := c.requestTicket(ctx, next, c.realm, next.SName, true); err == nil {
			next = renewed
		}
	}
	if err != nil {
		return err
	}
	c.tgt = next
	return nil
}

// recoverPanic calls do and returns a panic as an error: gokrb5 does not check lengths in messages and files.
func recoverPanic(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Reason: fmt.Sprintf("malformed message or file: %v", r), Remedy: "check the KDC's address and the credential cache"}
		}
	}()
	return do()
}
