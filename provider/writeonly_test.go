// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// writeOnlySecret is the value of write-only attributes.
const writeOnlySecret = "c0rrect horse battery"

// writeOnly returns a configuration with a write-only password.
func writeOnly(name, value string, version any) attrs {
	return linux(name).with(attrs{"guest_la_pw": nil, "guest_la_pw_wo": value, "guest_la_pw_wo_version": version})
}

// wantAbsent requires that texts do not appear in the log, the states, and the files of the host and the jobs.
func (h *harness) wantAbsent(server *simhost.Server, logs string, texts []string, kept ...resource) {
	h.t.Helper()
	search := func(where, content string) {
		for _, text := range texts {
			if strings.Contains(content, text) {
				h.t.Errorf("%s contains %q", where, text)
			}
		}
	}
	search("the log", h.log.String())
	if h.through != nil {
		search("the log of the server", h.through.log.String())
	}
	for _, r := range kept {
		search("a state or a plan", r.value.String())
		search("private state", string(r.private))
	}
	files := 0
	for _, root := range []string{server.StateFile(), server.StateFile() + ".d", logs} {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(name)
			search(name, string(content))
			files++
			return err
		})
		if err != nil {
			h.t.Error(err)
		}
	}
	if files < 3 {
		h.t.Errorf("only %d files were searched", files)
	}
}

func TestAWriteOnlySecretIsNotStored(t *testing.T) {
	t.Parallel()
	eachAgent(t, aWriteOnlySecretIsNotStored)
}

func aWriteOnlySecretIsNotStored(t *testing.T, server *simhost.Server) {
	logs := t.TempDir()
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server), "job_log_dir": logs}))
	config := writeOnly("web-01", writeOnlySecret, 1)
	p := h.plan(h.none(), config)
	h.mustSucceed("plan", p.diags)
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "the password " + writeOnlySecret + " was refused"}}
	})
	_, diags := h.apply(h.ctx, p)
	if shown := h.mustFail(diags, "", "the password ****** was refused"); strings.Contains(shown, writeOnlySecret) {
		t.Error("the diagnostic contains the secret")
	}
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Calls = nil })

	created, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.mustHave(created, attrs{"guest_la_pw": nil, "guest_la_pw_wo": nil, "guest_la_pw_wo_version": 1})
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)
	changed := h.mustApply(read, config.with(attrs{"notes": "changed"}))
	h.wantAbsent(server, logs, []string{writeOnlySecret, password}, p.planned, created, read, changed)
}

func TestConflictingFormsOfASecretAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change    attrs
		attribute string // empty if the value is valid
		texts     []string
	}{
		"write-only alone":                      {attrs{"guest_la_pw": nil, "guest_la_pw_wo": writeOnlySecret}, "", nil},
		"write-only with its version":           {attrs{"guest_la_pw": nil, "guest_la_pw_wo": writeOnlySecret, "guest_la_pw_wo_version": 7}, "", nil},
		"unknown write-only":                    {attrs{"guest_la_pw": nil, "guest_la_pw_wo": unknown{}, "guest_la_pw_wo_version": 1}, "", nil},
		"unknown version":                       {attrs{"guest_la_pw": nil, "guest_la_pw_wo": writeOnlySecret, "guest_la_pw_wo_version": unknown{}}, "", nil},
		"neither":                               {attrs{"guest_la_pw": nil}, "", nil},
		"both":                                  {attrs{"guest_la_pw_wo": writeOnlySecret}, "guest_la_pw_wo", []string{"Invalid guest_la_pw_wo", "Set only one of them"}},
		"a version only":                        {attrs{"guest_la_pw_wo_version": 1}, "guest_la_pw_wo_version", []string{"guest_la_pw_wo, which is not set"}},
		"the version of another secret":         {attrs{"guest_domain_joinpw_wo_version": 1}, "guest_domain_joinpw_wo_version", []string{"guest_domain_joinpw_wo"}},
		"all forms unknown":                     {attrs{"guest_la_pw": unknown{}, "guest_la_pw_wo": unknown{}, "guest_la_pw_wo_version": unknown{}}, "", nil},
		"both, one unknown":                     {attrs{"guest_la_pw_wo": unknown{}}, "", nil},
		"unknown version only":                  {attrs{"guest_la_pw_wo_version": unknown{}}, "", nil},
		"an invalid value":                      {attrs{"guest_la_pw": nil, "guest_la_pw_wo": "a\x01b"}, "guest_la_pw_wo", []string{"Invalid guest_la_pw_wo", "control character"}},
		"an empty value":                        {attrs{"guest_la_pw": nil, "guest_la_pw_wo": ""}, "", nil},
		"an incomplete domain join, write-only": {attrs{"guest_domain_joinpw_wo": writeOnlySecret, "os_family": "windows"}, "guest_domain_jointarget", nil},
		"not applicable":                        {attrs{"guest_domain_joinpw_wo": writeOnlySecret}, "guest_domain_joinpw_wo", []string{"does not apply"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			diags := h.validate(linux("web-01").with(c.change))
			if len(c.texts) == 1 && c.texts[0] == "required" { // of a virtual machine to create: a validation does not know whether it is
				h = connected(t, startHost(t, nil))
				diags = h.plan(h.none(), linux("web-01").with(c.change)).diags
			}
			if strings.Contains(render(diags), writeOnlySecret) {
				t.Error("the message contains the secret")
			}
			if c.attribute == "" {
				h.mustSucceed("validate", diags)
				return
			}
			h.mustFail(diags, c.attribute, c.texts...)
		})
	}
}

