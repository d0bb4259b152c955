// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// hostSettings holds the settings of one host.
type hostSettings struct {
	Address       types.String `tfsdk:"address"`
	Port          types.Number `tfsdk:"port"`
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
	Aliases       []string     `tfsdk:"aliases"`
}

func hostAttributes() map[string]schema.Attribute {
	text := func(env, description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description + " " + envText(env), Optional: true}
	}
	secret := func(env, description string) schema.StringAttribute {
		a := text(env, description)
		a.Sensitive = true
		return a
	}
	return map[string]schema.Attribute{
		"address": schema.StringAttribute{
			MarkdownDescription: "DNS name or IP address. " + envText(envHost), Optional: true,
		},
		"port": schema.NumberAttribute{ // not Int64Attribute: see numberAttribute
			MarkdownDescription: "Port of WinRM. Must be between 1 and 65535. Defaults to `5986` with TLS, and to `5985` without. " + envText(envPort), Optional: true,
		},
		"use_tls": schema.BoolAttribute{
			MarkdownDescription: "Whether to connect with TLS. If `false`, `auth` must be `ntlm`, which encrypts messages itself, unless `insecure` is `true`. Defaults to `true`. " + envText(envUseTLS), Optional: true,
		},
		"insecure": schema.BoolAttribute{
			MarkdownDescription: "Whether to skip verification of the host's certificate and to allow `basic` without TLS. An attacker on the network can then read all messages and impersonate the host: use it in isolated test networks only. Defaults to `false`. " + envText(envInsecure), Optional: true,
		},
		"ca_cert":         text(envCACert, "PEM-encoded certificates of the certificate authorities to trust. Defaults to those of the system."),
		"tls_server_name": text(envTLSServerName, "Name that the host's certificate must contain. Defaults to `address`."),
		"proxy_url": secret(envProxyURL, "URL of the proxy for connections to the host: `http://`, `https://` or `socks5://`, with a user name and a password if the proxy requires them. "+
			"`HTTPS_PROXY` and similar environment variables are ignored."),
		"auth": text(envAuth, "Authentication method: `ntlm`, `kerberos`, `certificate` or `basic`. All but `ntlm` require TLS. Defaults to `ntlm`."),
		"username": text(envUsername, "User name of the account, for example `svc-terraform`, `LAB\\svc-terraform` or `svc-terraform@lab.example`. "+
			"Required for `ntlm` and `basic`, and for `kerberos` with a password."),
		"password":    secret(envPassword, "Password of the account. Required for `ntlm` and `basic`. Conflicts with `krb5_ccache`."),
		"krb5_realm":  text(envKrb5Realm, "Kerberos realm of the account. Defaults to the realm in `username`, or else to `default_realm` of `krb5_conf`."),
		"krb5_conf":   text(envKrb5Conf, "Path of the Kerberos configuration file, which names the KDCs of the realms. Defaults to the value of the `KRB5_CONFIG` environment variable, or else to `/etc/krb5.conf`."),
		"krb5_ccache": text(envKrb5CCache, "Path of a Kerberos credential cache, as `kinit` writes it. Without `password` it defaults to the value of the `KRB5CCNAME` environment variable, or else to `/tmp/krb5cc_<uid>`. Conflicts with `password`."),
		"krb5_spn":    text(envKrb5SPN, "Kerberos service principal name of the host. Defaults to `HTTP/<address>`."),
		"client_cert": text(envClientCert, "PEM-encoded client certificate, which the host maps to an account. Required for `certificate`."),
		"client_key":  secret(envClientKey, "PEM-encoded private key of the client certificate, not encrypted. Required for `certificate`."),
		"image_path":  text(envImagePath, "Folder on the host that contains the images. Defaults to `Images` in Hyper-V's folder for virtual hard disks."),
		"aliases": schema.ListAttribute{
			MarkdownDescription: "Former names of the host, which states and configurations still use. A virtual machine whose `host` changes from one name of a host to another is updated in place. " +
				"The `address` is a former name by itself, unless several hosts have it: it is the name of the host in a configuration with `host`. Has no effect in `host`, to which all names refer.",
			ElementType: types.StringType, Optional: true,
		},
		"vm_path": text(envVMPath, "Folder on the host for virtual machines. Each one gets a folder there. Defaults to Hyper-V's folder for virtual hard disks."),
	}
}

// host returns the host that the settings at a path and the environment define.
func (h hostSettings) host(at path.Path, diags *diag.Diagnostics) hvprov.Host {
	text := func(name, env string, v types.String) string { return stringSetting(at.AtName(name), env, v, diags) }
	folder := func(name, env string, v types.String) string { return folderSetting(at.AtName(name), env, v, diags) }
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
		conf.Password = "" // the configuration overrides the environment
	}
	addConfigProblems(diags, at, conf)
	return hvprov.Host{WinRM: conf, ImagePath: folder("image_path", envImagePath, h.ImagePath), VMPath: folder("vm_path", envVMPath, h.VMPath)}
}
