// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// TestValuesThatAreNotAppliedReplaceNothing covers every field of the guest: a job records its new value, and says that it is not applied.
func TestValuesThatAreNotAppliedReplaceNothing(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"cnf_ansible_ssh_user": "ansible", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA"})
	p := h.plan(h.none(), config)
	h.mustSucceed("plan", p.diags)
	created, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	if strings.Contains(render(diags), "not applied in the guest") {
		t.Errorf("a new guest is set up:\n%s", render(diags))
	}
	for _, change := range []attrs{
		{"guest_la_pw": "an0ther secret"},
		{"guest_la_uid": "ops"},
		{"guest_v4_dns1": nil, "guest_net_dnssuffix": "lab.example"},
		{"cnf_ansible_ssh_key": "ssh-ed25519 BBBB"},
		{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1"},
	} {
		changed := config.with(change)
		p := h.plan(created, changed)
		h.mustSucceed("plan", p.diags)
		if len(p.replace) > 0 {
			t.Errorf("%v replaces because of %v", change, p.replace)
		}
		updated, diags := h.apply(h.ctx, p)
		h.mustSucceed("apply", diags)
		h.mustWarn(diags, "", "not applied in the guest: ")
		h.wantEmptyPlan(h.mustRead(updated), changed)
		h.mustHave(updated, attrs{"id": h.get(created, "id")})
	}
	for _, f := range loadSchema(t).Fields {
		if guest := strings.HasPrefix(f.ID, "guest_") || strings.HasPrefix(f.ID, "cnf_"); guest != (f.Guest != "") {
			t.Errorf("%s has the role %q in the guest", f.ID, f.Guest)
		} else if guest && f.Change != "in_place" {
			t.Errorf("a change of %s is applied by %s", f.ID, f.Change)
		}
	}
}

func TestAReplacementNamesTheDisksThatGo(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	created := h.mustApply(h.none(), linux("web-01"))
	p := h.plan(created, linux("web-01").with(attrs{"image_name": "windows-server-2022", "os_family": "windows"}))
	h.mustWarn(p.diags, "", "Virtual machine web-01 is replaced")
	h.mustWarn(p.diags, "", "A change of image_name, os_family requires another virtual machine. Its virtual hard disk is deleted with it")
	if n := strings.Count(render(p.diags), "is replaced"); n != 1 {
		t.Errorf("%d warnings", n)
	}
	with := h.object(created, attrs{"data_disks": []any{attrs{"name": "pgdata", "size_gb": 200, "type": "fixed"}, attrs{"name": "logs", "size_gb": 1, "type": "dynamic"}}})
	p = connected(t, server).plan(with, linux("web-01").with(attrs{"image_name": "windows-server-2022", "os_family": "windows"}))
	h.mustWarn(p.diags, "", "pgdata (200 GiB), logs (1 GiB)")
	if p := h.plan(created, linux("web-01").with(attrs{"notes": "x"})); strings.Contains(render(p.diags), "is replaced") {
		t.Error("a change in place is reported as a replacement")
	}
}

func TestWarningsOfJobsAreDiagnostics(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		created := h.mustApply(h.none(), linux("web-01"))
		created, diags := h.apply(h.ctx, h.plan(created, linux("web-01").with(attrs{"guest_la_uid": "ops"})))
		h.mustWarn(diags, "", "guest_la_uid")
		if strings.Contains(render(diags), password) {
			t.Error("a warning has a secret")
		}
		_, diags = h.apply(h.ctx, planned{prior: created, planned: h.none()})
		h.mustSucceed("delete", diags)
	})
}