func TestWriteOnlyAttributesNeedTerraform111(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.olderCLI = true
	h.mustSucceed("validate", h.validate(linux("web-01")))
	h.mustFail(h.validate(writeOnly("web-01", writeOnlySecret, 1)), "guest_la_pw_wo", "1.11")
}

func TestAWriteOnlySecretChangesWithItsVersion(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connected(t, server)
	created := first.mustApply(first.none(), writeOnly("web-01", writeOnlySecret, 1))
	for name, c := range map[string]struct {
		config attrs
		job    bool
	}{
		"another value":                     {writeOnly("web-01", "another value", 1), false},
		"another version":                   {writeOnly("web-01", writeOnlySecret, 2), true},
		"another value and another version": {writeOnly("web-01", "another value", 2), true},
		"removed version":                   {writeOnly("web-01", writeOnlySecret, nil), false},
		"unknown value":                     {writeOnly("web-01", writeOnlySecret, 1).with(attrs{"guest_la_pw_wo": unknown{}}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connected(t, server)
			h.mustChange(created, c.config, c.job)
		})
	}
}

func TestChangingTheFormOfASecretReplacesNothing(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	state := h.mustApply(h.none(), linux("web-01"))
	id := h.get(state, "id")
	for _, step := range []attrs{
		writeOnly("web-01", password, 1), linux("web-01"), writeOnly("web-01", password, nil), linux("web-01"), writeOnly("web-01", password, 3),
	} {
		p := h.plan(state, step)
		h.mustSucceed("plan", p.diags)
		if len(p.replace) > 0 {
			t.Fatalf("changing the form replaces because of %v", p.replace)
		}
		jobs := strings.Count(h.log.String(), "[1/")
		state = h.mustApply(state, step)
		if strings.Count(h.log.String(), "[1/") != jobs {
			t.Error("changing the form ran a job")
		}
		h.wantEmptyPlan(state, step)
	}
	if h.get(state, "id") != id {
		t.Error("the virtual machine was replaced")
	}
	back := h.mustApply(state, linux("web-01"))
	connected(t, server).mustChange(state, writeOnly("web-01", password, 4), true)
	h.mustChange(back, linux("web-01").with(attrs{"guest_la_pw": "another one"}), true)
}

func TestAnImportedVMAdoptsAWriteOnlySecret(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connected(t, server)
	first.mustApply(first.none(), linux("web-01"))
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/web-01")
	config := writeOnly("web-01", writeOnlySecret, 1).with(attrs{"switch_name": "External"})
	p := h.plan(imported, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		t.Errorf("the plan replaces the virtual machine because of %v", p.replace)
	}
	adopted := h.mustApply(imported, config)
	h.wantEmptyPlan(adopted, config)
	h.mustChange(adopted, config.with(attrs{"guest_la_pw_wo_version": 2}), true)
}
