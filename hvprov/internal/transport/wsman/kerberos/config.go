// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// defaultConfig is where krb5.conf is on most systems.
const defaultConfig = "/etc/krb5.conf"

// readConfig reads krb5.conf, and tells its path. Directives to include others are not followed. Where nobody named a file and
// there is none in the usual place, KDCs are to be found in the DNS.
func readConfig(path string) (read *config.Config, file string, err error) {
	if path == "" {
		// The variable may list several files, of which the first counts most.
		if list := filepath.SplitList(os.Getenv("KRB5_CONFIG")); len(list) > 0 {
			path = list[0]
		}
	}
	file = path
	if file == "" {
		file = defaultConfig
	}
	text, err := os.ReadFile(file) //nolint:gosec // it is for the user to name it
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		read = config.New()
		read.LibDefaults.DNSLookupKDC = true
		return read, file, nil
	}
	if err != nil {
		return nil, file, err
	}
	err = guard(func() error {
		read, err = config.NewFromReader(bytes.NewReader(text))
		return err
	})
	var unsupported config.UnsupportedDirective
	if err != nil && !errors.As(err, &unsupported) {
		return nil, file, err
	}
	return read, file, nil
}

// cachePath gives the path of the credential cache.
func cachePath(path string) (string, error) {
	if path == "" {
		path = os.Getenv("KRB5CCNAME")
	}
	if path == "" {
		return fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid()), nil
	}
	// One letter is the drive of a path on Windows.
	if kind, rest, found := strings.Cut(path, ":"); found && len(kind) > 1 && !strings.ContainsAny(kind, `/\`) {
		if kind != "FILE" {
			return "", fmt.Errorf("credential caches of type %s cannot be read here", kind)
		}
		path = rest
	}
	return path, nil
}

// cached reads the TGT of the credential cache. It is read anew each time a ticket is wanted: kinit may have been run again.
func (c *Client) cached() (*ticket, error) {
	path, err := cachePath(c.options.CCache)
	if err != nil {
		return nil, &Error{By: "credential cache", Reason: err.Error(), Remedy: "let kinit write a file: kinit -c FILE:path"}
	}
	refuse := func(remedy, format string, args ...any) error {
		return &Error{By: "credential cache " + path, Reason: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, refuse("run kinit, name another cache, or give a password", "%v", err)
	}
	cache := new(credentials.CCache)
	if err := guard(func() error { return cache.Unmarshal(text) }); err != nil {
		return nil, refuse("run kinit", "it cannot be read as one")
	}
	owner := cache.DefaultPrincipal
	name, realm := c.user.PrincipalNameString(), c.realm
	if c.options.Username != "" && (name != owner.PrincipalName.PrincipalNameString() || realm != owner.Realm) {
		return nil, refuse("leave the user name empty, or run kinit for it", "it is that of %s@%s, not of %s@%s",
			owner.PrincipalName.PrincipalNameString(), owner.Realm, name, realm)
	}
	c.user, c.realm = owner.PrincipalName, owner.Realm
	var found *ticket
	for _, entry := range cache.Credentials {
		at := entry.Server.PrincipalName.NameString
		if len(at) != 2 || at[0] != "krbtgt" || at[1] != c.realm || found != nil && entry.EndTime.Before(found.end) {
			continue
		}
		var tgt messages.Ticket
		if err := tgt.Unmarshal(entry.Ticket); err != nil {
			return nil, refuse("run kinit", "its ticket is malformed")
		}
		found = &ticket{Ticket: tgt, key: entry.Key, end: entry.EndTime, renewTill: entry.RenewTill}
	}
	switch {
	case found == nil:
		return nil, refuse("run kinit", "it holds no ticket of realm %s to ask for others with", c.realm)
	case !c.now().Before(found.end):
		return nil, refuse("run kinit", "its ticket expired at %s", found.end.Format("2006-01-02 15:04:05 MST"))
	}
	return found, nil
}
