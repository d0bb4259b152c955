// SPDX-License-Identifier: MPL-2.0

package daemon

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// Host configures a Hyper-V host. The names are those of the Terraform provider; what is secret is read from a file or from an environment
// variable.
type Host struct {
	Address       string `yaml:"address"`
	Port          int    `yaml:"port"`
	UseTLS        *bool  `yaml:"use_tls"` // absent: true
	Insecure      bool   `yaml:"insecure"`
	CACertFile    string `yaml:"ca_cert_file"`
	TLSServerName string `yaml:"tls_server_name"`
	ProxyURL      secret `yaml:",inline"`

	Auth     string `yaml:"auth"` // ntlm, kerberos, certificate or basic; empty: ntlm
	Username string `yaml:"username"`

	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`

	Krb5Realm  string `yaml:"krb5_realm"`
	Krb5Conf   string `yaml:"krb5_conf"`
	Krb5CCache string `yaml:"krb5_ccache"`
	Krb5SPN    string `yaml:"krb5_spn"`

	ClientCertFile string `yaml:"client_cert_file"`
	ClientKeyFile  string `yaml:"client_key_file"`

	ImagePath string `yaml:"image_path"`
	VMPath    string `yaml:"vm_path"`
}

// secret is the URL of a proxy, which may contain a password.
type secret struct {
	File string `yaml:"proxy_url_file"`
	Env  string `yaml:"proxy_url_env"`
}

// hosts returns the hosts, with their secrets, or all that is wrong with them.
func (c *Config) hosts() (Hosts, error) {
	hosts := Hosts{}
	seen := map[string]string{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Hosts)) {
		if other, ok := seen[strings.ToLower(name)]; ok {
			errs = append(errs, fmt.Errorf("hosts: %s and %s are the same name: letter case is not significant", other, name))
		}
		seen[strings.ToLower(name)] = name
		host, err := c.host(c.Hosts[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("hosts.%s: %w", name, err))
		}
		hosts[name] = host
	}
	return hosts, errors.Join(errs...)
}

// secret returns a secret from a file or from an environment variable; both are optional.
func (c *Config) secret(name, path, variable string) (string, error) {
	switch {
	case path != "" && variable != "":
		return "", fmt.Errorf("%s_file and %s_env exclude each other", name, name)
	case variable != "":
		value := c.getenv(variable)
		if value == "" {
			return "", fmt.Errorf("%s_env: the environment variable %s is not set", name, variable)
		}
		return value, nil
	case path == "":
		return "", nil
	}
	data, err := os.ReadFile(c.abs(path))
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", name, err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// host returns one host.
func (c *Config) host(h Host) (hvprov.Host, error) {
	var errs []error
	file := func(name, path string) []byte {
		if path == "" {
			return nil
		}
		data, err := os.ReadFile(c.abs(path))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		return data
	}
	text := func(name, path, variable string) string {
		value, err := c.secret(name, path, variable)
		if err != nil {
			errs = append(errs, err)
		}
		return value
	}
	conf := winrm.Config{
		Address: h.Address, Port: h.Port, TLS: h.UseTLS == nil || *h.UseTLS, Insecure: h.Insecure, AllowClearBasic: h.Insecure,
		CACert: file("ca_cert_file", h.CACertFile), TLSServerName: h.TLSServerName,
		Proxy: text("proxy_url", h.ProxyURL.File, h.ProxyURL.Env),
		Auth:  winrm.Auth(h.Auth), Username: h.Username, Password: text("password", h.PasswordFile, h.PasswordEnv),
		Kerberos:   winrm.Kerberos{Realm: h.Krb5Realm, ConfigFile: h.Krb5Conf, CCache: h.Krb5CCache, SPN: h.Krb5SPN},
		ClientCert: file("client_cert_file", h.ClientCertFile), ClientKey: file("client_key_file", h.ClientKeyFile),
	}
	if conf.Auth == "" {
		conf.Auth = winrm.AuthNTLM
	}
	if len(errs) == 0 {
		errs = append(errs, conf.Validate())
	}
	return hvprov.Host{WinRM: conf, ImagePath: h.ImagePath, VMPath: h.VMPath}, errors.Join(errs...)
}
