// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// jsonScript loads the agent and reads JSON texts.
const jsonScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Show-Value {
    param($Value)
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [array]) { return '(' + [string]::Join(' ', @(foreach ($item in $Value) { Show-Value -Value $item })) + ')' }
    if ($Value -is [System.Management.Automation.PSCustomObject]) {
        return '{' + [string]::Join(' ', @(foreach ($name in @(Get-AgentPropertyName -Value $Value)) { $name + '=' + (Show-Value -Value (Get-AgentProperty -Value $Value -Name $name)) })) + '}'
    }
    return $Value.GetType().Name + ':' + ([System.IConvertible]$Value).ToString([System.Globalization.CultureInfo]::InvariantCulture)
}
foreach ($text in [System.IO.File]::ReadAllLines('texts')) {
    try { Show-Value -Value (ConvertFrom-AgentJson -Text $text.Replace('<LF>', "` + "`n" + `")) } catch { 'refused: ' + $_.Exception.Message }
}
`

// TestRequestsAreParsedWithoutACmdlet parses JSON with the agent's parser.
func TestRequestsAreParsedWithoutACmdlet(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	refused := "refused: " + f.message("json_not_object", nil)
	cases := []struct{ text, want string }{
		{`{}`, `{}`},
		{` {"a" : 1 , "b":-2.5 ,"c":1e3}<LF>`, `{a=Int32:1 b=Double:-2.5 c=Double:1000}`},
		{`{"a":2147483648,"b":-9223372036854775808,"c":9223372036854775808}`, `{a=Int64:2147483648 b=Int64:-9223372036854775808 c=Double:9.223372036854776E+18}`},
		{`{"a":"2026-01-01T00:00:00Z","b":"\/Date(0)\/"}`, `{a=String:2026-01-01T00:00:00Z b=String:/Date(0)/}`},
		{`{"a":"\"\\\t\u00e9\ud83d\ude00x","é":"é"}`, "{a=String:\"\\\t\u00e9\U0001F600x é=String:é}"},
		{`{"a":[],"b":[1],"c":[[1,null],{"d":[true,false]}]}`, `{a=() b=(Int32:1) c=((Int32:1 null) {d=(Boolean:True Boolean:False)})}`},
		{`{"A":1,"B":{"a":1}}`, `{A=Int32:1 B={a=Int32:1}}`},
		{``, refused},
		{`{`, refused},
		{`{}x`, refused},
		{`[1]`, refused},
		{`null`, refused},
		{`{"a":}`, refused},
		{`{"a":1,}`, refused},
		{`{"a" 1}`, refused},
		{`{"a":01}`, refused},
		{`{"a":"<LF>"}`, refused},
		{`{"a":1 "b":2}`, refused},
		{`{"a":1,"A":2}`, refused},
		{`{"":1}`, refused},
		{`{a:1}`, refused},
		{`{'a':1}`, refused},
		{`{"a":[1,]}`, refused},
		{`{"a":[,1]}`, refused},
		{`{"a":"\x"}`, refused},
		{`{]`, refused},
		{`{"a":1]`, refused},
		{`{"a":[1}`, refused},
		{`{"a":1}}`, refused},
		{`{"a":+1}`, refused},
		{`{"a":NaN}`, refused},
		{`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{a=` + strings.Repeat("(", 63) + strings.Repeat(")", 63) + `}`},
		{`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, refused},
		{`{"a":"` + strings.Repeat("x", 2<<20) + `"}`, "refused: " + f.message("json_too_long", values{"limit": 2 << 20})},
	}
	var texts, want []string
	for _, c := range cases {
		texts, want = append(texts, c.text), append(want, c.want)
	}
	f.write("texts", strings.Join(texts, "\n")+"\n")
	output, code := f.runScript(jsonScript)
	if got := strings.TrimRight(output, "\r\n"); code != 0 || got != strings.Join(want, "\n") {
		t.Errorf("exit code %d", code)
		lines := strings.Split(got, "\n")
		for i := range want {
			if i >= len(lines) || lines[i] != want[i] {
				t.Errorf("%.80s:\n got %.300s\nwant %.300s", cases[i].text, at(lines, i), want[i])
			}
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "no line"
}

// TestALargeDefinitionIsParsedInTimeThatGrowsWithItsLength compares the cost of 30 KB with that of 300 KB, in processor time of the
// process, so that other work on the computer does not count.
func TestALargeDefinitionIsParsedInTimeThatGrowsWithItsLength(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
$ErrorActionPreference = 'Stop'
. '%agent%'
function Get-Cost {
    param([int] $Count)
    $fields = foreach ($number in 1..$Count) { '"field_' + $number + '":"value ' + $number + ' of a field"' }
    $text = '{"fields":{' + ($fields -join ',') + '}}'
    $process = [System.Diagnostics.Process]::GetCurrentProcess()
    $before = $process.TotalProcessorTime
    $null = ConvertFrom-AgentJson -Text $text
    $process.Refresh()
    [int]($process.TotalProcessorTime - $before).TotalMilliseconds
}
$null = Get-Cost -Count 1000
'' + (Get-Cost -Count 1000) + ' ' + (Get-Cost -Count 10000)
`)
	var small, large int
	if _, err := fmt.Sscan(output, &small, &large); err != nil || code != 0 {
		t.Fatalf("exit code %d: %s", code, output)
	}
	t.Logf("30 KB in %d ms, 300 KB in %d ms", small, large)
	if small > 1000 || large > 40*max(small, 50) {
		t.Errorf("30 KB took %d ms, 300 KB %d ms", small, large)
	}
}

// TestSecretsPassThroughNoCmdlet guards what module logging records with all values: the parameters and the pipeline input of cmdlets,
// but not those of functions outside of modules. See MshCommandRuntime.InitShouldLogPipelineExecutionDetail and ParameterBinderBase in
// https://github.com/PowerShell/PowerShell/tree/master/src/System.Management.Automation/engine
func TestSecretsPassThroughNoCmdlet(t *testing.T) {
	t.Parallel()
	// The functions that may use the cmdlets for JSON: their values are not those of a request. Answers and events are redacted, and what
	// runs in a guest reads settings without secrets, and answers what the guest is.
	allowed := map[string]bool{
		"Get-AgentMessage": true, "ConvertTo-AgentJson": true, "Install-GuestScript": true, "Complete-GuestScript": true, "Write-DirectAnswer": true,
	}
	cmdlets := regexp.MustCompile(`\bConvert(To|From)-Json\b`)
	// Values of fields, secrets, requests and their texts, within a pipeline or as the input of a cmdlet.
	piped := regexp.MustCompile(`(\.Secrets\b|Get-SecretText|Get-JobSecret|\$secrets?\b|\$[Tt]exts?\b|\.Text\b|\$[Rr]equest\b|\.Fields(\[|\.Values)|\$[Ff]ields\b(\.Values)?|\$Line\b)[^|'"]*\|[^|]*(-Object|Out-|Write-|ConvertTo-|Set-Content|Add-Content|Select-String)`)
	for name, text := range scripts(t) {
		function := ""
		for i, line := range strings.Split(text, "\n") {
			if m := functionPattern.FindStringSubmatch(line); m != nil {
				function = m[1]
			}
			if strings.HasPrefix(strings.TrimSpace(line), "#") || strings.Contains(line, ".Fields.Keys") {
				continue
			}
			if cmdlets.MatchString(line) && !allowed[function] {
				t.Errorf("%s:%d: a cmdlet converts JSON: %s", name, i+1, line)
			}
			if piped.MatchString(line) {
				t.Errorf("%s:%d: a pipeline with values of a request: %s", name, i+1, line)
			}
		}
	}
}
