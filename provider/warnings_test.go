// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAnUnwritableLogFolderIsAWarning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "missing"), link); err != nil {
		t.Skip(err)
	}
	server := startHost(t, nil)
	for _, folder := range []string{file, filepath.Join(file, "logs"), link, filepath.Join(link, "logs")} {
		h := newHarness(t)
		diags := h.configure(attrs{"host": settings(server), "job_log_dir": folder})
		h.mustWarn(diags, "job_log_dir", "Job logs cannot be written", "Jobs run without log files.")
	}
	for _, folder := range []string{dir, filepath.Join(dir, "new", "logs")} {
		h := newHarness(t)
		if diags := h.configure(attrs{"host": settings(server), "job_log_dir": folder}); len(diags) > 0 {
			t.Errorf("%s: %s", folder, render(diags))
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the check left %v, %v", entries, err)
	}
}

func TestAShortSecretIsAWarning(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustWarn(h.validate(linux("web-01").with(attrs{"guest_la_pw": "abc"})), "guest_la_pw", "fewer than 4 characters", "Use a longer secret.")
	h.mustWarn(h.validate(linux("web-01").with(attrs{"guest_la_pw": nil, "guest_la_pw_wo": "äöü", "guest_la_pw_wo_version": 1})), "guest_la_pw_wo", "fewer than 4")
	if diags := h.validate(linux("web-01").with(attrs{"guest_la_pw": "abcd"})); len(diags) > 0 {
		t.Error(render(diags))
	}
}
