// SPDX-License-Identifier: MPL-2.0

// Package daemon is the server hvprovd: its configuration, and a service with its HTTP API.
package daemon

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

// Config is the configuration file. Secrets are not part of it: it names files and environment variables that hold them.
type Config struct {
	Listen        string `yaml:"listen"`         // address of the API
	MetricsListen string `yaml:"metrics_listen"` // address of /metrics; empty: none
	StateDir      string `yaml:"state_dir"`      // folder of jobs, notifications, tokens and the key of the store
	StoreKeyFile  string `yaml:"store_key_file"` // 32 random bytes that encrypt secrets of jobs; empty: store.key in the state folder
	JobLogDir     string `yaml:"job_log_dir"`    // folder of a log file per job; empty: none
	SchemaFile    string `yaml:"schema_file"`    // a custom job schema; empty: the embedded one

	Database struct { // PostgreSQL for several replicas; without it, jobs and notifications are files in the state folder
		URLFile string `yaml:"url_file"`
		URLEnv  string `yaml:"url_env"`
	} `yaml:"database"`

	Log struct {
		Level  string `yaml:"level"`  // debug, info, warn or error
		Format string `yaml:"format"` // json or text
	} `yaml:"log"`

	TLS struct {
		CertFile     string `yaml:"cert_file"`
		KeyFile      string `yaml:"key_file"`
		ClientCAFile string `yaml:"client_ca_file"` // authorities of client certificates
	} `yaml:"tls"`
	AllowPlainHTTP bool `yaml:"allow_plain_http"` // on other addresses than loopback: a proxy terminates TLS

	Auth struct {
		Tokens             bool              `yaml:"tokens"`      // bearer tokens of hvprovd token
		TokensFile         string            `yaml:"tokens_file"` // empty: tokens.json in the state folder
		ClientCertificates map[string]string `yaml:"client_certificates"`
		OIDC               *OIDC             `yaml:"oidc"`
	} `yaml:"auth"`
	Origins   []string `yaml:"origins"`    // of further pages that may send requests
	PublicURL string   `yaml:"public_url"` // address for browsers; empty: that of the request

	RefreshSeconds  int `yaml:"refresh_seconds"`   // between reads of each inventory
	JobsPerHost     int `yaml:"jobs_per_host"`     // 0: 4
	JobLimitMinutes int `yaml:"job_limit_minutes"` // 0: no limit
	KeepJobs        int `yaml:"keep_jobs"`         // number of finished jobs that are kept; 0: 10,000
	StopSeconds     int `yaml:"stop_seconds"`      // how long a stop waits for running jobs, which continue on their hosts afterwards

	Hosts map[string]Host `yaml:"hosts"`

	path        string
	getenv      func(string) string
	headerLimit time.Duration // how long a client may take to send the header of a request
}

// OIDC configures OpenID Connect: see [oidcauth.Config].
type OIDC struct {
	Issuer    string   `yaml:"issuer"`
	Audience  string   `yaml:"audience"`
	NameClaim string   `yaml:"name_claim"`
	RoleClaim string   `yaml:"role_claim"`
	Scopes    []string `yaml:"scopes"`

	ClientSecretFile string `yaml:"client_secret_file"`
	ClientSecretEnv  string `yaml:"client_secret_env"`

	Roles map[string]string `yaml:"roles"`
}

// Environment variables that override the configuration file.
const (
	envConfig   = "HVPROVD_CONFIG"
	envListen   = "HVPROVD_LISTEN"
	envMetrics  = "HVPROVD_METRICS_LISTEN"
	envStateDir = "HVPROVD_STATE_DIR"
	envLogLevel = "HVPROVD_LOG_LEVEL"
)

// DefaultPath is the path of the configuration file if HVPROVD_CONFIG does not name another.
const DefaultPath = "/etc/hvprovd/hvprovd.yaml"

// Load reads the configuration file with a path; an empty path is that of the environment, or [DefaultPath]. Relative paths in it are
// relative to its folder.
func Load(path string, getenv func(string) string) (*Config, error) {
	path = cmp.Or(path, getenv(envConfig), DefaultPath)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c := &Config{path: path, getenv: getenv, headerLimit: 10 * time.Second, RefreshSeconds: 60, StopSeconds: 60}
	c.Log.Level, c.Log.Format = "info", "json"
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	c.Listen = cmp.Or(getenv(envListen), c.Listen, "127.0.0.1:8080")
	c.MetricsListen = cmp.Or(getenv(envMetrics), c.MetricsListen)
	c.StateDir = c.abs(cmp.Or(getenv(envStateDir), c.StateDir, getenv("STATE_DIRECTORY"), "/var/lib/hvprovd")) // systemd sets STATE_DIRECTORY
	c.Log.Level = cmp.Or(getenv(envLogLevel), c.Log.Level)
	for _, path := range []*string{&c.StoreKeyFile, &c.JobLogDir, &c.SchemaFile, &c.TLS.CertFile, &c.TLS.KeyFile, &c.TLS.ClientCAFile, &c.Auth.TokensFile} {
		if *path != "" {
			*path = c.abs(*path)
		}
	}
	c.Auth.TokensFile = cmp.Or(c.Auth.TokensFile, filepath.Join(c.StateDir, "tokens.json"))
	return c, nil
}

