// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"crypto/x509"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// hostSettings are the settings of one host.
type hostSettings struct {
	Address       types.String `tfsdk:"address"`
	Port          types.Int64  `tfsdk:"port"`
	UseTLS        types.Bool   `tfsdk:"use_tls"`
	Insecure      types.Bool   `tfsdk:"insecure"`
	CACert        types.String `tfsdk:"ca_cert"`
	TLSServerName types.String `tfsdk:"tls_server_name"`
	ProxyURL      types.String `tfsdk:"proxy_url"`
	Auth          types.String `tfsdk:"auth"`
	Username      types.String `tfsdk:"username"`
	Password      types.String `tfsdk:"password"`
	Krb5Realm     types.String `tfsdk:"krb5_realm"`
	Krb5Conf      types.String `tfsdk:"krb5_conf"`
	Krb5CCache    types.String `tfsdk:"krb5_ccache"`
	Krb5SPN       types.String `tfsdk:"krb5_spn"`
	ClientCert    types.String `tfsdk:"client_cert"`
	ClientKey     types.String `tfsdk:"client_key"`
	ImagePath     types.String `tfsdk:"image_path"`
	VMPath        types.String `tfsdk:"vm_path"`
}

func hostAttributes() map[string]schema.Attribute {
	text := func(description, env, fallback string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description + " " + envText(env, fallback), Optional: true}
	}
	secret := func(description, env, fallback string) schema.StringAttribute {
		a := text(description, env, fallback)
		a.Sensitive = true
		return a
	}
	return map[string]schema.Attribute{
		"address": text("DNS name or IP address.", envHost, "none"),
		"port": schema.Int64Attribute{
			MarkdownDescription: "Port of WinRM. " + envText(envPort, "5986 with TLS, 5985 without"), Optional: true,
		},
		"use_tls": schema.BoolAttribute{
			MarkdownDescription: "Whether to connect with TLS. Without it only `ntlm` is taken, which encrypts the messages itself, unless `insecure` is set. " + envText(envUseTLS, "`true`"), Optional: true,
		},
		"insecure": schema.BoolAttribute{
			MarkdownDescription: "Do not verify the host's certificate, and allow `basic` without TLS. For a closed laboratory only: whoever stands between can read all and act as the host. " + envText(envInsecure, "`false`"), Optional: true,
		},
		"ca_cert":         text("Certificates of the authorities to trust, as PEM text, in place of the system's.", envCACert, "the system's"),
		"tls_server_name": text("Name that the host's certificate must carry.", envTLSServerName, "the address"),
		"proxy_url": secret("Proxy to reach the host through: `http://`, `https://` or `socks5://`, with user name and password where it wants them. "+
			"Variables such as `HTTPS_PROXY` are not looked at.", envProxyURL, "none"),
		"auth": text("How to authenticate: `ntlm`; `kerberos`, over TLS; `certificate`, by a client certificate over TLS; `basic`, over TLS.", envAuth, "`ntlm`"),
		"username": text("Account on the host, for example `svc-terraform`, `LAB\\svc-terraform` or `svc-terraform@lab.example`. Not needed for `certificate`, and for `kerberos` with a credential cache.",
			envUsername, "none"),
		"password":    secret("Password of the account. Not needed for `certificate`, and for `kerberos` with a credential cache.", envPassword, "none"),
		"krb5_realm":  text("For `kerberos`: realm of the account.", envKrb5Realm, "that of `username`, or else `default_realm` of `krb5_conf`"),
		"krb5_conf":   text("For `kerberos`: path of the configuration, which names the realms' KDCs.", envKrb5Conf, "what the variable `KRB5_CONFIG` says, or else `/etc/krb5.conf`"),
		"krb5_ccache": text("For `kerberos`: path of a credential cache, as `kinit` writes it, in place of a password.", envKrb5CCache, "what the variable `KRB5CCNAME` says, or else `/tmp/krb5cc_<uid>`; used where there is no `password`"),
		"krb5_spn":    text("For `kerberos`: service principal name that the host is registered under.", envKrb5SPN, "`HTTP/` and the address"),
		"client_cert": text("For `certificate`: the certificate, as PEM text, which the host maps to an account.", envClientCert, "none"),
		"client_key":  secret("For `certificate`: its key, as PEM text, not encrypted.", envClientKey, "none"),
		"image_path":  text("Folder on the host that holds the images.", envImagePath, "`Images` in Hyper-V's folder for virtual hard disks"),
		"vm_path":     text("Folder on the host in which virtual machines are made, each in a folder of its own.", envVMPath, "Hyper-V's folder for virtual hard disks"),
	}
}

// host reads the settings of one host, at a place in the configuration.
func (h hostSettings) host(at path.Path, diags *diag.Diagnostics) hvprov.Host {
	text := func(name, env string, v types.String) string { return stringSetting(at.AtName(name), env, v, diags) }
	conf := winrm.Config{
		Address:       text("address", envHost, h.Address),
		Port:          portSetting(at.AtName("port"), envPort, h.Port, diags),
		TLS:           boolSetting(at.AtName("use_tls"), envUseTLS, h.UseTLS, true, diags),
		Insecure:      boolSetting(at.AtName("insecure"), envInsecure, h.Insecure, false, diags),
		CACert:        []byte(text("ca_cert", envCACert, h.CACert)),
		TLSServerName: text("tls_server_name", envTLSServerName, h.TLSServerName),
		Proxy:         text("proxy_url", envProxyURL, h.ProxyURL),
		Auth:          winrm.Auth(text("auth", envAuth, h.Auth)),
		Username:      text("username", envUsername, h.Username),
		Password:      text("password", envPassword, h.Password),
		Kerberos: winrm.Kerberos{
			Realm:      text("krb5_realm", envKrb5Realm, h.Krb5Realm),
			ConfigFile: text("krb5_conf", envKrb5Conf, h.Krb5Conf),
			CCache:     text("krb5_ccache", envKrb5CCache, h.Krb5CCache),
			SPN:        text("krb5_spn", envKrb5SPN, h.Krb5SPN),
		},
		ClientCert:     []byte(text("client_cert", envClientCert, h.ClientCert)),
		ClientKey:      []byte(text("client_key", envClientKey, h.ClientKey)),
		ConnectTimeout: connectTimeout,
	}
	conf.AllowClearBasic = conf.Insecure
	if conf.Auth == "" {
		conf.Auth = winrm.AuthNTLM
	}
	if conf.Password != "" && conf.Kerberos.CCache != "" && h.Password.IsNull() && !h.Krb5CCache.IsNull() {
		conf.Password = "" // the configuration wins over a variable
	}
	checkAuth(at, conf, diags)
	if len(conf.CACert) > 0 && !x509.NewCertPool().AppendCertsFromPEM(conf.CACert) {
		diags.AddAttributeError(at.AtName("ca_cert"), "Invalid certificate",
			"There is no certificate in it. It takes PEM text, which begins with -----BEGIN CERTIFICATE-----; for a file write file(\"ca.pem\").")
	}
	for _, p := range conf.Problems() {
		if p.Field == "Proxy" {
			diags.AddAttributeError(at.AtName("proxy_url"), "Invalid proxy", sentence(p))
		}
	}
	return hvprov.Host{WinRM: conf, ImagePath: text("image_path", envImagePath, h.ImagePath), VMPath: text("vm_path", envVMPath, h.VMPath)}
}
