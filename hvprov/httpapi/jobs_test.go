// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

func TestAJobIsSubmittedFollowedAndDeletedOverTheAPI(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	accepted := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01"))
	id := accepted.text("id")
	if accepted.header.Get("Location") != "/api/v1/jobs/"+id || accepted.get("schema", "version") != float64(schemaVersion()) || accepted.text("requester") != "local" {
		t.Errorf("accepted %s with header %v", accepted.body, accepted.header)
	}
	ended := a.await(id)
	if ended.text("state") != "succeeded" || ended.text("result", "vm", "name") != "web-01" || ended.text("values", "vm_name") != "web-01" {
		t.Fatalf("job is %s", ended.body)
	}
	events := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs/"+id+"/events", nil)
	all := events.list("events")
	if events.get("ended") != true || events.get("next") != float64(len(all)) || ended.get("last_event") != float64(len(all)) {
		t.Errorf("events are %s", events.body)
	}
	later := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs/"+id+"/events?after=2&limit=3", nil)
	if part := later.list("events"); len(part) != 3 || fmt.Sprint(part[0]) != fmt.Sprint(all[2]) || later.get("ended") != false || later.get("next") != 5.0 {
		t.Errorf("events 3 to 5 are %s", later.body)
	}

	vm := ended.text("result", "vm", "id")
	found := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/vms/"+vm, nil)
	if byName := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/vms/WEB-01", nil); byName.text("vm", "id") != found.text("vm", "id") {
		t.Errorf("by name: %s", byName.body)
	}
	update := map[string]any{"schema_version": schemaVersion(), "host": "hv01", "vm_id": vm, "values": map[string]any{"vm_name": "web-01", "notes": "from the API"}, "changed": []string{"notes"}}
	if updated := a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/update", update).text("id")); updated.text("result", "vm", "notes") != "from the API" {
		t.Errorf("update is %s", updated.body)
	}
	deleted := a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/delete", map[string]any{"host": "hv01", "vm_id": vm}).text("id"))
	if deleted.text("state") != "succeeded" {
		t.Errorf("delete is %s", deleted.body)
	}
	a.want(http.StatusNotFound, "vm_not_found", http.MethodGet, "/api/v1/hosts/hv01/vms/"+vm, nil)
}

func TestASubmissionThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *hvprov.Options, _ *httpapi.Options) {
		o.Hosts["hv02"] = hvprov.Host{WinRM: unreachable()}
	})
	a.updateHost(func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "TAKEN", State: "Off"})
	})
	body := func(change func(map[string]any)) map[string]any {
		b := provisionBody("web-01")
		change(b)
		return b
	}
	const provision = "/api/v1/jobs/provision"
	mismatch := a.want(http.StatusConflict, "schema_mismatch", http.MethodPost, provision, body(func(b map[string]any) { b["schema_version"] = schemaVersion() + 1 }))
	if mismatch.get("expected", "version") != float64(schemaVersion()) || mismatch.get("received", "version") != float64(schemaVersion()+1) {
		t.Errorf("schema mismatch: %s", mismatch.body)
	}
	invalid := a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, provision, body(func(b map[string]any) {
		v := values("web-01")
		v["gb_ram"], v["nonsense"] = 0, 1
		delete(v, "image_name")
		b["values"] = v
	}))
	var fields []string
	for _, each := range invalid.list("errors") {
		object, _ := each.(map[string]any)
		fields = append(fields, fmt.Sprint(object["field"], " ", object["code"]))
	}
	if got := strings.Join(fields, ", "); !strings.Contains(got, "gb_ram minimum") || !strings.Contains(got, "image_name required") || len(fields) != 3 {
		t.Errorf("faults are %q", got)
	}
	unknown := a.want(http.StatusNotFound, "host_unknown", http.MethodPost, provision, body(func(b map[string]any) { b["host"] = "hv09" }))
	if hosts := unknown.list("hosts"); len(hosts) != 2 {
		t.Errorf("unknown host: %s", unknown.body)
	}
	down := a.want(http.StatusServiceUnavailable, "host_unreachable", http.MethodPost, provision, body(func(b map[string]any) { b["host"] = "hv02" }))
	if down.text("host") != "hv02" || down.text("host_state") == "" || down.header.Get("Retry-After") == "" {
		t.Errorf("unreachable host: %s", down.body)
	}
	taken := a.want(http.StatusConflict, "name_taken", http.MethodPost, provision, body(func(b map[string]any) { b["values"] = values("taken") }))
	if taken.text("vm_id") != "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11" {
		t.Errorf("taken name: %s", taken.body)
	}
	a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, provision, body(func(b map[string]any) { delete(b, "schema_version") }))
	a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, "/api/v1/jobs/delete", map[string]any{"host": "hv01", "vm_id": "x"})
	a.want(http.StatusBadRequest, "invalid_request", http.MethodPost, provision, body(func(b map[string]any) { b["hots"] = "hv01" }))
	if jobs := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs", nil).list("jobs"); len(jobs) > 0 {
		t.Errorf("refused submissions are jobs: %v", jobs)
	}
}