func (c *Config) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.path), path)
}

// Check returns all that is wrong with the configuration. It reads the files that the configuration names, and makes no connection.
func (c *Config) Check() error {
	errs := []error{c.checkListen(), c.checkTracing()}
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := c.logger(io.Discard); err != nil {
		errs = append(errs, err)
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		fault("tls: cert_file and key_file are set together")
	} else if _, err := c.tlsConfig(); err != nil {
		errs = append(errs, err)
	}
	if len(c.Auth.ClientCertificates) > 0 && (c.TLS.ClientCAFile == "" || c.TLS.CertFile == "") {
		fault("auth.client_certificates requires tls.cert_file, tls.key_file and tls.client_ca_file")
	}
	if _, err := c.certificateRoles(); err != nil {
		errs = append(errs, err)
	}
	if c.Auth.OIDC != nil {
		if _, err := c.oidcConfig(); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err := c.schema(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.databaseURL(); err != nil {
		errs = append(errs, err)
	}
	if c.StoreKeyFile != "" {
		if _, err := c.storeKey(); err != nil {
			fault("store_key_file: %w", err)
		}
	}
	for name, value := range map[string]int{
		"refresh_seconds": c.RefreshSeconds, "jobs_per_host": c.JobsPerHost, "job_limit_minutes": c.JobLimitMinutes, "keep_jobs": c.KeepJobs, "stop_seconds": c.StopSeconds,
	} {
		if value < 0 {
			fault("%s must not be negative", name)
		}
	}
	if _, err := c.hosts(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("configuration file %s: %w", c.path, err)
	}
	return nil
}

// hasAuth reports whether requests are authenticated.
func (c *Config) hasAuth() bool {
	return c.Auth.Tokens || c.Auth.OIDC != nil || len(c.Auth.ClientCertificates) > 0
}

// checkListen refuses addresses that others reach without authentication, or without TLS.
func (c *Config) checkListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q is not an address and a port: %w", c.Listen, err)
	}
	if c.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(c.MetricsListen); err != nil {
			return fmt.Errorf("metrics_listen: %q is not an address and a port: %w", c.MetricsListen, err)
		}
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost") {
		return nil
	}
	switch {
	case !c.hasAuth():
		return fmt.Errorf("listen: %s is reached by other computers, and there is no authentication: set auth.tokens, auth.oidc or auth.client_certificates, or listen on 127.0.0.1", c.Listen)
	case c.TLS.CertFile == "" && !c.AllowPlainHTTP:
		return fmt.Errorf("listen: %s is reached by other computers, and tokens would be sent in clear text: set tls.cert_file and tls.key_file, or allow_plain_http behind a proxy that terminates TLS", c.Listen)
	}
	return nil
}

// logger returns the logger of the configuration.
func (c *Config) logger(to io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %q is not one of debug, info, warn and error", c.Log.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch c.Log.Format {
	case "json":
		return slog.New(slog.NewJSONHandler(to, opts)), nil
	case "text":
		return slog.New(slog.NewTextHandler(to, opts)), nil
	}
	return nil, fmt.Errorf("log.format: %q is not one of json and text", c.Log.Format)
}

// tlsConfig returns the TLS settings, or nil without TLS. Certificate and key are read again when their files have changed.
func (c *Config) tlsConfig() (*tls.Config, error) {
	if c.TLS.CertFile == "" {
		return nil, nil
	}
	pair := &keyPair{certFile: c.TLS.CertFile, keyFile: c.TLS.KeyFile}
	if _, err := pair.get(nil); err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	if c.TLS.ClientCAFile != "" {
		data, err := os.ReadFile(c.TLS.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.client_ca_file: %w", err)
		}
		conf.ClientCAs = x509.NewCertPool()
		if !conf.ClientCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("tls.client_ca_file: %s contains no certificate in PEM form", c.TLS.ClientCAFile)
		}
		conf.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return conf, nil
}

// certificateRoles returns the roles of client certificates.
func (c *Config) certificateRoles() (httpapi.ClientCertificates, error) {
	roles, err := parseRoles(c.Auth.ClientCertificates)
	if err != nil {
		return nil, fmt.Errorf("auth.client_certificates: %w", err)
	}
	return roles, nil
}

func parseRoles(names map[string]string) (map[string]httpapi.Role, error) {
	roles := make(map[string]httpapi.Role, len(names))
	for key, name := range names {
		role, err := httpapi.ParseRole(name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
		roles[key] = role
	}
	return roles, nil
}

// Hosts are the hosts of a configuration by name.
type Hosts map[string]hvprov.Host
