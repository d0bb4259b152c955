// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// script is a scenario under way: what is asked of one side, and an account of what it said, without what differs from
// one run to another (ids, times, paths, speeds).
type script struct {
	*testing.T
	*conversation
	store *hyperv.Store
	dir   string
	lines []string
	ids   map[string]string
	jobs  int
}

var (
	anyGUID = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
	anyTime = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
	anyRate = regexp.MustCompile(`[0-9.]+ [KMGT]?i?B/s`)
	anyPace = regexp.MustCompile(`"bytes_per_second":\d+`)
	anyFree = regexp.MustCompile(`"free_bytes":(\d+|null)`)
	anyHash = regexp.MustCompile(`"version":"([0-9.]+)-[0-9a-f]{16}"`)
	anyHost = regexp.MustCompile(`"(powershell|os)":"[0-9][^"]*"`)
)

// note adds a line to the account.
func (s *script) note(format string, args ...any) {
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
	line = anyRate.ReplaceAllString(line, "<speed>")
	line = anyPace.ReplaceAllString(line, `"bytes_per_second":<speed>`)
	line = anyFree.ReplaceAllString(line, `"free_bytes":<free>`)
	line = anyHost.ReplaceAllString(line, `"$1":"<version>"`)
	s.lines = append(s.lines, line)
}

// say adds a heading.
func (s *script) say(text string) { s.note("== %s", text) }

// asks sends a request and notes its answer.
func (s *script) asks(req protocol.Request) protocol.Message {
	s.Helper()
	m := s.ask(s.T, req)
	s.note("%s -> %s", req.Request, text(s.T, m))
	return m
}

// job submits a definition and gives the job's id.
func (s *script) submits(req protocol.Request) string {
	s.Helper()
	s.jobs++
	req.Request = protocol.RequestSubmit
	if req.Job == "" {
		req.Job = fmt.Sprintf("a0000000-0000-4000-8000-%012d", s.jobs)
	}
	s.asks(req)
	return req.Job
}

// runs submits a definition and notes the job's events to its result, which it returns.
func (s *script) runs(req protocol.Request) job.Result {
	s.Helper()
	return s.finishes(s.submits(req))
}

// finishes waits for the result of a job and notes its events, but for those that time alone brings.
func (s *script) finishes(id string) job.Result {
	s.Helper()
	s.follow(s.T, id, "the result", func(e job.Event) bool { return e.Kind == job.KindResult })
	s.mu.Lock()
	events := s.events[id]
	s.mu.Unlock()
	for i, e := range events {
		if e.Seq != int64(i+1) {
			s.Errorf("event %d of job %s has number %d", i+1, id, e.Seq)
		}
		if e.Time.IsZero() {
			s.Errorf("event %d of job %s has no time", i+1, id)
		}
		if e.Kind == job.KindProgress && e.Percent < 100 {
			continue
		}
		e.Seq = 0
		s.note("%s", text(s.T, e))
	}
	last := events[len(events)-1]
	if last.Result == nil {
		s.Fatalf("job %s ended without a result", id)
	}
	return *last.Result
}

// forget drops what a job has said, so that it can be said again.
func (s *script) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.events, id)
}

// on changes the host.
func (s *script) on(change func(*hyperv.State)) {
	s.Helper()
	if err := s.store.Update(func(state *hyperv.State) error { change(state); return nil }); err != nil {
		s.Fatal(err)
	}
}

// behaves has cmdlets behave in a way of their own from now on.
func (s *script) behaves(calls map[string]hyperv.Call) {
	s.Helper()
	s.on(func(state *hyperv.State) { state.Behaviour.Calls = calls })
}

// holds has the calls of a cmdlet wait until release is called.
func (s *script) holds(cmdlet string) (release func()) {
	s.Helper()
	path := filepath.Join(s.dir, "hold")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		s.Fatal(err)
	}
	s.behaves(map[string]hyperv.Call{cmdlet: {Hold: path}})
	return func() {
		s.Helper()
		for _, name := range []string{path, path + ".reached"} {
			if err := os.Remove(name); err != nil {
				s.Error(err)
			}
		}
	}
}

// shows notes what the host holds: its virtual machines, and the files below its folders, with what the manifests say.
func (s *script) shows() {
	s.Helper()
	state, err := s.store.Read()
	if err != nil {
		s.Fatal(err)
	}
	for _, vm := range state.VMs {
		s.note("vm %s", text(s.T, vm))
	}
	root := s.dir
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(path[len(root):])
		if err != nil || strings.Contains(name, "state.json") && !strings.Contains(name, "state.json.d") {
			return err
		}
		if entry.IsDir() && entry.Name() == "ProgramData" {
			return filepath.SkipDir // of the agent itself: its double keeps jobs in memory
		}
		if strings.HasSuffix(name, "hypervvm.json") {
			var manifest any
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := json.Unmarshal(raw, &manifest); err != nil {
				return err
			}
			s.note("file %s %s", name, text(s.T, manifest))
		} else if !entry.IsDir() {
			info, err := entry.Info()
			if err != nil {
				return err
			}
			s.note("file %s %d", name, info.Size())
		} else if entries, _ := os.ReadDir(path); len(entries) == 0 {
			s.note("empty folder %s", name)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if m, ok := v.(protocol.Message); ok { // whichever order a side has its keys in
		var result any
		if len(m.Result) > 0 {
			if err := json.Unmarshal(m.Result, &result); err != nil {
				t.Fatal(err)
			}
		}
		v = struct {
			OK     bool         `json:"ok"`
			Result any          `json:"result,omitempty"`
			Error  *job.Failure `json:"error,omitempty"`
		}{m.OK, result, m.Error}
	}
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
