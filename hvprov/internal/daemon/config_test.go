// SPDX-License-Identifier: MPL-2.0

package daemon_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/daemon"
)

func TestAConfigurationIsCheckedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	const host = "hosts: {hv01: {address: hv01.lab.example, username: svc, password_env: HV01_PASSWORD}}\n"
	for name, tt := range map[string]struct {
		text string
		want string // part of the error; empty: valid
	}{
		"an empty file":                        {"", ""},
		"a host":                               {host, ""},
		"a misspelt name":                      {"lisen: 127.0.0.1:80\n", "field lisen not found"},
		"an open address without anything":     {"listen: 0.0.0.0:8080\n", "there is no authentication"},
		"every address":                        {"listen: ':8080'\n", "there is no authentication"},
		"an open address without TLS":          {"listen: 0.0.0.0:8080\nauth: {tokens: true}\n", "in clear text"},
		"an open address behind a proxy":       {"listen: 0.0.0.0:8080\nauth: {tokens: true}\nallow_plain_http: true\n", ""},
		"no port":                              {"listen: localhost\n", "is not an address and a port"},
		"a certificate without a key":          {"tls: {cert_file: a.pem}\n", "are set together"},
		"a certificate that does not exist":    {"tls: {cert_file: a.pem, key_file: b.pem}\n", "a.pem"},
		"client certificates without TLS":      {"auth: {client_certificates: {'CN=a': writer}}\n", "requires tls.cert_file"},
		"an unknown role":                      {"auth: {client_certificates: {'CN=a': root}}\n", `"root" is not one of reader, writer and admin`},
		"OpenID Connect without an issuer":     {"auth: {oidc: {audience: a, roles: {ops: writer}}}\n", "issuer, audience and roles are required"},
		"a log level":                          {"log: {level: loud}\n", "log.level"},
		"a log format":                         {"log: {format: xml}\n", "log.format"},
		"a negative number":                    {"jobs_per_host: -1\n", "jobs_per_host must not be negative"},
		"a schema file that does not exist":    {"schema_file: a.yaml\n", "schema_file"},
		"two names that differ in case":        {"hosts: {hv01: {address: a, username: u, password_env: HV01_PASSWORD}, HV01: {address: a, username: u, password_env: HV01_PASSWORD}}\n", "letter case is not significant"},
		"a variable that is not set":           {"hosts: {hv01: {address: a, username: u, password_env: OTHER}}\n", "hosts.hv01: password_env: the environment variable OTHER is not set"},
		"a file and a variable":                {"hosts: {hv01: {address: a, username: u, password_env: HV01_PASSWORD, password_file: p}}\n", "exclude each other"},
		"a password file that does not exist":  {"hosts: {hv01: {address: a, username: u, password_file: p}}\n", "password_file"},
		"a host without an address":            {"hosts: {hv01: {username: u, password_env: HV01_PASSWORD}}\n", "hosts.hv01"},
		"a password in the configuration file": {"hosts: {hv01: {address: a, username: u, password: p}}\n", "field password not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			files(t, dir, map[string]string{"hvprovd.yaml": tt.text})
			path := filepath.Join(dir, "hvprovd.yaml")
			config, err := daemon.Load(path, func(name string) string {
				if name == "HV01_PASSWORD" {
					return "not a real one"
				}
				return ""
			})
			if err == nil {
				err = config.Check()
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path)):
				t.Errorf("got %v, want an error with %q and the path of the file", err, tt.want)
			}
		})
	}
}

func TestTheEnvironmentOverridesTheConfigurationFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files(t, dir, map[string]string{"other.yaml": "listen: 127.0.0.1:1\nstate_dir: state\n"})
	env := map[string]string{"HVPROVD_CONFIG": filepath.Join(dir, "other.yaml"), "HVPROVD_LISTEN": "127.0.0.1:2", "HVPROVD_LOG_LEVEL": "debug"}
	config, err := daemon.Load("", func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if config.Listen != "127.0.0.1:2" || config.Log.Level != "debug" || config.StateDir != filepath.Join(dir, "state") {
		t.Errorf("configuration is %+v", config)
	}
}
