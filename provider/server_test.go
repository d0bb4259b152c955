// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// throughServer is the test whose subtests use an hvprovd instead of the hosts.
const throughServer = "TestTheSameTestsRunThroughAServer"

// The tests of the provider run through a server over the same simulated hosts, to show that both ways do the same.
func TestTheSameTestsRunThroughAServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){
		"a life":                       TestAVMIsCreatedReadUpdatedAndDeleted,
		"a cancelled create":           TestAnInterruptedCreateIsRolledBack,
		"a wait for a job":             TestAdoptionWaitsForTheJobThatStillCreatesTheVM,
		"a virtual machine that moved": TestAVMThatMovedIsFollowed,
		"a taken name":                 TestANameTakenBetweenPlanAndApplyChangesNothing,
		"data sources":                 TestDataSourcesShowAHostAndItsVMs,
		"secrets":                      TestSecretsAreNotLogged,
	} {
		t.Run(name, test)
	}
	if !sample.Full() {
		return
	}
	for name, test := range map[string]func(*testing.T){
		"a deleted one":           TestADeletedVMIsRemovedFromTheState,
		"drift":                   TestDriftIsDetected,
		"power cycles":            TestPowerCyclesNeedPermission,
		"a replacement":           TestReplacingCreatesAnotherVM,
		"import":                  TestImport,
		"import of a foreign one": TestImportOfAVMThatNoJobCreated,
		"import errors":           TestImportReportsErrors,
		"checkpoints":             TestACheckpointIsAResource,
		"checkpoint actions":      TestACheckpointIsTakenAppliedAndRemovedByAction,
		"power":                   TestPowerOperationsChangeThePowerState,
		"power one after another": TestPowerOperationsOnOneVMRunOneAfterAnother,
		"a cancelled restart":     TestACancelledRestartStartsTheVMAgain,
		"what is not adopted":     TestOnlyAVMThatIsWhatWouldBeCreatedIsAdopted,
		"unknown values":          TestAPlanWithUnknownValuesAdoptsWhatItCanCompare,
		"a taken name in a plan":  TestPlanReportsATakenName,
		"what a host lacks":       TestWhatAHostLacksIsReportedOnce,
		"missing resources":       TestPlanReportsMissingHostResources,
		"switches":                TestVirtualSwitchesAreRead,
		"several hosts":           TestDataSourcesOfSeveralHosts,
		"a list":                  TestAListedVMIsWhatAnImportRecords,
		"images":                  TestAnImageIsAResource,
		"virtual hard disks":      TestAVirtualHardDiskIsAResource,
		"virtual switches":        TestAVirtualSwitchIsAResource,
		"differencing disks":      TestADifferencingDiskInTheFolderOfTheHost,
		"exports":                 TestAVirtualMachineIsExported,
		"disks":                   TestDisksAreCreatedUpdatedReadAndDeleted,
		"warnings":                TestWarningsOfJobsAreDiagnostics,
		"an unknown node":         TestAVMThatMovedToAnUnknownNodeIsKept,
		"a failed create":         TestAFailedCreateJobIsRolledBack,
		"names":                   TestANameIsGivenFromOneVMToAnotherInOneApply,
		"write-only secrets":      TestAWriteOnlySecretIsNotStored,
	} {
		t.Run(name, test)
	}
}

// isServed reports whether a test runs through a server.
func isServed(t *testing.T) bool { return strings.HasPrefix(t.Name(), throughServer+"/") }

// servers are the servers of a test, by its name and the settings of their hosts.
var servers sync.Map

// served returns the settings of a server with the hosts of a configuration, in a test that runs through one.
func (h *harness) served(config attrs) attrs {
	h.t.Helper()
	if !isServed(h.t) || config["host"] == nil && config["hosts"] == nil {
		return config
	}
	hosts := map[string]hvprov.Host{}
	if only, ok := config["host"].(attrs); ok {
		hosts[fmt.Sprint(only["address"])] = hostOf(only)
	}
	entries, _ := config["hosts"].(attrs)
	for name, entry := range entries {
		hosts[name] = hostOf(entry.(attrs))
	}
	key := h.t.Name() + fmt.Sprint(config)
	if known, ok := servers.Load(key); ok {
		h.through = known.(*server)
		return h.through.settings
	}
	logs, _ := config["job_log_dir"].(string)
	h.through = serveWith(h.t, hvprov.Options{Hosts: hosts, JobLogDir: logs})
	servers.Store(key, h.through)
	h.t.Cleanup(func() { servers.Delete(key) })
	return h.through.settings
}

