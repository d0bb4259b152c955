// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// Routes of all operations are held to the document by another test.
func TestTheOpenAPIDocumentAndThePageKnowAllOperationsOfJobs(t *testing.T) {
	t.Parallel()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	enum := func(names ...string) string {
		s := doc.Components.Schemas[names[0]].Value
		for _, name := range names[1:] {
			s = s.Properties[name].Value
		}
		return fmt.Sprint(s.Enum)
	}
	if got, want := enum("Operation"), fmt.Sprint(job.Operations()); got != want {
		t.Errorf("operations of the document are %s, want %s", got, want)
	}
	if got, want := enum("Power", "values", "power_action"), fmt.Sprint(job.PowerActions()); got != want {
		t.Errorf("power actions of the document are %s, want %s", got, want)
	}
	if got, want := enum("Checkpoint", "values", "checkpoint_action"), fmt.Sprint(job.CheckpointActions()); got != want {
		t.Errorf("checkpoint actions of the document are %s, want %s", got, want)
	}
	if got, want := enum("Export", "values", "export_live_state"), fmt.Sprint(job.ExportLiveStates()); got != want {
		t.Errorf("live states of the document are %s, want %s", got, want)
	}
	script, err := os.ReadFile("ui/assets/format.js")
	if err != nil {
		t.Fatal(err)
	}
	keys := func(constant string) (found []string) {
		_, text, _ := strings.Cut(string(script), "export const "+constant+" = {")
		text, _, _ = strings.Cut(text, "\n}")
		for _, each := range regexp.MustCompile(`(?m)^  (\w+):`).FindAllStringSubmatch(text, -1) {
			found = append(found, each[1])
		}
		slices.Sort(found)
		return found
	}
	operations := make([]string, 0, len(job.Operations()))
	for _, operation := range job.Operations() {
		operations = append(operations, string(operation))
	}
	for constant, want := range map[string][]string{"operations": operations, "powerActions": job.PowerActions()} {
		if slices.Sort(want); !slices.Equal(keys(constant), want) {
			t.Errorf("%s of the page are %v, want %v", constant, keys(constant), want)
		}
	}
}

func TestJobsOfAllOperationsOnAVirtualMachineRunOverTheAPI(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	run := func(operation string, body map[string]any) answer {
		t.Helper()
		ended := a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/"+operation, body).text("id"))
		if ended.text("state") != "succeeded" || ended.text("vm_name") != "web-01" || ended.text("operation") != operation {
			t.Fatalf("%s: %s", operation, ended.body)
		}
		return ended
	}
	vm := run("provision", provisionBody("web-01")).text("result", "vm", "id")
	a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/inventory?refresh=true", nil)
	on := func(values map[string]any) map[string]any {
		return map[string]any{"host": "hv01", "vm_id": vm, "values": values}
	}
	if off := run("power", on(map[string]any{"power_action": "turn_off"})); off.text("result", "vm", "power_state") != "off" {
		t.Errorf("power is %s", off.body)
	}
	notes := on(map[string]any{"notes": "without the name"})
	notes["schema_version"] = schemaVersion()
	if updated := run("update", notes); updated.text("result", "vm", "notes") != "without the name" || updated.text("result", "vm", "name") != "web-01" {
		t.Errorf("update is %s", updated.body)
	}
	a.updateHost(func(s *hyperv.State) { s.VMs[len(s.VMs)-1].CheckpointType = "Production" })
	taken := run("checkpoint", on(map[string]any{"checkpoint_action": "take", "checkpoint_name": "before"}))
	list := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/vms/web-01/checkpoints", nil).list("checkpoints")
	if len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(taken.get("result", "checkpoint")) {
		t.Errorf("checkpoints are %v, taken %s", list, taken.body)
	}
	run("checkpoint", on(map[string]any{"checkpoint_action": "remove", "checkpoint_name": "before"}))
	run("export", on(map[string]any{"export_path": filepath.ToSlash(t.TempDir())}))
	run("delete", map[string]any{"host": "hv01", "vm_id": vm})
	found := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs?operation=power,checkpoint,delete&vm_name=WEB-01", nil)
	if jobs := found.list("jobs"); len(jobs) != 4 {
		t.Errorf("jobs are %s", found.body)
	}
}

func TestAJobOnRequestThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const vm = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
	values := map[string]any{"power_action": "explode", "vm_name": "web-01"}
	const want = "power_action type, vm_name unknown_field"
	codes := func(errs []any) string {
		var all []string
		for _, each := range errs {
			object, _ := each.(map[string]any)
			all = append(all, fmt.Sprint(object["field"], " ", object["code"]))
		}
		return strings.Join(all, ", ")
	}
	refused := a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, "/api/v1/jobs/power", map[string]any{"host": "hv01", "vm_id": vm, "values": values})
	if got := codes(refused.list("errors")); got != want {
		t.Errorf("errors are %q, want %q", got, want)
	}
	check := map[string]any{"operation": "power", "vm_id": vm, "values": values}
	if checked := a.want(http.StatusOK, "", http.MethodPost, "/api/v1/jobs:check", check); codes(checked.list("errors")) != want || checked.get("valid") != false {
		t.Errorf("check is %s", checked.body)
	}
	check["values"], check["host"] = map[string]any{"power_action": "start"}, "hv01"
	if checked := a.want(http.StatusOK, "", http.MethodPost, "/api/v1/jobs:check", check); checked.get("valid") != true || checked.get("host_checked") != true {
		t.Errorf("check is %s", checked.body)
	}
	none := a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, "/api/v1/jobs/checkpoint", map[string]any{"host": "hv01"})
	if got := codes(none.list("errors")); got != "vm_id required" {
		t.Errorf("errors are %q", got)
	}
}

