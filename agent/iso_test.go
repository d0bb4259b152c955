// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
)

// needTools skips a test when a program that it needs is not installed.
func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
}

// isoScript writes two images of each folder of files, so that a difference between two runs shows.
const isoScript = `
$ErrorActionPreference = 'Stop'
. '%agent%'
foreach ($folder in [System.IO.Directory]::GetDirectories('%folder%')) {
    foreach ($number in 1, 2) {
        $files = [ordered]@{}
        foreach ($entry in @((ConvertFrom-AgentJson -Text ([System.IO.File]::ReadAllText("$folder/names.json"))).files)) {
            $files[$entry.name] = [System.IO.File]::ReadAllBytes("$folder/" + $entry.file)
        }
        [System.IO.File]::WriteAllBytes("$folder/$number.iso", (New-IsoImage -Label 'cidata' -Files $files))
    }
}
`

// isoVariants returns sets of files for images.
func isoVariants() []map[string][]byte {
	content := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(i*7 + i/251)
		}
		return b
	}
	variants := []map[string][]byte{
		{},
		{"empty": {}},
		{"meta-data": []byte("{}\n"), "user-data": []byte("#cloud-config\n{}\n"), "vendor-data": {}, "network-config": []byte("{}")},
		{"Autounattend.xml": []byte("<a/>"), "Unattend.xml": []byte("<a/>")},
		{"a": {1}, "A.": {2}, "a.b.c": {3}, "a.b.cd": {4}, ".hidden": {5}, "no-extension": {6}}, // plain names that need numbers
		{"größe.txt": []byte("ü"), "日本語.txt": []byte("日"), "emoji-😀.txt": []byte("e"), "ж": []byte("ж")},
		{"name with blanks.txt": []byte("b"), "(round) [square] {curly}.txt": []byte("c"), "a'b&c%d$e#f@g!h~i`j^k+l=m,n.txt": []byte("p")},
		{strings.Repeat("x", 64): []byte("long"), strings.Repeat("y", 60) + ".txt": []byte("long"), strings.Repeat("é", 64): []byte("wide")},
	}
	for size := 1; size <= 1<<20; size *= 2 { // around the size of a sector too
		variants = append(variants, map[string][]byte{fmt.Sprint("size-", size): content(size), "last": {0xff}},
			map[string][]byte{"less": content(size - 1), "more": content(size + 1)})
	}
	for count := 1; len(variants) < 60; count += 9 { // folders of several sectors, whose records must not cross their ends
		files := map[string][]byte{}
		for i := range count {
			files[fmt.Sprintf("%03d-%s", i, strings.Repeat("n", i%60))] = []byte(strconv.Itoa(i))
		}
		variants = append(variants, files)
	}
	return variants
}

// Programs of others read the label, each of the three trees of names, and all contents of an image; each image is the same in a second run.
func TestISOImagesAreReadByOtherPrograms(t *testing.T) {
	sample.Turn(t, 4, turns)
	needTools(t, "isoinfo", "xorriso", "bsdtar", "blkid")
	f := newFixture(t)
	root := filepath.Join(f.dir, "variants")
	variants := isoVariants()
	for i, files := range variants {
		folder := filepath.Join(root, fmt.Sprint(i))
		f.must(os.MkdirAll(folder, 0o700))
		type entry struct {
			Name string `json:"name"`
			File string `json:"file"`
		}
		entries := []entry{}
		for name, content := range files {
			entries = append(entries, entry{name, fmt.Sprint("content-", len(entries))})
			f.must(os.WriteFile(filepath.Join(folder, entries[len(entries)-1].File), content, 0o600))
		}
		text, err := json.Marshal(map[string]any{"files": entries})
		f.must(err)
		f.must(os.WriteFile(filepath.Join(folder, "names.json"), text, 0o600))
	}
	output, code := f.runScript(isoScript, "%folder%", root)
	f.wantOutput(output, code, 0)
	if t.Failed() {
		return
	}
	for i, files := range variants {
		t.Run(fmt.Sprint(i), func(t *testing.T) { checkISO(t, filepath.Join(root, fmt.Sprint(i)), files) })
	}
}

