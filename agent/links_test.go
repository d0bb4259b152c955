// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// victim creates a folder that no job may touch, and returns its path. The test fails when anything in it is missing afterwards.
func (f *fixture) victim() string {
	f.Helper()
	root := filepath.Join(f.dir, "victim")
	f.must(os.MkdirAll(filepath.Join(root, "empty", "empty"), 0o700))
	f.must(os.MkdirAll(filepath.Join(root, "docs"), 0o700))
	f.must(os.WriteFile(filepath.Join(root, "precious.txt"), []byte("precious"), 0o600))
	f.must(os.WriteFile(filepath.Join(root, "docs", "precious.txt"), []byte("precious"), 0o600))
	before := f.tree(root)
	f.Cleanup(func() {
		if after := f.tree(root); !slices.Equal(before, after) {
			f.Errorf("a folder outside of the job's was changed:\n%v\nwas\n%v", after, before)
		}
	})
	return root
}

// tree returns the paths below a folder, those of files with their content.
func (f *fixture) tree(root string) (paths []string) {
	f.Helper()
	f.must(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			text, err := os.ReadFile(path)
			paths = append(paths, path+": "+string(text))
			return err
		}
		paths = append(paths, path)
		return err
	}))
	return paths
}

// record appends files to the manifest in a folder.
func (f *fixture) record(folder string, files ...string) {
	f.Helper()
	path := filepath.Join(folder, "hypervvm.json")
	raw, err := os.ReadFile(path)
	f.must(err)
	var manifest map[string]any
	f.must(json.Unmarshal(raw, &manifest))
	for _, file := range files {
		manifest["files"] = append(manifest["files"].([]any), file)
	}
	raw, err = json.Marshal(manifest)
	f.must(err)
	f.must(os.WriteFile(path, raw, 0o600))
}

// moveAndLink moves a file or folder to a new place, and leaves a link to it.
func (f *fixture) moveAndLink(path, to string) {
	f.Helper()
	f.must(os.Rename(path, to))
	f.must(os.Symlink(to, path))
}

// wantLink checks that a link is still there.
func (f *fixture) wantLink(path string) {
	f.Helper()
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		f.Errorf("link %s is gone: %v", path, err)
	}
}

func TestADeletionDoesNotFollowLinks(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	f := newFixture(t)
	victim := f.victim()
	id, disk := f.provisioned()
	folder := filepath.Dir(disk)
	link := filepath.Join(folder, "link")
	f.must(os.Symlink(victim, link))
	f.record(folder, filepath.Join(link, "precious.txt"), filepath.Join(link, "docs", "precious.txt"))
	output, code := f.runJob(deletion, "-VMId", id)
	f.wantOutput(output, code, 0, "files: deleted "+disk, "warning: left "+filepath.Join(link, "docs", "precious.txt")+": "+link+" is a link, and links are not followed")
	f.wantLink(link)
}

