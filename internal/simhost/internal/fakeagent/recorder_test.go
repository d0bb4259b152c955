// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// recorder runs a scenario on one backend and records the behaviour that both backends must share: results, codes with their fields, the
// steps of jobs, and the state of the host. It leaves out texts, and what differs between runs: ids, times, paths and versions.
type recorder struct {
	*testing.T
	*conversation
	store *hyperv.Store
	dir   string
	lines []string
	ids   map[string]string
	jobs  int
}

var (
	anyGUID    = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
	anyTime    = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	anyFree    = regexp.MustCompile(`"free_bytes":(\d+|null)`)
	anyReadMS  = regexp.MustCompile(`"read_ms":[0-9]+`)
	anyHash    = regexp.MustCompile(`"version":"([0-9.]+)-[0-9a-f]{16}"`)
	anyVersion = regexp.MustCompile(`"(powershell|os)":"[0-9][^"]*"`)
)

func (s *recorder) record(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	line = strings.ReplaceAll(line, strings.ReplaceAll(s.dir, `\`, `\\`), "<dir>")
	line = strings.ReplaceAll(line, `\\`, "/")
	line = anyGUID.ReplaceAllStringFunc(line, func(id string) string {
		key := strings.ToLower(id)
		if s.ids[key] == "" {
			s.ids[key] = fmt.Sprintf("<id-%d>", len(s.ids)+1)
		}
		return s.ids[key]
	})
	line = anyTime.ReplaceAllString(line, `"<time>"`)
	line = anyHash.ReplaceAllString(line, `"version":"$1-<hash>"`)
	line = anyFree.ReplaceAllString(line, `"free_bytes":<free>`)
	line = anyReadMS.ReplaceAllString(line, `"read_ms":<ms>`)
	line = anyVersion.ReplaceAllString(line, `"$1":"<version>"`)
	s.lines = append(s.lines, line)
}

// section records a heading.
func (s *recorder) section(title string) { s.record("== %s", title) }

// request sends a request and records its answer.
func (s *recorder) request(req protocol.Request) protocol.Message {
	s.Helper()
	m := s.ask(s.T, req)
	s.record("%s: %s", req.Request, s.summary(m))
	return m
}

// summary returns an answer without its texts.
func (s *recorder) summary(m protocol.Message) string {
	s.Helper()
	if !m.OK {
		s.checkText(m.Error.Message + m.Error.Remedy)
		return failureSummary(m.Error)
	}
	var result struct{ Findings *[]job.Finding }
	if err := json.Unmarshal(m.Result, &result); len(m.Result) > 0 && err != nil {
		s.Fatal(err)
	}
	if result.Findings != nil {
		var list []string
		for _, f := range *result.Findings {
			s.checkText(f.Message + f.Remedy)
			list = append(list, fmt.Sprintf("%s %s on %s%s", f.Severity, f.Code, f.Field, f.VMID))
		}
		return fmt.Sprintf("%d findings: %s", len(list), strings.Join(list, "; "))
	}
	var value any
	if err := json.Unmarshal(m.Result, &value); len(m.Result) > 0 && err != nil {
		s.Fatal(err)
	}
	return toJSON(s.T, value)
}

func failureSummary(f *job.Failure) string {
	return strings.TrimSpace(fmt.Sprintf("error %s on field %q in step %q %s", f.Code, f.Field, f.Step, f.VMID))
}

var emptyPlaceholder = regexp.MustCompile(`\{[a-z_]+\}`)

// checkText verifies that a message of the catalogue has a value for each placeholder.
func (s *recorder) checkText(text string) {
	s.Helper()
	if name := emptyPlaceholder.FindString(text); name != "" && !strings.Contains(text, `"`) {
		s.Errorf("message %q has no value for %s", text, name)
	}
}

// submit submits a definition and returns the id of the job.
func (s *recorder) submit(req protocol.Request) string {
	s.Helper()
	s.jobs++
	req.Request = protocol.RequestSubmit
	if req.Job == "" {
		req.Job = fmt.Sprintf("a0000000-0000-4000-8000-%012d", s.jobs)
	}
	s.request(req)
	return req.Job
}

// runJob submits a definition, records the steps of the job, and returns its result.
func (s *recorder) runJob(req protocol.Request) job.Result {
	s.Helper()
	return s.awaitJob(s.submit(req))
}

// awaitJob waits for the result of a job and records its steps.
func (s *recorder) awaitJob(id string) job.Result {
	s.Helper()
	s.awaitEvent(s.T, id, "the result", func(e job.Event) bool { return e.Kind == job.KindResult })
	s.mu.Lock()
	events := s.events[id]
	s.mu.Unlock()
	for i, e := range events {
		if e.Seq != int64(i+1) || e.Time.IsZero() {
			s.Errorf("event %d of job %s has number %d and time %v", i+1, id, e.Seq, e.Time)
		}
		s.checkText(e.Message)
		switch e.Kind {
		case job.KindStep:
			s.record("step %d/%d %s", e.Number, e.Of, e.Step)
		case job.KindVM:
			s.record("virtual machine %s", e.VMID)
		}
	}
	last := events[len(events)-1]
	if last.Result == nil {
		s.Fatalf("job %s ended without a result", id)
	}
	s.record("result %s, virtual machine %s", last.Outcome, toJSON(s.T, last.VM))
	if last.Error != nil {
		s.checkText(last.Error.Message + last.Error.Remedy)
		s.record("%s", failureSummary(last.Error))
	}
	return *last.Result
}

// dropEvents forgets the events of a job, so that they can be received again.
func (s *recorder) dropEvents(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.events, id)
}