func hostOf(set attrs) hvprov.Host {
	text := func(name string) string { s, _ := set[name].(string); return s }
	port, _ := set["port"].(int)
	return hvprov.Host{
		WinRM: winrm.Config{
			Address: text("address"), Port: port, TLS: true, CACert: []byte(text("ca_cert")), Auth: winrm.AuthNTLM,
			Username: text("username"), Password: text("password"), ConnectTimeout: 8 * time.Second,
		},
		ImagePath: text("image_path"), VMPath: text("vm_path"),
	}
}

// server is an hvprovd.
type server struct {
	settings attrs // of a provider that uses it
	service  *hvprov.Service
	log      *lockedBuffer
}

// serve serves hosts, and returns the settings of the server.
func serve(t *testing.T, hosts map[string]hvprov.Host) attrs {
	t.Helper()
	return serveWith(t, hvprov.Options{Hosts: hosts}).settings
}

// serveWith serves a service with the default schema.
func serveWith(t *testing.T, opts hvprov.Options) *server {
	t.Helper()
	s := &server{log: &lockedBuffer{}}
	opts.Schema, opts.Logger = loadSchema(t), slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if s.service, err = hvprov.New(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	handler, err := httpapi.New(s.service, httpapi.Options{
		Authenticators: []httpapi.Authenticator{tokens{}}, RequestsPerSecond: -1, Logger: opts.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(handler)
	t.Cleanup(func() {
		handler.EndStreams()
		listener.Close()
		if err := s.service.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := handler.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	s.settings = attrs{"server": attrs{"url": listener.URL, "token": "writer"}}
	return s
}

// tokens accepts the name of a role as a token.
type tokens struct{}

func (tokens) Authenticate(r *http.Request) (*httpapi.Identity, error) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	roles := map[string]httpapi.Role{"reader": httpapi.RoleReader, "writer": httpapi.RoleWriter}
	if role, ok := roles[token]; ok {
		return &httpapi.Identity{Name: token, Role: role}, nil
	}
	return nil, httpapi.ErrCredentials
}

func TestSettingsOfAServerAreReportedOnTheirAttribute(t *testing.T) {
	t.Parallel()
	good := serve(t, nil)["server"].(attrs)
	host := attrs{"address": "hv01.lab.example", "username": "u", "password": "p"}
	for name, c := range map[string]struct {
		config    attrs
		attribute string
		texts     []string
	}{
		"no address":               {attrs{"server": attrs{"token": "writer"}}, "server.url", []string{"HYPERVVM_SERVER_URL"}},
		"a server and a host":      {attrs{"server": good, "host": host}, "server", []string{"conflicts with host"}},
		"a server and hosts":       {attrs{"server": good, "hosts": attrs{"a": host}}, "server", []string{"conflicts with host"}},
		"no TLS":                   {attrs{"server": good.with(attrs{"url": "http://hvprovd.lab.example"})}, "server", []string{"use https"}},
		"a wrong token":            {attrs{"server": good.with(attrs{"token": password})}, "server", []string{"check token"}},
		"no token":                 {attrs{"server": good.with(attrs{"token": nil})}, "server", []string{"check token"}},
		"a name of a CA file":      {attrs{"server": good.with(attrs{"ca_cert": "ca.pem"})}, "server", []string{"not PEM text"}},
		"a server that is another": {attrs{"server": good.with(attrs{"url": fmt.Sprint(good["url"], "/elsewhere")})}, "server", []string{"Unable to use"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.mustFail(h.configure(c.config), c.attribute, c.texts...)
		})
	}
}

func TestAnotherSchemaThanThatOfTheServerIsReported(t *testing.T) {
	t.Parallel()
	config := serve(t, nil)
	schema := *loadSchema(t)
	schema.Version++
	h := newHarnessWith(t, &schema)
	h.mustFail(h.configure(config), "server", "expects version", fmt.Sprintf("has version %d", schema.Version))
}

func TestAReaderOfAServerPlansAndDoesNotApply(t *testing.T) {
	t.Parallel()
	host := startHost(t, nil)
	config := serve(t, map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}})
	config["server"].(attrs)["token"] = "reader"
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(config))
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	_, diags := h.apply(h.ctx, p)
	if text := render(diags); !hasError(diags) || !strings.Contains(text, "needs the role writer") {
		t.Errorf("got %s", text)
	}
}

func TestCtrlCCancelsTheJobOnTheServer(t *testing.T) {
	t.Parallel()
	host := startHost(t, nil)
	updateHost(t, host, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {DelayMS: 1000}}
	})
	s := serveWith(t, hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}}})
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(s.settings))
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	ctx, interrupt := context.WithCancel(h.ctx)
	defer interrupt()
	deep := h.log.whenWritten("[3/9] disk")
	go func() {
		<-deep
		interrupt()
	}()
	_, diags := h.apply(ctx, p)
	h.mustFail(diags, "", "Unable to create virtual machine web-01", "cancelled", "Everything that the job created")
	records, _, err := s.service.Jobs(jobstore.Filter{}, jobstore.Page{})
	if err != nil || len(records) != 1 || records[0].State != jobstore.Cancelled {
		t.Errorf("the server has the jobs %+v, %v", records, err)
	}
	if !strings.Contains(s.log.String(), `"path":"/api/v1/jobs/`+records[0].ID+`/cancel","status":2`) {
		t.Errorf("the audit log of the server lacks the cancellation:\n%s", s.log.String())
	}
	wantEmptyHost(t, host)
}

