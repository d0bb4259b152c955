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

// defaultConfig is the usual path of krb5.conf.
const defaultConfig = "/etc/krb5.conf"

// readConfig reads krb5.conf and returns its path as well. include directives are ignored. If no path is configured and the file
// does not exist at the usual path, KDCs are looked up in the DNS.
func readConfig(path string) (krb5 *config.Config, file string, err error) {
	if path == "" {
		// The variable may list several files, of which the first has precedence.
		if list := filepath.SplitList(os.Getenv("KRB5_CONFIG")); len(list) > 0 {
			path = list[0]
		}
	}
	file = path
	if file == "" {
		file = defaultConfig
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user configures the path
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		krb5 = config.New()
		krb5.LibDefaults.DNSLookupKDC = true
		return krb5, file, nil
	}
	if err != nil {
		return nil, file, err
	}
	err = recoverPanic(func() error {
		krb5, err = config.NewFromReader(bytes.NewReader(text))
		return err
	})
	var unsupported config.UnsupportedDirective
	if err != nil && !errors.As(err, &unsupported) {
		return nil, file, err
	}
	return krb5, file, nil
}

// ccachePath returns the path of the credential cache.
func ccachePath(path string) (string, error) {
	if path == "" {
		path = os.Getenv("KRB5CCNAME")
	}
	if path == "" {
		return fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid()), nil
	}
	// A single letter is the drive of a Windows path.
	if kind, rest, found := strings.Cut(path, ":"); found && len(kind) > 1 && !strings.ContainsAny(kind, `/\`) {
		if kind != "FILE" {
			return "", fmt.Errorf("credential caches of type %s are not supported", kind)
		}
		path = rest
	}
	return path, nil
}

// readCCache returns the TGT in the credential cache. The cache is read whenever a ticket is needed, because kinit may have updated
// it.
func (c *Client) readCCache() (*ticket, error) {
	path, err := ccachePath(c.options.CCache)
	if err != nil {
		return nil, &Error{By: "credential cache", Reason: err.Error(), Remedy: "use a file: kinit -c FILE:path"}
	}
	refuse := func(remedy, format string, args ...any) error {
		return &Error{By: "credential cache " + path, Reason: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, refuse("run kinit, or configure another cache or a password", "%v", err)
	}
	cache := new(credentials.CCache)
	if err := recoverPanic(func() error { return cache.Unmarshal(text) }); err != nil {
		return nil, refuse("run kinit", "file is not a credential cache")
	}
	owner := cache.DefaultPrincipal
	name, realm := c.user.PrincipalNameString(), c.realm
	if c.options.Username != "" && (name != owner.PrincipalName.PrincipalNameString() || realm != owner.Realm) {
		return nil, refuse("remove the user name, or run kinit for it", "cache belongs to %s@%s, not to %s@%s",
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
			return nil, refuse("run kinit", "ticket is malformed")
		}
		found = &ticket{Ticket: tgt, key: entry.Key, end: entry.EndTime, renewTill: entry.RenewTill}
	}
	switch {
	case found == nil:
		return nil, refuse("run kinit", "cache contains no TGT of realm %s", c.realm)
	case !c.now().Before(found.end):
		return nil, refuse("run kinit", "ticket expired at %s", found.end.Format("2006-01-02 15:04:05 MST"))
	}
	return found, nil
}
