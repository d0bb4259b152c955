// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// A script block that is passed to a function runs in that function's scope: a variable of the same name there hides that of the caller,
// unless the call passes the one as the other.
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_scopes
const hiddenVariables = `
$ErrorActionPreference = 'Stop'
$trees = @(Get-ChildItem -Path '%lib%' -Filter *.ps1 | ForEach-Object { [System.Management.Automation.Language.Parser]::ParseFile($_.FullName, [ref]$null, [ref]$null) })
function Find-Node($In, $Kind) { $type = "System.Management.Automation.Language.$Kind" -as [type]; $In.FindAll({ $type.IsInstanceOfType($args[0]) }, $true) }
function Get-Name($In, $Kind = 'VariableExpressionAst') { Find-Node $In $Kind | ForEach-Object { $_.VariablePath.UserPath } }
$functions = @{}
foreach ($tree in $trees) { foreach ($f in Find-Node $tree 'FunctionDefinitionAst') { $functions[$f.Name] = $f } }
# The variables of a function, and of those that it passes its action to.
function Get-ScopeName($Function) {
    Get-Name $Function
    foreach ($call in Find-Node $Function 'CommandAst') {
        $to = $call.GetCommandName()
        if ($to -and $functions.ContainsKey($to) -and $functions[$to] -ne $Function -and ($call.CommandElements | Where-Object { $_.Extent.Text -eq '$Action' })) { Get-ScopeName $functions[$to] }
    }
}
$count = 0
foreach ($tree in $trees) {
    foreach ($call in Find-Node $tree 'CommandAst') {
        $to = $call.GetCommandName()
        if (-not $to -or -not $functions.ContainsKey($to)) { continue }
        $blocks = @($call.CommandElements | Where-Object { $_ -is [System.Management.Automation.Language.ScriptBlockExpressionAst] })
        if ($blocks.Count -eq 0) { continue }
        $scope = @(Get-ScopeName $functions[$to])
        $passed = @()
        for ($i = 1; $i -lt $call.CommandElements.Count; $i++) {
            if ($call.CommandElements[$i].Extent.Text -eq ('$' + $call.CommandElements[$i - 1].Extent.Text.TrimStart('-'))) { $passed += $call.CommandElements[$i].VariablePath.UserPath }
        }
        foreach ($block in $blocks) {
            $count++
            $own = @(Find-Node $block 'AssignmentStatementAst' | ForEach-Object { Get-Name $_.Left }) + @(Find-Node $block 'ForEachStatementAst' | ForEach-Object { Get-Name $_.Variable })
            foreach ($name in @(Get-Name $block | Sort-Object -Unique)) {
                if ('_', 'null', 'true', 'false', 'args' -contains $name -or $name -like '*:*') { continue }
                if ($scope -contains $name -and $own -notcontains $name -and $passed -notcontains $name) { "= $(Split-Path -Leaf $block.Extent.File):$($block.Extent.StartLineNumber): ` + "`$$name" + ` is another one in $to" }
            }
        }
    }
}
"blocks: $count"
`

func TestNoActionUsesAVariableThatItsFunctionHides(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lib, err := filepath.Abs("lib")
	f.must(err)
	output, code := f.runScript(hiddenVariables, "%lib%", lib)
	if code != 0 || !strings.Contains(output, "blocks: ") || strings.Contains(output, "blocks: 0") {
		t.Fatalf("exit code %d:\n%s", code, output)
	}
	for line := range strings.Lines(output) {
		if hidden, ok := strings.CutPrefix(line, "= "); ok {
			t.Error(strings.TrimSpace(hidden))
		}
	}
}