func TestErrorsOfAHostNameTheConfigurationOfItsServer(t *testing.T) {
	t.Parallel()
	host := startHost(t, nil)
	refused, away := host.WinRM(), host.WinRM()
	refused.Password = "another one"
	away.Port = 1
	config := serve(t, map[string]hvprov.Host{"refused": {WinRM: refused}, "away": {WinRM: away}})
	there := fmt.Sprint("the configuration of server ", config["server"].(attrs)["url"])
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(config))
	for id, texts := range map[string][]string{
		"refused/web-01": {"host refused the credentials", "Check username, password and auth in " + there},
		"away/web-01":    {"host is not reachable", "address, port and use_tls in " + there + " are correct"},
		"unknown/web-01": {"not configured", "Add the host to hosts of " + there},
	} {
		_, diags := h.importID(id)
		if shown := h.mustFail(diags, "host", texts...); strings.Contains(shown, "provider configuration") || strings.Contains(shown, "aliases") {
			t.Errorf("the error refers to the provider configuration:\n%s", shown)
		}
	}
	shown := h.mustFail(h.plan(h.none(), linux("web-01").with(attrs{"host": "unknown"})).diags, "host", "The server has no such host", "away, refused")
	if strings.Contains(shown, "aliases") {
		t.Errorf("a server has no aliases:\n%s", shown)
	}
}

func TestEnvironmentVariablesSelectAServer(t *testing.T) {
	host := startHost(t, nil)
	set := serve(t, map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}})["server"].(attrs)
	t.Setenv("HYPERVVM_SERVER_URL", fmt.Sprint(set["url"]))
	t.Setenv("HYPERVVM_SERVER_TOKEN", "writer")
	h := newHarness(t)
	h.mustSucceed("configure with url", h.configure(attrs{"server": attrs{"url": set["url"]}}))
	h = newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{}))
	h.mustSucceed("plan", h.plan(h.none(), linux("web-01")).diags)
	t.Setenv("HYPERVVM_HOST", "hv01.lab.example")
	if diags := newHarness(t).configure(attrs{}); !hasError(diags) || !strings.Contains(render(diags), "are both set") {
		t.Errorf("got %s", render(diags))
	}
}
