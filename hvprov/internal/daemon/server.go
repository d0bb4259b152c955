// SPDX-License-Identifier: MPL-2.0

package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/oidcauth"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/tokenfile"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/ui"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/oteltrace"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/prommetrics"
)

// Server is a service with its HTTP API.
type Server struct {
	config  *Config
	logger  *slog.Logger
	service *hvprov.Service
	handler *httpapi.Handler
	spans   *trace.TracerProvider // nil: not exported

	reload sync.Mutex // protects hosts
	hosts  Hosts      // as configured now

	api, metrics         *http.Server
	listener, metricsLis net.Listener
}

// schema returns the custom job schema, or nil.
func (c *Config) schema() (*jobschema.Schema, error) {
	if c.SchemaFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.SchemaFile)
	if err != nil {
		return nil, fmt.Errorf("schema_file: %w", err)
	}
	return jobschema.Load(c.SchemaFile, data)
}

// oidcConfig returns the settings of package oidcauth.
func (c *Config) oidcConfig() (oidcauth.Config, error) {
	o := c.Auth.OIDC
	roles, err := parseRoles(o.Roles)
	if err != nil {
		return oidcauth.Config{}, fmt.Errorf("auth.oidc.roles: %w", err)
	}
	if o.Issuer == "" || o.Audience == "" || len(roles) == 0 {
		return oidcauth.Config{}, errors.New("auth.oidc: issuer, audience and roles are required")
	}
	secret, err := c.secret("auth.oidc.client_secret", o.ClientSecretFile, o.ClientSecretEnv)
	return oidcauth.Config{
		Issuer: o.Issuer, Audience: o.Audience, ClientSecret: secret, NameClaim: o.NameClaim, RoleClaim: o.RoleClaim, Roles: roles, Scopes: o.Scopes,
	}, err
}

// authenticators returns what authenticates requests.
func (c *Config) authenticators(ctx context.Context) (all []httpapi.Authenticator, err error) {
	if c.Auth.Tokens {
		tokens, err := tokenfile.Open(c.Auth.TokensFile)
		if err != nil {
			return nil, err
		}
		all = append(all, tokens)
	}
	if c.Auth.OIDC != nil {
		conf, err := c.oidcConfig()
		if err != nil {
			return nil, err
		}
		provider, err := oidcauth.New(ctx, conf)
		if err != nil {
			return nil, err
		}
		all = append(all, provider)
	}
	certificates, err := c.certificateRoles()
	if len(certificates) > 0 {
		all = append(all, certificates)
	}
	return all, err
}

