// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

func TestVersionIsTheScriptsOwn(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`(?m)^\$script:AgentVersion = '([^']+)'$`).FindSubmatch(agent.Bundle())
	if m == nil {
		t.Fatal("the bundle does not say its version")
	}
	if string(m[1]) != agent.Version {
		t.Errorf("the scripts say version %s, the package %s", m[1], agent.Version)
	}
}

func TestBundleHoldsEachFileOnce(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("lib")
	if err != nil {
		t.Fatal(err)
	}
	bundle, files := agent.Bundle(), agent.Files()
	for _, entry := range entries {
		text, err := os.ReadFile("lib/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		if n := bytes.Count(bundle, text); n != 1 {
			t.Errorf("%s is %d times in the bundle", entry.Name(), n)
		}
		if _, ok := files["lib/"+entry.Name()]; !ok {
			t.Errorf("%s is not among the files for use by hand", entry.Name())
		}
	}
	if len(files) != len(entries)+1 {
		t.Errorf("%d files for use by hand, want the %d of lib and the entry", len(files), len(entries))
	}
	if !bytes.Equal(bundle, agent.Bundle()) {
		t.Error("the bundle differs from one call to the next")
	}
}

// TestEntryReadsTheFilesOfTheBundleInItsOrder compares the two places that name the files.
func TestEntryReadsTheFilesOfTheBundleInItsOrder(t *testing.T) {
	t.Parallel()
	entry := string(agent.Files()["Invoke-ProvisioningJob.ps1"])
	list := entry[strings.Index(entry, "$names = @("):strings.Index(entry, "foreach ($name in $names)")]
	at := -1
	for _, m := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(list, -1) {
		text, ok := agent.Files()["lib/"+m[1]+".ps1"]
		if !ok {
			t.Errorf("the entry names %s, which is not in lib", m[1])
			continue
		}
		next := bytes.Index(agent.Bundle(), bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		if next <= at {
			t.Errorf("%s comes earlier in the bundle than in the entry", m[1])
		}
		at = next
	}
	if n := strings.Count(list, "'") / 2; n != len(agent.Files())-1 {
		t.Errorf("the entry names %d files of %d", n, len(agent.Files())-1)
	}
}

// TestBundleOnlyDefines looks for statements outside functions, which dot-sourcing would run.
func TestBundleOnlyDefines(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^(#|\$script:Agent\w+ = |function [A-Z][\w-]+ \{$|\}$|$)`)
	for i, line := range strings.Split(string(agent.Bundle()), "\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "param(") || strings.HasPrefix(line, "Set-StrictMode") ||
			strings.HasPrefix(line, "'@") || strings.HasPrefix(line, "$ErrorAction") || strings.HasPrefix(line, "$Progress") ||
			strings.HasPrefix(line, "if ($null -eq (Get-Command") || strings.HasPrefix(line, "& $Function") {
			continue // within a function, or the text that Start-AgentWork hands on
		}
		if !allowed.MatchString(line) {
			t.Errorf("line %d of the bundle is neither a function nor a constant: %s", i+1, line)
		}
	}
}

// TestScriptsArePlainASCII holds them to what Windows PowerShell reads right without a byte order mark.
func TestScriptsArePlainASCII(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(name, ".ps") {
			return err
		}
		text, err := os.ReadFile(name)
		for i, b := range text {
			if b > 126 || b == '\t' {
				t.Errorf("%s: byte %d is %#x", name, i, b)
				break
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
