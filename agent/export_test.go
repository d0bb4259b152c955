// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// orphanedExports repairs export jobs whose worker has died: one during the export, one after its end, and one whose folder is a link now. It
// prints what is left.
const orphanedExports = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Write-JobEvent { }
$other = [System.IO.Directory]::CreateDirectory('%dir%/other').FullName
[System.IO.File]::WriteAllText("$other/file", 'x')
foreach ($case in 'running', 'done', 'link') {
    $folder = "%dir%/hypervvm-$case"
    if ($case -eq 'link') {
        $null = New-Item -ItemType SymbolicLink -Path $folder -Target $other
    } else {
        $null = [System.IO.Directory]::CreateDirectory("$folder/web/Virtual Hard Disks")
        [System.IO.File]::WriteAllText("$folder/web/Virtual Hard Disks/web.vhdx", 'half')
    }
    $state = ConvertFrom-AgentJson -Text (ConvertTo-AgentJson -Value ([ordered]@{
                job = 'a'; operation = 'export'; vm_id = ''; name = ''; status = 'running'; step = 'export'; steps = [object[]]@('export'); message = ''
                made = [ordered]@{
                    folder = $folder; making = $false; vm = ''; files = [object[]]@(); disks = [object[]]@(); adapters = [object[]]@()
                    clustered = $false; stopped = $false; removing = $null; done = $case -eq 'done'
                }
            }))
    $job = ConvertFrom-JobState -State $state
    $complete = Complete-OrphanedJob -Context @{ Key = '' } -Job $job
    [System.Console]::WriteLine("${case}: complete $complete, folder $([System.IO.Directory]::Exists($folder)), undone $($job.Undone.Count), left $($job.Leftovers.Count)")
}
[System.Console]::WriteLine("other: $([System.IO.File]::Exists("$other/file"))")
`

func TestAnExportWhoseWorkerHasDiedIsRemovedUnlessItIsComplete(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(orphanedExports, "%dir%", filepath.ToSlash(t.TempDir()))
	f.wantOutput(output, code, 0)
	want := "running: complete False, folder False, undone 1, left 0\ndone: complete True, folder True, undone 0, left 0\n" +
		"link: complete False, folder True, undone 0, left 1\nother: True"
	if got := strings.TrimSpace(strings.ReplaceAll(output, "\r", "")); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
