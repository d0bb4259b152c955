// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// unreachable is the connection to a host that does not exist.
func unreachable() winrm.Config {
	return winrm.Config{Address: "127.0.0.1", Port: 1, TLS: true, Username: "Administrator", Password: "not a real one"}
}

func TestHostsAndTheirContentsAreShown(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *hvprov.Options, _ *httpapi.Options) { o.Hosts["hv02"] = hvprov.Host{WinRM: unreachable()} })
	hosts := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts", nil).list("hosts")
	if len(hosts) != 2 || hosts[0].(map[string]any)["state"] != "unknown" {
		t.Errorf("hosts are %v", hosts)
	}
	a.updateHost(func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "old", State: "Off"})
	})
	contents := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/inventory?refresh=true", nil)
	if vms := contents.list("vms"); len(vms) != 1 || vms[0].(map[string]any)["state"] != "off" || contents.text("seen") == "" {
		t.Errorf("inventory is %s", contents.body)
	}
	host := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/HV01?refresh=true", nil)
	if host.text("state") != "connected" || host.text("info", "agent") == "" || host.get("capacity", "logical_processors") != 16.0 {
		t.Errorf("host is %s", host.body)
	}
	a.want(http.StatusServiceUnavailable, "host_unreachable", http.MethodGet, "/api/v1/hosts/hv02/inventory?refresh=true", nil)
	a.want(http.StatusServiceUnavailable, "host_unreachable", http.MethodGet, "/api/v1/hosts/hv02?refresh=true", nil)
	if down := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv02", nil); down.text("state") != "disconnected" || down.text("failure", "message") == "" {
		t.Errorf("a host that does not answer: %s", down.body)
	}
	a.want(http.StatusNotFound, "host_unknown", http.MethodGet, "/api/v1/hosts/hv09", nil)
	a.want(http.StatusNotFound, "host_unknown", http.MethodGet, "/api/v1/hosts/hv09/inventory", nil)
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/hosts/hv01?refresh=maybe", nil)
	if ready := a.want(http.StatusOK, "", http.MethodGet, "/readyz", nil); ready.get("disconnected") != 1.0 {
		t.Errorf("readiness is %s", ready.body)
	}
}

func TestAVirtualMachineIsShownBeforeItsHostReportsIt(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	gate := simtest.Hold(t, a.host, "New-VM")
	id := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id")
	hosts := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/inventory", nil).list("hosts")
	vms, _ := hosts[0].(map[string]any)["vms"].([]any)
	if len(vms) != 1 {
		t.Fatalf("inventory is %v", hosts)
	}
	if vm, _ := vms[0].(map[string]any); vm["name"] != "web-01" || vm["state"] != "creating" || vm["job_id"] != id || vm["id"] != "" {
		t.Errorf("placeholder is %v", vm)
	}
	live := a.open("", "inventory", "jobs")
	gate.Release()
	done := a.await(id)
	live.until(func(m liveMessage) bool { return m.State == "succeeded" })
	live.until(func(m liveMessage) bool { return m.Type == "inventory" })
	shown := func() (texts []string) {
		vms := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/inventory", nil).list("vms")
		for _, each := range vms {
			vm, _ := each.(map[string]any)
			texts = append(texts, fmt.Sprint(vm["id"], " ", vm["name"], " ", vm["state"]))
		}
		return texts
	}
	vm := done.text("vm_id")
	if got := shown(); !slices.Equal(got, []string{vm + " web-01 running"}) { // before the next snapshot
		t.Errorf("after the job: %q", got)
	}
	a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/inventory?refresh=true", nil)
	if got := shown(); !slices.Equal(got, []string{vm + " web-01 running"}) {
		t.Errorf("after the next snapshot: %q", got)
	}
	deletion := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/delete", map[string]any{"host": "hv01", "vm_id": vm}).text("id")
	live.until(func(m liveMessage) bool { return m.State == "succeeded" && m.Job == deletion })
	if got := shown(); len(got) > 0 {
		t.Errorf("after the deletion: %q", got)
	}
}