func TestWhatAProviderNeedsOfAHostIsServed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	created := a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id"))
	vm := created.text("result", "vm", "id")
	if snapshot := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/snapshot", nil); snapshot.text("info", "name") == "" || len(snapshot.list("vms")) == 0 {
		t.Errorf("snapshot is %s", snapshot.body)
	}
	if switches := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/switches", nil); len(switches.list("switches")) == 0 {
		t.Errorf("switches are %s", switches.body)
	}
	file := filepath.Join(t.TempDir(), "data.vhdx")
	if err := hyperv.WriteDisk(file, hyperv.Disk{Type: "Fixed", SizeBytes: 2 << 30, FileBytes: 4 << 10}); err != nil {
		t.Fatal(err)
	}
	disks := func(path string) []any {
		return a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/disks?path="+url.QueryEscape(path), nil).list("disks")
	}
	if got := disks(file); len(got) != 1 || got[0].(map[string]any)["size_gb"] != 2.0 || got[0].(map[string]any)["type"] != "fixed" {
		t.Errorf("disks are %v", got)
	}
	if got := disks("other.vhdx"); got == nil || len(got) > 0 {
		t.Errorf("disks that do not exist are %v", got)
	}
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/hosts/hv01/disks", nil)
	compare := func(values map[string]any, unknown ...string) answer {
		t.Helper()
		body := map[string]any{"schema_version": schemaVersion(), "values": values, "unknown": unknown}
		return a.want(http.StatusOK, "", http.MethodPost, "/api/v1/hosts/hv01/vms/"+vm+"/comparison", body)
	}
	same := values("web-01")
	if got := compare(same); got.text("vm", "id") != vm || len(got.list("differs")) > 0 || got.get("incomplete") != nil {
		t.Errorf("the same values: %s", got.body)
	}
	same["notes"] = "other"
	if got := compare(same); fmt.Sprint(got.list("differs")) != "[notes]" {
		t.Errorf("other notes: %s", got.body)
	}
	if got := compare(same, "notes"); len(got.list("differs")) > 0 {
		t.Errorf("notes that are not known yet: %s", got.body)
	}
	a.want(http.StatusBadRequest, "invalid_request", http.MethodPost, "/api/v1/hosts/hv01/vms/"+vm+"/comparison", map[string]any{"unknown": []string{"colour"}})
	a.want(http.StatusConflict, "schema_mismatch", http.MethodPost, "/api/v1/hosts/hv01/vms/"+vm+"/comparison", map[string]any{"schema_version": 99})
}

func TestAnImageJobRunsOverTheAPI(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	source := filepath.Join(t.TempDir(), "source.vhdx")
	if err := hyperv.WriteImage(source, 1<<20); err != nil {
		t.Fatal(err)
	}
	body := func(values map[string]any) map[string]any { return map[string]any{"host": "hv01", "values": values} }
	created := a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/image",
		body(map[string]any{"image_action": "create", "image_file": "debian-13.vhdx", "source_path": source})).text("id"))
	if created.text("state") != "succeeded" || created.text("result", "image", "name") != "debian-13" {
		t.Errorf("the job is %s", created.body)
	}
	none := a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, "/api/v1/jobs/image", body(map[string]any{"image_action": "create", "image_file": "a.vhdx"}))
	if !strings.Contains(string(none.body), "source_url") {
		t.Errorf("the problem is %s", none.body)
	}
}

func TestADiskJobRunsOverTheAPI(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	path := filepath.Join(t.TempDir(), "archive.vhdx")
	run := func(values map[string]any) answer {
		values["disk_path"] = path
		return a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/disk", map[string]any{"host": "hv01", "values": values}).text("id"))
	}
	for _, values := range []map[string]any{
		{"disk_action": "create", "disk_size_gb": 1, "vhd_type": "dynamic"}, {"disk_action": "expand", "disk_size_gb": 2}, {"disk_action": "remove"},
	} {
		if ended := run(values); ended.text("state") != "succeeded" {
			t.Errorf("%v: the job is %s", values, ended.body)
		}
	}
	again := run(map[string]any{"disk_action": "expand", "disk_size_gb": 3})
	if again.text("state") != "failed" {
		t.Errorf("the expansion of a disk that was removed is %s", again.body)
	}
}

func TestASwitchJobRunsOverTheAPI(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	run := func(values map[string]any) answer {
		return a.await(a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/switch", map[string]any{"host": "hv01", "values": values}).text("id"))
	}
	if ended := run(map[string]any{"switch_action": "create", "switch_name": "Lab", "switch_type": "private"}); ended.text("state") != "succeeded" {
		t.Fatalf("the job is %s", ended.body)
	}
	var id string
	for _, item := range a.want(http.StatusOK, "", http.MethodGet, "/api/v1/hosts/hv01/switches", nil).list("switches") {
		if sw := item.(map[string]any); sw["name"] == "Lab" {
			id = fmt.Sprint(sw["id"])
		}
	}
	for _, values := range []map[string]any{{"switch_action": "update", "switch_id": id, "notes": "x"}, {"switch_action": "remove", "switch_id": id}} {
		if ended := run(values); ended.text("state") != "succeeded" {
			t.Errorf("%v: the job is %s", values, ended.body)
		}
	}
	a.want(http.StatusUnprocessableEntity, "invalid_submission", http.MethodPost, "/api/v1/jobs/switch", map[string]any{"host": "hv01", "values": map[string]any{"switch_action": "remove"}})
}
