// SPDX-License-Identifier: MPL-2.0

// Package kerberos obtains tickets from a Kerberos KDC and makes of them the tokens with which a client and a service prove
// themselves to each other (RFC 4120, 4121 and 4178).
//
// Messages, ciphers and file formats are those of github.com/jcmturner/gokrb5. Its client is not used: its requests cannot be
// cancelled, its errors name no code, it may send a password that was refused a second time, and it renews tickets in goroutines
// that nobody can wait for, which go on trying a password that has been changed meanwhile until the account is locked. Here
// nothing runs but what a caller waits for.
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

// leeway is how long before its end a ticket is replaced.
const leeway = 2 * time.Minute

// Options say who logs on, and to what.
type Options struct {
	// Username is user, user@REALM or DOMAIN\user. With a credential cache it may be empty.
	Username string
	// Password is the user's; empty means that the credential cache is used.
	Password string
	// Realm is the user's; empty means what Username says, or else the default_realm of the configuration file.
	Realm string
	// ConfigFile is the path of krb5.conf; empty means what KRB5_CONFIG says, or else /etc/krb5.conf.
	ConfigFile string
	// CCache is the path of a credential cache; empty means what KRB5CCNAME says, or else /tmp/krb5cc_<uid>.
	CCache string
	// SPN is the name of the service, as in HTTP/hv01.lab.example.
	SPN string
}

// Client keeps the tickets of one user for one service. Its methods may be called from several goroutines.
type Client struct {
	options Options
	now     func() time.Time                                            // says whether tickets are to be replaced
	lookup  func(ctx context.Context, realm string) ([]*net.SRV, error) // of KDCs, where the configuration names none
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	turn    chan struct{} // holds one token while what follows is in use

	config  *config.Config
	file    string // what config was read from
	realm   string // the user's
	user    types.PrincipalName
	granter *ticket // the TGT
	service *ticket
	last    time.Time // of the last authenticator, of which no two may be alike
}

// ticket is a ticket with what belongs to it.
type ticket struct {
	messages.Ticket
	key       types.EncryptionKey
	end       time.Time
	renewTill time.Time
}

// fresh tells whether the ticket lasts for a while. A ticket is kept to its end where nothing replaces it.
func (t *ticket) fresh(now time.Time) bool { return t != nil && now.Before(t.end.Add(-leeway)) }

// New makes a client. It does no I/O.
func New(options Options) *Client {
	return &Client{
		options: options, now: time.Now, turn: make(chan struct{}, 1), dial: new(net.Dialer).DialContext,
		lookup: func(ctx context.Context, realm string) ([]*net.SRV, error) {
			_, records, err := net.DefaultResolver.LookupSRV(ctx, "kerberos", "tcp", realm)
			return records, err
		},
	}
}

// Token makes a token for one connection to the service, with a ticket that is obtained first where there is none: limit is how
// long KDCs are given for that, all together. Bindings, if not nil, tie the token to a TLS connection (RFC 5929). The error is
// an *[Error], an *[UnreachableError], or the context's.
func (c *Client) Token(ctx context.Context, limit time.Duration, bindings []byte) (token *Token, err error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err = guard(func() error {
		if err := c.prepare(); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := c.obtain(limited); err != nil {
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

// prepare reads the configuration and finds out who the user is, once.
func (c *Client) prepare() error {
	if c.config != nil {
		return nil
	}
	read, file, err := readConfig(c.options.ConfigFile)
	if err != nil {
		return &Error{By: file, Reason: err.Error(), Remedy: "name a readable krb5.conf"}
	}
	name, realm := split(c.options.Username)
	if c.options.Realm != "" {
		realm = c.options.Realm
	}
	if realm == "" {
		realm = read.LibDefaults.DefaultRealm
	}
	if realm == "" && c.options.Password != "" {
		return &Error{
			By: file, Reason: "it has no default_realm, and the user name no realm",
			Remedy: "set the realm, or write the user name as user@REALM",
		}
	}
	c.config, c.file, c.realm = read, file, spell(read, realm)
	c.user = types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, name)
	return nil
}

// split takes a user name apart. The domain of DOMAIN\user is a realm if it has a dot; else it is the short name that only
// Windows knows, and says nothing here.
func split(username string) (name, realm string) {
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

// spell gives a realm as the configuration spells it, or else in capitals: KDCs tell cases apart, people do not.
func spell(c *config.Config, realm string) string {
	for _, known := range c.Realms {
		if strings.EqualFold(known.Realm, realm) {
			return known.Realm
		}
	}
	return strings.ToUpper(realm)
}

// obtain sees to it that there is a ticket for the service.
func (c *Client) obtain(ctx context.Context) error {
	if c.service.fresh(c.now()) {
		return nil
	}
	if err := c.granting(ctx); err != nil {
		return err
	}
	service, err := c.serviceTicket(ctx)
	if err != nil {
		return err
	}
	c.service = service
	return nil
}

// granting sees to it that there is a ticket with which to ask for others: the one at hand, renewed, or a new one.
func (c *Client) granting(ctx context.Context) error {
	if c.granter.fresh(c.now()) {
		return nil
	}
	var next *ticket
	var err error
	if c.options.Password != "" {
		next, err = c.logIn(ctx)
	} else if next, err = c.cached(); err == nil && !next.fresh(c.now()) && next.renewTill.After(next.end) {
		// If it cannot be renewed, it serves until its end.
		if renewed, failed := c.ask(ctx, next, c.realm, next.SName, true); failed == nil {
			next = renewed
		}
	}
	if err != nil {
		return err
	}
	c.granter = next
	return nil
}

// guard makes an error of a panic: gokrb5 takes lengths in messages and files on trust.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Reason: fmt.Sprintf("a message or file is malformed: %v", r), Remedy: "check the KDC's address and the credential cache"}
		}
	}()
	return do()
}