// Start starts a server. Its log is written to a writer.
func Start(ctx context.Context, c *Config, log io.Writer) (_ *Server, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Server{config: c}
	if s.logger, err = c.logger(log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if err := s.startService(ctx); err != nil {
		return nil, err
	}
	return s, s.listen(ctx)
}

// startService starts the service and its API.
func (s *Server) startService(ctx context.Context) error {
	c := s.config
	key, err := c.storeKey()
	if err != nil {
		return fmt.Errorf("key of the job store: %w", err)
	}
	schema, err := c.schema()
	if err != nil {
		return err
	}
	if s.hosts, err = c.hosts(); err != nil {
		return err
	}
	authenticators, err := c.authenticators(ctx)
	if err != nil {
		return err
	}
	var tracer hvprov.Tracer
	if s.spans, err = c.tracerProvider(ctx); err != nil {
		return err
	} else if s.spans != nil {
		tracer = oteltrace.New(s.spans)
	}
	stores, err := c.openStores(ctx, s.logger)
	if err != nil {
		return err
	}
	s.service, err = hvprov.New(ctx, hvprov.Options{
		Schema: schema, Hosts: s.hosts, Store: stores.jobs, Queue: stores.queue, StoreKey: key, KeepQueued: true, KeepEnded: c.KeepJobs, JobLogDir: c.JobLogDir,
		RefreshEvery: time.Duration(c.RefreshSeconds) * time.Second, JobsPerHost: c.JobsPerHost,
		JobLimit: time.Duration(c.JobLimitMinutes) * time.Minute, Logger: s.logger, Client: "hvprovd", Tracer: tracer,
	})
	if err != nil {
		return errors.Join(err, stores.notes.Close())
	}
	s.handler, err = httpapi.New(s.service, httpapi.Options{
		Authenticators: authenticators, Notifications: stores.notes, Origins: c.Origins, PublicURL: c.PublicURL, SecureCookies: c.AllowPlainHTTP, Logger: s.logger,
		Page: ui.Handler(),
	})
	if err != nil {
		return errors.Join(err, stores.notes.Close())
	}
	return nil
}

// listen opens the addresses.
func (s *Server) listen(ctx context.Context) (err error) {
	tlsConfig, err := s.config.tlsConfig()
	if err != nil {
		return err
	}
	var config net.ListenConfig
	if s.listener, err = config.Listen(ctx, "tcp", s.config.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.api = s.newHTTPServer(s.handler)
	if tlsConfig != nil {
		tlsConfig.NextProtos = []string{"http/1.1"} // a websocket needs a separate connection
		s.listener = tls.NewListener(s.listener, tlsConfig)
	}
	if s.config.MetricsListen == "" {
		return nil
	}
	if s.metricsLis, err = config.Listen(ctx, "tcp", s.config.MetricsListen); err != nil {
		return fmt.Errorf("metrics_listen: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prommetrics.New(s.service), collectors.NewBuildInfoCollector(), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelError)}))
	s.metrics = s.newHTTPServer(mux)
	return nil
}

// newHTTPServer returns a server with limits on what a client may send before a request is served.
func (s *Server) newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: s.config.headerLimit, ReadTimeout: 30 * time.Second, WriteTimeout: 3 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// URL returns the address of the API.
func (s *Server) URL() string {
	scheme := "http://"
	if s.config.TLS.CertFile != "" {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String()
}

// MetricsURL returns the address of the metrics, or an empty string.
func (s *Server) MetricsURL() string {
	if s.metricsLis == nil {
		return ""
	}
	return "http://" + s.metricsLis.Addr().String() + "/metrics"
}

// Serve serves until ctx ends, and then stops: it serves no further request, waits for running jobs for a time, and leaves those that
// are not finished to their hosts, where the next start continues to follow them. A value of reload makes it read the hosts of the
// configuration file again.
func (s *Server) Serve(ctx context.Context, reload <-chan os.Signal) error {
	failed := make(chan error, 2)
	go func() { failed <- s.api.Serve(s.listener) }()
	if s.metrics != nil {
		go func() { failed <- s.metrics.Serve(s.metricsLis) }()
	}
	s.reload.Lock()
	hosts := len(s.hosts)
	s.reload.Unlock()
	s.logger.Info("serving", "url", s.URL(), "metrics", s.MetricsURL(), "hosts", hosts, "authentication", s.config.hasAuth())
	var err error
	for done := false; !done; {
		select {
		case <-reload:
			s.Reload(ctx)
		case err = <-failed:
			done = true
		case <-ctx.Done():
			done = true
		}
	}
	limit := time.Duration(s.config.StopSeconds) * time.Second
	s.logger.Info("stopping", "limit", limit.String())
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return errors.Join(err, s.close(stop))
}

// close ends what was started.
func (s *Server) close(ctx context.Context) error {
	var errs []error
	if s.handler != nil {
		s.handler.EndStreams() // Shutdown would wait for them
	}
	for _, server := range []*http.Server{s.api, s.metrics} {
		if server != nil {
			errs = append(errs, server.Shutdown(ctx))
		}
	}
	for _, l := range []net.Listener{s.listener, s.metricsLis} {
		if l != nil {
			_ = l.Close() // closed by Shutdown if it was served
		}
	}
	if s.service != nil {
		err := s.service.Close(ctx)
		if errors.Is(err, hvprov.ErrClosed) { // jobs that continue on their hosts
			s.logger.Warn("jobs continue on their hosts", "error", err)
			err = nil
		}
		errs = append(errs, err)
	}
	if s.handler != nil {
		errs = append(errs, s.handler.Close())
	}
	if s.spans != nil {
		s.endSpans(ctx)
	}
	return errors.Join(errs...)
}

// Reload reads the hosts of the configuration file again, and adds, removes and replaces those that differ. A host with active jobs is
// left as it is until the next reload. Other settings need a restart; certificates and tokens are read again by themselves.
func (s *Server) Reload(ctx context.Context) {
	c, err := Load(s.config.path, s.config.getenv)
	var hosts Hosts
	if err == nil {
		hosts, err = c.hosts()
	}
	if err != nil {
		s.logger.Error("the configuration was not reloaded", "error", err)
		return
	}
	s.reload.Lock()
	defer s.reload.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.hosts)) {
		conf, ok := hosts[name]
		if ok && reflect.DeepEqual(conf, s.hosts[name]) {
			continue
		}
		if err := s.service.RemoveHost(ctx, name); err != nil && !errors.Is(err, hvprov.ErrHostUnknown) {
			s.logger.Error("the host was not changed", "host", name, "error", err)
			if errors.Is(err, hvprov.ErrHostBusy) {
				continue
			}
		}
		delete(s.hosts, name)
		s.logger.Info("host removed", "host", name)
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		if s.has(name) {
			continue
		}
		if err := s.service.AddHost(ctx, name, hosts[name]); err != nil {
			s.logger.Error("the host was not added", "host", name, "error", err)
			continue
		}
		s.hosts[name] = hosts[name]
		s.logger.Info("host added", "host", name)
	}
}

func (s *Server) has(name string) bool {
	for known := range s.hosts {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}