func TestTheSameIdempotencyKeyReturnsTheSameJob(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const path = "/api/v1/jobs/provision"
	first := a.want(http.StatusAccepted, "", http.MethodPost, path, provisionBody("web-01"), "Idempotency-Key", "k1")
	a.await(first.text("id"))
	again := a.want(http.StatusAccepted, "", http.MethodPost, path, provisionBody("web-01"), "Idempotency-Key", "k1")
	if again.text("id") != first.text("id") || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("repeated: %s, first %s", again.body, first.body)
	}
	other := provisionBody("web-01")
	other["values"].(map[string]any)["guest_la_pw"] = "another password"
	a.want(http.StatusUnprocessableEntity, "idempotency_key_reused", http.MethodPost, path, other, "Idempotency-Key", "k1")
	a.want(http.StatusUnprocessableEntity, "idempotency_key_reused", http.MethodPost, path, provisionBody("web-02"), "Idempotency-Key", "k1")
	another := a.want(http.StatusAccepted, "", http.MethodPost, path, provisionBody("web-02"), "Idempotency-Key", "k2")
	if another.text("id") == first.text("id") || a.await(another.text("id")).text("state") != "succeeded" {
		t.Errorf("under another key: %s", another.body)
	}
}

func TestJobsAreListedInPagesAndFiltered(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	for i := range 5 {
		a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody(fmt.Sprint("web-0", i))).text("id"))
	}
	names := func(got answer) string {
		var all []string
		for _, each := range got.list("jobs") {
			object, _ := each.(map[string]any)
			all = append(all, fmt.Sprint(object["vm_name"]))
		}
		return strings.Join(all, " ")
	}
	first := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs?limit=2", nil)
	second := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs?limit=2&cursor="+first.text("next"), nil)
	last := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs?limit=2&cursor="+second.text("next"), nil)
	if got := names(first) + ", " + names(second) + ", " + names(last); got != "web-04 web-03, web-02 web-01, web-00" || last.text("next") != "" {
		t.Errorf("pages are %q", got)
	}
	for query, want := range map[string]string{
		"state=succeeded&vm_name=WEB-03": "web-03",
		"state=failed,queued":            "",
		"operation=delete":               "",
		"host=HV01&limit=1":              "web-04",
		"requester=nobody":               "",
	} {
		if got := names(a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs?"+query, nil)); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"state=done", "operation=x", "limit=0", "limit=501", "cursor=%2A", "cursor=YWJj", "sate=failed", "token=x"} {
		a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/jobs?"+query, nil)
	}
	tag := first.header.Get("ETag")
	if again := a.want(http.StatusNotModified, "", http.MethodGet, "/api/v1/jobs?limit=2", nil, "If-None-Match", `"x", W/`+tag); len(again.body) > 0 {
		t.Errorf("not modified: %s", again.body)
	}
}

func TestACancelledJobIsRolledBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	gate := simtest.Hold(t, a.host, "Add-VMHardDiskDrive")
	id := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id")
	gate.AwaitCall()
	cancelled := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/"+id+"/cancel", nil)
	if cancelled.text("id") != id {
		t.Errorf("cancelled %s", cancelled.body)
	}
	gate.Release()
	if got := a.await(id); got.text("state") != "cancelled" || got.text("error", "code") != "job_cancelled" {
		t.Errorf("job is %s", got.body)
	}
	a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/"+id+"/cancel", nil) // has no effect
	const missing = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99"
	a.want(http.StatusNotFound, "job_not_found", http.MethodPost, "/api/v1/jobs/"+missing+"/cancel", nil)
	a.want(http.StatusNotFound, "job_not_found", http.MethodGet, "/api/v1/jobs/"+missing, nil)
	a.want(http.StatusNotFound, "job_not_found", http.MethodGet, "/api/v1/jobs/"+missing+"/events", nil)
}

func TestACheckReportsErrorsOfTheValuesAndOfTheHost(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *hvprov.Options, _ *httpapi.Options) { o.Hosts["hv02"] = hvprov.Host{WinRM: unreachable()} })
	check := func(change func(map[string]any)) answer {
		b := provisionBody("web-01")
		b["operation"] = "provision"
		change(b)
		return a.want(http.StatusOK, "", http.MethodPost, "/api/v1/jobs:check", b)
	}
	if got := check(func(map[string]any) {}); got.get("valid") != true || got.get("host_checked") != true {
		t.Errorf("valid submission: %s", got.body)
	}
	if got := check(func(b map[string]any) { b["values"] = map[string]any{"gb_ram": 0}; b["host"] = "" }); got.get("valid") != false || len(got.list("errors")) < 3 || got.get("host_checked") != false {
		t.Errorf("invalid values without a host: %s", got.body)
	}
	if got := check(func(b map[string]any) {
		b["values"] = map[string]any{"vm_name": "a"}
		b["unknown"] = []string{"image_name"}
	}); strings.Contains(string(got.body), `"field":"image_name"`) {
		t.Errorf("an unknown value is reported as missing: %s", got.body)
	}
	v := values("web-01")
	v["image_name"] = "nothing"
	if got := check(func(b map[string]any) { b["values"] = v }); got.get("valid") != false || len(got.list("findings")) == 0 {
		t.Errorf("a missing image: %s", got.body)
	}
	if got := check(func(b map[string]any) { b["host"] = "hv02" }); got.get("valid") != false || got.text("host_problem", "code") != "host_unreachable" {
		t.Errorf("an unreachable host: %s", got.body)
	}
	a.want(http.StatusConflict, "schema_mismatch", http.MethodPost, "/api/v1/jobs:check", map[string]any{"operation": "provision", "schema_version": schemaVersion() + 1, "host": ""})
}

func TestEventsThatTheServiceDoesNotKeepAreReadFromTheHost(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(o *hvprov.Options, _ *httpapi.Options) { o.KeepEvents = 1 })
	id := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id")
	last := a.await(id).get("last_event")
	events := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs/"+id+"/events", nil)
	if got := events.list("events"); float64(len(got)) != last || events.get("ended") != true {
		t.Errorf("%v events, want %v: %s", len(got), last, events.body)
	}
}
