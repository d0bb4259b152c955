// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

func TestVersionOfThePackageEqualsThatOfTheScripts(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`(?m)^\$script:AgentVersion = '([^']+)'$`).FindSubmatch(agent.Bundle())
	if m == nil {
		t.Fatal("the bundle does not set its version")
	}
	if string(m[1]) != agent.Version {
		t.Errorf("version of the scripts is %s, of the package %s", m[1], agent.Version)
	}
}

func TestBundleContainsEachFunctionOnce(t *testing.T) {
	t.Parallel()
	bundle := agent.Bundle()
	defined := map[string]int{}
	for _, m := range functionPattern.FindAllSubmatch(bundle, -1) {
		defined[string(m[1])]++
	}
	for name, text := range scripts(t) {
		for _, m := range functionPattern.FindAllStringSubmatch(text, -1) {
			if defined[m[1]] != 1 {
				t.Errorf("%s: function %s is %d times in the bundle", name, m[1], defined[m[1]])
			}
		}
	}
	if !bytes.Equal(bundle, agent.Bundle()) {
		t.Error("the bundle differs between two calls")
	}
}

// TestBundleIsSmall guards the request in which the compressed bundle travels: Base64 makes it a third larger, and an envelope has at most
// 500 KB by default.
func TestBundleIsSmall(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	_, err := z.Write(agent.Bundle())
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	const limit = 160 << 10
	if n := compressed.Len(); n > limit {
		t.Errorf("the compressed bundle has %d bytes, at most %d are expected", n, limit)
	}
}

// TestBundleOnlyDefines looks for statements outside functions, which would run when the bundle is loaded.
func TestBundleOnlyDefines(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^(\$script:Agent\w+ = |function [A-Z][\w-]+ \{$|\}$|$)`)
	for i, line := range strings.Split(string(agent.Bundle()), "\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "param(") || strings.HasPrefix(line, "Set-StrictMode") ||
			strings.HasPrefix(line, "'@") || line == "\f" || strings.HasPrefix(line, "$ErrorAction") || strings.HasPrefix(line, "$Progress") ||
			strings.HasPrefix(line, "if ($null -eq (Get-Command") || strings.HasPrefix(line, "& $Function") ||
			strings.HasPrefix(line, `{"adapter_added":`) {
			continue // in a function, in the script that Start-AgentWork runs, or the message catalogue
		}
		if !allowed.MatchString(line) {
			t.Errorf("line %d of the bundle is neither a function nor a constant: %s", i+1, line)
		}
	}
}

// TestHereStringsContainNoCommentLine guards Bundle, which removes lines that look like comments.
func TestHereStringsContainNoCommentLine(t *testing.T) {
	t.Parallel()
	hereString := regexp.MustCompile(`(?s)@(['"])\n.*?\n['"]@`)
	for name, text := range scripts(t) {
		for _, block := range hereString.FindAllString(text, -1) {
			for _, line := range strings.Split(block, "\n") {
				if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") || line == "<#" {
					t.Errorf("%s: a here-string contains line %q, which Bundle would remove", name, line)
				}
			}
		}
	}
}

// TestFunctionNamesAreFree compares the functions of the agent and of the scripts for administrators with the commands and aliases of Windows
// PowerShell 5.1 and of the modules of Windows Server that a host has. An alias comes before a function of its name,
// so that Get-VMCheckpoint, for example, would run the alias of Get-VMSnapshot.
func TestFunctionNamesAreFree(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "windows_commands.txt"))
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]bool{}
	for _, line := range strings.Fields(strings.ToLower(string(text))) {
		taken[line] = true
	}
	if !taken["get-vmcheckpoint"] || !taken["get-vmsnapshot"] || !taken["where"] {
		t.Error("the list lacks aliases or commands")
	}
	texts := scripts(t)
	tools, err := filepath.Glob("tools/*.ps1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tools {
		tool, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(tool)
	}
	for name, text := range texts {
		for _, m := range functionPattern.FindAllStringSubmatch(text, -1) {
			if taken[strings.ToLower(m[1])] {
				t.Errorf("%s: %s is the name of a command or an alias of Windows", name, m[1])
			}
		}
	}
}

// TestFunctionsAreDocumented requires a comment, or comment-based help, at the start of each function.
func TestFunctionsAreDocumented(t *testing.T) {
	t.Parallel()
	documented := regexp.MustCompile(`^(    # [A-Z]|    <#$)`)
	for name, text := range scripts(t) {
		lines := strings.Split(text, "\n")
		if !strings.HasPrefix(lines[0], "# ") && lines[0] != "<#" {
			t.Errorf("%s: the first line must describe the file", name)
		}
		for i, line := range lines {
			if strings.HasPrefix(line, "function ") && !documented.MatchString(lines[i+1]) {
				t.Errorf("%s:%d: %s is not documented", name, i+1, line)
			}
		}
	}
}

// TestScriptsAreASCII keeps the scripts readable for Windows PowerShell, which reads files without a byte order mark as ANSI.
func TestScriptsAreASCII(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.ps1")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("lib/*.ps1")
	if err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Glob("tools/*.ps1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(append(append(files, more...), tools...), "messages.json") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range text {
			if b > 126 || b == '\t' {
				t.Errorf("%s: byte %d is %#x", name, i, b)
				break
			}
		}
	}
}

var functionPattern = regexp.MustCompile(`(?m)^function ([\w-]+) \{`)

// scripts returns the text of the agent's scripts by name.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("lib/*.ps1")
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	texts := map[string]string{}
	for _, name := range append(names, "Invoke-ProvisioningJob.ps1") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return texts
}
