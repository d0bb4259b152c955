// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// scriptBlocks returns the script blocks of the agent's text. The bootstrap script, which is short, is another one.
func scriptBlocks(t *testing.T) []string {
	t.Helper()
	text := agent.Bundle()
	if folder := os.Getenv(agentVariable); folder != "" { // a version whose text is one script block
		files, err := filepath.Glob(filepath.Join(folder, "lib", "*.ps1"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s: %v", folder, err)
		}
		text = nil
		for _, file := range files {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, script...)
		}
	}
	return strings.Split(string(text), "\f")
}

// maxWarned limits the characters of script blocks that a session causes Windows PowerShell to log as warnings. An event holds at most
// some 20,000 characters, so that a block of this size is one event.
const maxWarned = 8000

// TestOnlyShortScriptBlocksHaveSuspiciousWords looks for words that make Windows PowerShell log a script block as a warning.
func TestOnlyShortScriptBlocksHaveSuspiciousWords(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile(filepath.Join("testdata", "suspicious_words.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var warned, blocks int
	for _, block := range scriptBlocks(t) {
		var found []string
		for word := range strings.FieldsSeq(strings.ToLower(string(list[bytes.Index(list, []byte("\nAdd")):]))) {
			if strings.Contains(strings.ToLower(block), word) {
				found = append(found, word)
			}
		}
		if len(found) > 0 {
			blocks, warned = blocks+1, warned+len(block)
			if len(block) > maxWarned {
				t.Errorf("a script block of %d characters has the words %q: they belong in Flagged.ps1", len(block), found)
			}
		}
	}
	t.Logf("%d script blocks with %d characters have suspicious words", blocks, warned)
}

// TestTheEngineFindsNoSuspiciousContent asks PowerShell itself, which also looks at the syntax tree.
func TestTheEngineFindsNoSuspiciousContent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	blocks := scriptBlocks(t)
	f.write("main.ps1", blocks[len(blocks)-1])
	output, code := f.runScript(`
$ErrorActionPreference = 'Stop'
$flags = [System.Reflection.BindingFlags]'NonPublic,Static,Instance'
$check = [scriptblock].GetMethod('CheckSuspiciousContent', $flags)
$mark = [System.Management.Automation.Language.Ast].GetProperty('HasSuspiciousContent', $flags)
if ($null -eq $check -or $null -eq $mark) { 'unknown'; exit }
foreach ($text in [System.IO.File]::ReadAllText('main.ps1'), '[System.IO.MemoryStream]') {
    $ast = [scriptblock]::Create($text).Ast
    if ($null -eq $check.Invoke($null, @($ast))) { 'nothing'; continue }
    $marked = @($ast.FindAll({ param($node) $mark.GetValue($node) -and $node -is [System.Management.Automation.Language.MemberExpressionAst] }, $true))
    if ($marked.Count -eq 0) { $check.Invoke($null, @($ast)) }
    foreach ($node in $marked) { $node.Extent.Text }
}
`)
	if got := strings.Fields(output); code != 0 || len(got) == 0 || got[0] != "unknown" && (got[0] != "nothing" || got[1] != "MemoryStream") {
		t.Errorf("exit code %d: %s", code, output)
	}
}