// checkISO reads the image of a folder with other programs.
func checkISO(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	image := filepath.Join(folder, "1.iso")
	first, err := os.ReadFile(image)
	second, err2 := os.ReadFile(filepath.Join(folder, "2.iso"))
	if err != nil || err2 != nil || !bytes.Equal(first, second) {
		t.Errorf("the images of two runs differ, or: %v, %v", err, err2)
	}
	tool := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
		}
		return string(out)
	}
	if got := strings.TrimSpace(tool("blkid", "-p", "-o", "value", "-s", "LABEL", image)); got != "cidata" {
		t.Errorf("blkid reads the label %q", got)
	}
	if out := tool("isoinfo", "-d", "-i", image); !strings.Contains(out, "Volume id: cidata") || !strings.Contains(out, "Joliet with UCS level 3 found") ||
		!strings.Contains(out, "Rock Ridge signatures version 1 found") {
		t.Errorf("isoinfo reads\n%s", out)
	}
	want := []string{}
	for name := range files {
		want = append(want, name)
	}
	slices.Sort(want)
	list := func(args ...string) []string {
		t.Helper()
		names := []string{}
		for line := range strings.Lines(tool("isoinfo", append(args, "-f", "-i", image)...)) {
			names = append(names, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "/"))
		}
		return names
	}
	if got := slices.Sorted(slices.Values(list("-R"))); !slices.Equal(got, want) {
		t.Errorf("names of Rock Ridge: %q, want %q", got, want)
	}
	// isoinfo prints other characters than ASCII in Latin-1; bsdtar reads these names below.
	ascii := !strings.ContainsFunc(strings.Join(want, ""), func(r rune) bool { return r > 126 })
	if got := list("-J"); ascii && !slices.Equal(got, want) { // a reader may rely on the order
		t.Errorf("names of Joliet: %q, want %q in this order", got, want)
	}
	plain := list()
	if !slices.IsSorted(plain) {
		t.Errorf("the plain names have another order than ISO 9660 requires: %q", plain)
	}
	if len(plain) != len(want) || len(slices.Compact(slices.Clone(plain))) != len(want) {
		t.Errorf("plain names: %q", plain)
	}
	for _, name := range plain {
		stem, extension, _ := strings.Cut(strings.TrimSuffix(name, ";1"), ".")
		if !strings.HasSuffix(name, ";1") || len(stem) > 8 || len(extension) > 3 || strings.Trim(stem+extension, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Errorf("%q is no name of ISO 9660", name)
		}
	}
	for tree, args := range map[string][]string{
		"rockridge": {"bsdtar", "-x", "-C", "%", "--options", "iso9660:!joliet", "-f", image},
		"joliet":    {"bsdtar", "-x", "-C", "%", "--options", "iso9660:!rockridge", "-f", image},
		"xorriso":   {"xorriso", "-report_about", "SORRY", "-osirrox", "on", "-indev", image, "-extract", "/", "%"},
	} {
		to := filepath.Join(folder, tree)
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatal(err)
		}
		args[slices.Index(args, "%")] = to
		tool(args[0], args[1:]...)
		entries, err := os.ReadDir(to)
		if err != nil || len(entries) != len(files) {
			t.Errorf("%s extracts %d files (%v), want %d", tree, len(entries), err, len(files))
		}
		for name, content := range files {
			if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: content of %q: %d bytes (%v), want %d", tree, name, len(got), err, len(content))
			}
		}
	}
}

// A name that one of the trees cannot hold, and two names that Windows takes for the same, are refused.
func TestISOImagesRefuseNamesThatCannotBeWritten(t *testing.T) {
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	script := `
. '%agent%'
foreach ($names in @('a/b'), @('a\b'), @('a*'), @('a?'), @('a:b'), @('a;b'), @("a$([char]9)b"), @(''), @('x' * 65), @('日' * 60), @('Same', 'same')) {
    $files = [System.Collections.Specialized.OrderedDictionary]::new([System.StringComparer]::Ordinal)
    foreach ($name in $names) { $files[$name] = [byte[]]@(1) }
    try { $null = New-IsoImage -Label 'cidata' -Files $files; 'written: ' + [string]$names } catch { $_.Exception.Message }
}
foreach ($label in '', 'a b', ('x' * 17)) { try { $null = New-IsoImage -Label $label -Files @{}; 'written' } catch { 'refused' } }
`
	output, code := f.runScript(script)
	f.wantOutput(output, code, 0)
	if lines := strings.Split(strings.TrimSpace(output), "\n"); len(lines) != 14 || strings.Contains(output, "written") {
		t.Errorf("output:\n%s", output)
	}
}