// TestNoLinkInTheFolderOfAJobIsFollowed deletes the files of several jobs with links in different places.
func TestNoLinkInTheFolderOfAJobIsFollowed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	victim := f.victim()
	up := "../../victim"
	links := map[string]string{}
	for name, c := range map[string]struct {
		link, to string // relative to the folder of the job
		files    []string
	}{
		"link":        {"link", victim, nil},
		"deep":        {"sub/sub/link", victim, nil},
		"recorded":    {"link", victim, []string{"link/precious.txt", "link/docs/precious.txt"}},
		"elsewhere":   {"link", victim, []string{up + "/precious.txt", "link/../" + up + "/precious.txt"}},
		"file":        {"precious.txt", victim + "/precious.txt", []string{"precious.txt"}},
		"dangling":    {"link", victim + "/missing", nil},
		"unreachable": {"link", "link", []string{"link/precious.txt"}},
		"folder":      {".", victim, []string{"precious.txt", "docs/precious.txt"}},
	} {
		folder := filepath.Join(f.dir, "jobs", name)
		link := filepath.Join(folder, c.link)
		f.must(os.MkdirAll(filepath.Dir(link), 0o700))
		f.must(os.Symlink(c.to, link))
		var files []string
		for _, file := range c.files {
			files = append(files, "'"+folder+"/"+file+"'")
		}
		links[link] = fmt.Sprintf("remove '%s' @(%s)\n", folder, strings.Join(files, ", "))
	}
	f.must(os.MkdirAll(filepath.Join(f.dir, "all", "moved", "job"), 0o700))
	f.must(os.WriteFile(filepath.Join(f.dir, "all", "moved", "job", "own.vhdx"), nil, 0o600))
	all := filepath.Join(f.dir, "all", "hypervvm")
	f.must(os.Symlink("moved", all))
	links[all] = fmt.Sprintf("remove '%s' @('%[1]s/own.vhdx')\n", filepath.Join(all, "job"))
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
function Get-DiskUsage { @{} }
function remove {
    param($Folder, $Files)
    $context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
    $job = New-AgentJob -Id 'a0000000-0000-4000-8000-000000000001' -Definition @{ Operation = 'delete'; Fields = @{ vm_name = 'web' } }
    Remove-JobFile -Context $context -Job $job -Manifest @{ Folder = $Folder; JobId = 'job'; Files = $Files } -Disks @()
}
` + strings.Join(slices.Sorted(maps.Values(links)), ""))
	f.wantOutput(output, code, 0)
	for link := range links {
		f.wantLink(link)
		if !strings.Contains(output, link) {
			t.Errorf("the output does not name link %s", link)
		}
	}
	if n := strings.Count(output, "links are not followed"); n < len(links) {
		t.Errorf("%d warnings about links, want one for each of %d:\n%s", n, len(links), output)
	}
	if strings.Contains(output, "deleted ") {
		t.Errorf("a file behind a link was deleted:\n%s", output)
	}
}

func TestARollbackDoesNotFollowLinks(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	victim, gate := f.victim(), filepath.Join(f.dir, "gate")
	f.must(os.WriteFile(gate, nil, 0o600))
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "it cannot start", Hold: gate}}
		return nil
	}))
	var link string
	output, code := f.follow(definition, "start: ", func() {
		link = filepath.Join(filepath.Dir(f.vms()[0].Drives[0].Path), "link")
		f.must(os.Symlink(victim, link))
		f.must(os.Remove(gate))
	})
	f.wantOutput(output, code, 1, "failed: it cannot start", "undo: deleted ", "warning: left ", link, "links are not followed")
	f.wantLink(link)
}

func TestARepairOfAnOrphanedJobDoesNotFollowLinks(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	f := newFixture(t)
	victim := f.victim()
	for _, folder := range []string{"deleted", "provisioned"} {
		f.must(os.Mkdir(filepath.Join(f.dir, folder), 0o700))
		f.must(os.Symlink(victim, filepath.Join(f.dir, folder, "link")))
		f.must(os.WriteFile(filepath.Join(f.dir, folder, "own.vhdx"), nil, 0o600))
	}
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name Hyper-V
$context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
foreach ($operation in 'delete', 'provision') {
    $job = New-AgentJob -Id 'a0000000-0000-4000-8000-000000000001' -VMId 'b0000000-0000-4000-8000-000000000001' -Definition @{ Operation = $operation; Fields = @{ vm_name = 'web' } }
    $folder = '%dir%/' + @{ delete = 'deleted'; provision = 'provisioned' }[$operation]
    $files = @("$folder/link/precious.txt", "$folder/link/docs/precious.txt", "$folder/own.vhdx")
    if ($operation -eq 'delete') {
        $job.Journal.Removing = [pscustomobject]@{ name = 'web'; folder = $folder; job = $job.Id; files = $files; disks = @() }
    } else {
        $job.Journal.Folder = $folder
        foreach ($file in $files) { $null = $job.Journal.Files.Add($file) }
    }
    $null = Complete-OrphanedJob -Context $context -Job $job
}
`, "%dir%", f.dir)
	f.wantOutput(output, code, 0, "warning: left ", "links are not followed")
	for _, folder := range []string{"deleted", "provisioned"} {
		link := filepath.Join(f.dir, folder, "link")
		f.wantLink(link)
		f.wantOutput(output, code, 0, link+" is a link")
		if _, err := os.Stat(filepath.Join(f.dir, folder, "own.vhdx")); !os.IsNotExist(err) {
			t.Errorf("the file of the job in %s is still there: %v", folder, err)
		}
	}
}