// onHost changes the state of the host.
func (s *recorder) onHost(change func(*hyperv.State)) {
	s.Helper()
	if err := s.store.Update(func(state *hyperv.State) error { change(state); return nil }); err != nil {
		s.Fatal(err)
	}
}

// editVM changes the first virtual machine of the host.
func (s *recorder) editVM(change func(vm *hyperv.VM)) {
	s.onHost(func(state *hyperv.State) { change(&state.VMs[0]) })
}

// setCalls controls the calls of cmdlets.
func (s *recorder) setCalls(calls map[string]hyperv.Call) {
	s.Helper()
	s.onHost(func(state *hyperv.State) { state.Behaviour.Calls = calls })
}

// holdCalls blocks the calls of a cmdlet until release is called.
func (s *recorder) holdCalls(cmdlet string) (release func()) {
	s.Helper()
	path := filepath.Join(s.dir, "hold")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		s.Fatal(err)
	}
	s.setCalls(map[string]hyperv.Call{cmdlet: {Hold: path}})
	return func() {
		s.Helper()
		if err := os.Remove(path); err != nil {
			s.Error(err)
		}
		if err := os.Remove(path + ".reached"); err != nil && !os.IsNotExist(err) { // the job may not have reached the call
			s.Error(err)
		}
	}
}

// recordHost records the virtual machines and the files of the host.
func (s *recorder) recordHost() {
	s.Helper()
	state, err := s.store.Read()
	if err != nil {
		s.Fatal(err)
	}
	for _, vm := range state.VMs {
		if vm.Guest != nil { // the fake agent's guests have no reporter of cloud-init, and report sooner
			vm.Guest.Looks = 0
			maps.DeleteFunc(vm.Guest.KVP, func(key, _ string) bool { return strings.HasPrefix(key, "CLOUD_INIT|") })
		}
		s.record("vm %s", toJSON(s.T, vm))
	}
	err = filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(path[len(s.dir):])
		if err != nil || strings.Contains(name, "state.json") && !strings.Contains(name, "state.json.d") {
			return err
		}
		if entry.IsDir() && entry.Name() == "ProgramData" {
			return filepath.SkipDir // the data folder of the agent: the fake agent has none
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(name, "hypervvm.json"):
			var manifest any
			raw, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(raw, &manifest)
			}
			if err != nil {
				return err
			}
			s.record("file %s %s", name, toJSON(s.T, manifest))
		case strings.HasSuffix(name, ".reached"): // of a call that was held, or that began when it no longer was: see holdCalls
		case entry.Name() == "guest-setup.iso":
			s.record("file %s", name)
		case !entry.IsDir():
			s.record("file %s %d", name, info.Size())
		default:
			if entries, _ := os.ReadDir(path); len(entries) == 0 {
				s.record("empty folder %s", name)
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
