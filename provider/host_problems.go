// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// configAttributes maps the fields of [winrm.Config] to attributes, their environment variables and remedies in terms of the
// configuration.
var configAttributes = map[string]struct{ name, env, remedy string }{
	"Address":             {name: "address", env: envHost},
	"Proxy":               {name: "proxy_url", env: envProxyURL},
	"Auth":                {name: "auth", env: envAuth},
	"Username":            {name: "username", env: envUsername},
	"Password":            {name: "password", env: envPassword},
	"Kerberos.Realm":      {name: "krb5_realm", env: envKrb5Realm},
	"Kerberos.CCache":     {name: "krb5_ccache", env: envKrb5CCache},
	"Kerberos.ConfigFile": {name: "krb5_conf", env: envKrb5Conf},
	"CACert":              {name: "ca_cert", env: envCACert, remedy: `the value is PEM text, not a file name: to read a file, use file("ca.pem")`},
	"ClientCert":          {name: "client_cert", env: envClientCert, remedy: `the value is PEM text, not a file name: to read a file, use file("client.pem")`},
	"ClientKey":           {name: "client_key", env: envClientKey, remedy: `the value is PEM text, not a file name: to read a file, use file("client.pem")`},
}

// addConfigProblems reports the invalid settings of a host, each on its attribute.
func addConfigProblems(diags *diag.Diagnostics, at path.Path, conf winrm.Config) {
	for _, p := range append(conf.Problems(), unreadableFiles(conf.Kerberos)...) {
		a, ok := configAttributes[p.Field]
		switch {
		case !ok:
			diags.AddAttributeError(at, "Invalid host settings", sentence(p))
		case p.Missing && p.Field == "Address": // reported with the hosts
		case p.Missing:
			diags.AddAttributeError(at.AtName(a.name), "Missing "+a.name, "Set "+a.name+", or the "+a.env+" environment variable.")
		default:
			remedy := p.Remedy
			switch {
			case p.Field == "Auth" && !conf.TLS && strings.HasPrefix(remedy, "use TLS"):
				remedy = `set use_tls = true, or auth = "ntlm"`
			case remedy == "":
				remedy = a.remedy
			}
			detail := sentence(errors.New(a.name + ": " + p.Reason))
			if remedy != "" {
				detail += " " + sentence(errors.New(remedy))
			}
			diags.AddAttributeError(at.AtName(a.name), "Invalid "+a.name, detail)
		}
	}
}

// unreadableFiles returns the Kerberos files that are set but cannot be opened. Default files may be missing.
func unreadableFiles(k winrm.Kerberos) (problems []winrm.Problem) {
	for field, name := range map[string]string{"Kerberos.ConfigFile": k.ConfigFile, "Kerberos.CCache": k.CCache} {
		if name == "" {
			continue
		}
		f, err := os.Open(strings.TrimPrefix(name, "FILE:"))
		if err != nil {
			problems = append(problems, winrm.Problem{Field: field, Reason: err.Error(), Remedy: "set it to a file that can be read"})
			continue
		}
		_ = f.Close()
	}
	return problems
}