func TestALaterDeletionDoesNotFollowLinks(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	f, id, disk, release := deletedWhileInUse(t)
	release()
	folder, moved := filepath.Dir(disk), filepath.Join(f.dir, "moved")
	f.moveAndLink(folder, moved)
	before := f.tree(moved)
	output, code := f.runJob(deletion, "-VMId", id)
	f.wantOutput(output, code, 0, "warning: ", folder+" is a link", "links are not followed")
	if after := f.tree(moved); !slices.Equal(before, after) {
		t.Errorf("files behind a link were changed:\n%v\nwere\n%v", after, before)
	}
}

// TestALinkThatAppearsDuringADeletionIsNotFollowed puts a link in place of a folder after the first attempt to delete a file in it.
func TestALinkThatAppearsDuringADeletionIsNotFollowed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	victim := f.victim()
	f.must(os.MkdirAll(filepath.Join(f.dir, "job", "sub"), 0o700))
	f.must(os.WriteFile(filepath.Join(f.dir, "job", "sub", "precious.txt"), nil, 0o600))
	f.hold(filepath.Join(f.dir, "job", "sub", "precious.txt"))
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$script:Sleeps = 0
function Start-Sleep {
    if ($script:Sleeps++ -eq 0) { sh -c 'mv "$1/sub" "$1/moved"; ln -s "$2" "$1/sub"; chattr -i "$1/moved/precious.txt"; chmod u+w "$1/moved"' sh '%dir%/job' '%victim%' }
}
$context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
$job = New-AgentJob -Id 'a0000000-0000-4000-8000-000000000001' -Definition @{ Operation = 'delete'; Fields = @{ vm_name = 'web' } }
$manifest = @{ Folder = '%dir%/job'; JobId = 'job'; Files = @('%dir%/job/sub/precious.txt') }
function Get-DiskUsage { @{} }
Remove-JobFile -Context $context -Job $job -Manifest $manifest -Disks @()
"sleeps: $($script:Sleeps)"
`, "%dir%", f.dir, "%victim%", victim)
	f.wantOutput(output, code, 0, "sleeps: 1", filepath.Join(f.dir, "job", "sub")+" is a link")
}

func TestAJobDoesNotWriteThroughLinks(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	f := newFixture(t)
	victim := f.victim()
	state, err := f.store.Read()
	f.must(err)
	jobs := filepath.Join(state.Host.VirtualHardDiskPath, "hypervvm")

	f.must(os.Symlink(victim, jobs))
	output, code := f.runJob(definition)
	f.wantOutput(output, code, 1, jobs+" is a link")
	if len(f.vms()) > 0 {
		t.Errorf("a virtual machine was made behind a link: %+v", f.vms())
	}
	f.must(os.Remove(jobs))

	id, disk := f.provisioned()
	folder := filepath.Dir(disk)
	f.must(os.Symlink(filepath.Join(victim, "precious.txt"), filepath.Join(folder, "hypervvm.json.new")))
	update := strings.NewReplacer(`"provision"`, `"update"`, `"gb_ram"`, `"data_disks": [{"name": "data", "size_gb": 1}], "gb_ram"`).Replace(definition)
	output, code = f.runJob(update, "-VMId", id, "-Changed", "data_disks")
	f.wantOutput(output, code, 0)

	f.moveAndLink(folder, filepath.Join(f.dir, "moved"))
	before := f.tree(filepath.Join(f.dir, "moved"))
	update = strings.Replace(update, `{"name": "data"`, `{"name": "more", "size_gb": 1}, {"name": "data"`, 1)
	output, code = f.runJob(update, "-VMId", id, "-Changed", "data_disks")
	f.wantOutput(output, code, 1, folder+" is a link")
	if after := f.tree(filepath.Join(f.dir, "moved")); !slices.Equal(before, after) {
		t.Errorf("files behind a link were changed:\n%v\nwere\n%v", after, before)
	}
}
