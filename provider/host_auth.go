// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// checkAuth tells what is wrong with the way to authenticate, each on its attribute.
func checkAuth(at path.Path, conf winrm.Config, diags *diag.Diagnostics) {
	missing := func(name, value string) {
		if value == "" {
			diags.AddAttributeError(at.AtName(name), "Missing "+name,
				fmt.Sprintf("Set it here, or with the variable HYPERVVM_%s.", strings.ToUpper(name)))
		}
	}
	needsTLS := func(why string) {
		if !conf.TLS {
			diags.AddAttributeError(at.AtName("auth"), "Authentication by "+string(conf.Auth)+" without TLS", why)
		}
	}
	switch conf.Auth {
	case winrm.AuthNTLM:
		missing("username", conf.Username)
		missing("password", conf.Password)
	case winrm.AuthBasic:
		missing("username", conf.Username)
		missing("password", conf.Password)
		if !conf.Insecure {
			needsTLS("It would send the password in clear. Set use_tls = true, or auth = \"ntlm\"; in a closed laboratory, insecure = true allows it.")
		}
	case winrm.AuthKerberos:
		needsTLS("Without TLS only ntlm encrypts the messages. Set use_tls = true, or auth = \"ntlm\".")
		checkKerberos(at, conf, diags)
		if conf.Password != "" {
			missing("username", conf.Username)
		}
	case winrm.AuthCertificate:
		needsTLS("A client certificate is part of TLS. Set use_tls = true.")
		missing("client_cert", string(conf.ClientCert))
		missing("client_key", string(conf.ClientKey))
		checkCertificate(at, conf, diags)
	default:
		diags.AddAttributeError(at.AtName("auth"), "Invalid way to authenticate",
			fmt.Sprintf("%q is not one of ntlm, kerberos, certificate and basic.", string(conf.Auth)))
	}
}

func checkKerberos(at path.Path, conf winrm.Config, diags *diag.Diagnostics) {
	_, realm, found := strings.Cut(conf.Username, "@")
	if found && conf.Kerberos.Realm != "" && !strings.EqualFold(realm, conf.Kerberos.Realm) {
		diags.AddAttributeError(at.AtName("krb5_realm"), "Two realms", fmt.Sprintf("The username is of realm %s. Leave one of them out.", realm))
	}
	if conf.Password != "" && conf.Kerberos.CCache != "" {
		diags.AddAttributeError(at.AtName("krb5_ccache"), "Both a password and a credential cache", "One of them is enough. Keep it.")
	}
	// What the library finds by itself may be missing, if it is not needed.
	readable := func(name, file string) {
		if file == "" {
			return
		}
		f, err := os.Open(strings.TrimPrefix(file, "FILE:"))
		if err != nil {
			diags.AddAttributeError(at.AtName(name), "Unable to read "+name, sentence(err))
			return
		}
		_ = f.Close()
	}
	readable("krb5_conf", conf.Kerberos.ConfigFile)
	readable("krb5_ccache", conf.Kerberos.CCache)
}

// checkCertificate looks at the client certificate and its key. Nothing of the key is told.
func checkCertificate(at path.Path, conf winrm.Config, diags *diag.Diagnostics) {
	if len(conf.ClientCert) == 0 || len(conf.ClientKey) == 0 {
		return // told already
	}
	const takes = "It takes PEM text, not the name of a file; for a file write file(\"client.pem\")."
	if !x509.NewCertPool().AppendCertsFromPEM(conf.ClientCert) {
		diags.AddAttributeError(at.AtName("client_cert"), "Invalid certificate", "There is no certificate in it. "+takes)
		return
	}
	block, _ := pem.Decode(conf.ClientKey)
	_, err := tls.X509KeyPair(conf.ClientCert, conf.ClientKey)
	switch {
	case err == nil:
	case block == nil:
		diags.AddAttributeError(at.AtName("client_key"), "Invalid key", "There is no key in it. "+takes)
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		diags.AddAttributeError(at.AtName("client_key"), "Invalid key", "It is encrypted. Decrypt it with openssl pkey, and keep it where secrets are kept.")
	default:
		diags.AddAttributeError(at.AtName("client_key"), "Invalid key", sentence(err))
	}
}
