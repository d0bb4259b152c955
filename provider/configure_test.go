// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"math/big"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func TestInvalidSettingsAreReportedOnTheirAttribute(t *testing.T) {
	t.Parallel()
	good := attrs{"address": "hv01.lab.example", "username": "u", "password": "p"}
	for name, c := range map[string]struct {
		config    attrs
		attribute string
		text      string
	}{
		"no host":                     {attrs{}, "host", "HYPERVVM_HOST"},
		"both host and hosts":         {attrs{"host": good, "hosts": attrs{"a": good}}, "hosts", "for one Hyper-V host"},
		"a simulator and a host":      {attrs{"host": good, "simulator": attrs{"state_file": "x"}}, "simulator", "conflicts with host and hosts"},
		"no password":                 {attrs{"host": good.with(attrs{"password": nil})}, "host.password", "HYPERVVM_PASSWORD"},
		"no username":                 {attrs{"host": good.with(attrs{"username": nil})}, "host.username", "HYPERVVM_USERNAME"},
		"a port out of range":         {attrs{"host": good.with(attrs{"port": 70000})}, "host.port", "between 1 and 65535"},
		"half a port":                 {attrs{"host": good.with(attrs{"port": big.NewFloat(5986.5)})}, "host.port", "5986.5 is not a whole number"},
		"a relative folder":           {attrs{"host": good.with(attrs{"vm_path": "D:VMs"})}, "host.vm_path", "absolute path"},
		"a folder without a drive":    {attrs{"host": good.with(attrs{"image_path": `Images\`})}, "host.image_path", "absolute path"},
		"an unknown method":           {attrs{"host": good.with(attrs{"auth": "digest"})}, "host.auth", `"ntlm", "kerberos", "certificate" or "basic"`},
		"basic without TLS":           {attrs{"host": good.with(attrs{"auth": "basic", "use_tls": false})}, "host.auth", "use_tls = true"},
		"a CA file name":              {attrs{"host": good.with(attrs{"ca_cert": "ca.pem"})}, "host.ca_cert", "PEM"},
		"an address with a port":      {attrs{"host": good.with(attrs{"address": "hv01.lab.example:5986"})}, "host.address", "and the port to 5986"},
		"an entry without an address": {attrs{"hosts": attrs{"a": good.with(attrs{"address": nil})}}, "hosts.a.address", "DNS name"},
		"an entry with a slash":       {attrs{"hosts": attrs{"a/b": good}}, "hosts.a/b", "slash"},
		"no entries":                  {attrs{"hosts": attrs{}}, "hosts", "at least one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.mustFail(h.configure(c.config), c.attribute, c.text)
		})
	}
}

func TestEnvironmentVariablesSupplySettings(t *testing.T) {
	server := startHost(t, func(o *simhost.Options) { o.Auth.AllowBasic = true })
	ca := string(server.CACertPEM())
	t.Setenv("HYPERVVM_HOST", server.Address())
	t.Setenv("HYPERVVM_PORT", "1")
	t.Setenv("HYPERVVM_CA_CERT", ca)
	t.Setenv("HYPERVVM_AUTH", "basic")
	t.Setenv("HYPERVVM_USERNAME", server.Username())
	t.Setenv("HYPERVVM_PASSWORD", server.Password())
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": attrs{"port": server.Port()}}))
	h.mustSucceed("plan", h.plan(h.none(), linux("web-01")).diags)

	t.Setenv("HYPERVVM_PORT", "https")
	h = newHarness(t)
	h.mustFail(h.configure(attrs{}), "host.port", "HYPERVVM_PORT", `"https" is not a number`)
}

func TestUnknownSettingsAreNotErrors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": attrs{"address": unknown{}, "username": "u", "password": unknown{}}}))
	h.mustSucceed("plan", h.plan(h.none(), linux("web-01")).diags)
}

func TestTheSimulatorKeepsItsStateInItsFile(t *testing.T) {
	t.Parallel()
	config := attrs{"simulator": attrs{"state_file": filepath.Join(t.TempDir(), "host.json")}}
	first := newHarness(t)
	first.mustSucceed("configure", first.configure(config))
	created := first.mustApply(first.none(), linux("web-01"))
	second := newHarness(t)
	second.mustSucceed("configure", second.configure(config))
	read := second.mustRead(created)
	if read.value.IsNull() {
		t.Error("the virtual machine no longer exists")
	}
	second.mustApply(read, nil)
}

func TestResourcesUseTheHostThatTheyName(t *testing.T) {
	t.Parallel()
	a, b := startHost(t, nil), startHost(t, nil)
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"hosts": attrs{"hv01": settings(a), "hv02": settings(b)}}))
	h.mustFail(h.plan(h.none(), linux("web-01")).diags, "host", "hv01, hv02")
	h.mustFail(h.plan(h.none(), linux("web-01").with(attrs{"host": "hv03"})).diags, "host", "Unknown host hv03", "hv01, hv02")

	created := h.mustApply(h.none(), linux("web-01").with(attrs{"host": "hv01"}))
	h.mustApply(h.none(), linux("web-01").with(attrs{"host": "hv02"})) // names are unique per host only
	if len(vmNames(t, a)) != 1 || len(vmNames(t, b)) != 1 {
		t.Errorf("the hosts have %v and %v", vmNames(t, a), vmNames(t, b))
	}
	p := h.plan(created, linux("web-03").with(attrs{"host": "hv02"}))
	h.mustSucceed("plan", p.diags)
	if len(p.replace) != 1 || p.replace[0] != "host" {
		t.Errorf("got replacement because of %v, want host", p.replace)
	}
}
