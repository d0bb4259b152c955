// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

var (
	folderStart = regexp.MustCompile(`^(/|[A-Za-z]:[\\/]|\\\\[^\\/?.])`)
	badFolder   = regexp.MustCompile(`[\x00-\x1f\x7f"<>|*?]`)
)

func isFolder(s string) bool {
	return folderStart.MatchString(s) && !badFolder.MatchString(s) && len(utf16.Encode([]rune(s))) <= 200
}

// exportFindings returns what prevents the export of a virtual machine. The free space is not simulated.
func exportFindings(vm hyperv.VM, f fields) []job.Finding {
	const field = "export_path"
	folder := f.text(field)
	target := filepath.Join(folder, vm.Name)
	switch {
	case folder == "":
		return nil
	case !isFileName(vm.Name):
		return []job.Finding{finding("export_name_invalid", field, "vm", vm.Name)}
	case strings.ContainsAny(folder, "[]`"):
		return []job.Finding{finding("path_unsupported", field, "path", filepath.Clean(folder))}
	case !exists(folder):
		return []job.Finding{finding("export_folder_missing", field, "folder", filepath.Clean(folder))}
	case exists(target):
		return []job.Finding{finding("export_exists", field, "folder", target)}
	}
	return nil
}

// checkExport answers a check of an export.
func (v *view) checkExport(id string, host hyperv.Host, f fields) (any, error) {
	vm, err := v.vmOf(host, id)
	if err != nil {
		return nil, err
	}
	return protocol.CheckResult{Findings: append([]job.Finding{}, exportFindings(vm, f)...)}, nil
}

func planExport(j *hostJob) error {
	host, vm, err := j.existingVM()
	if err != nil {
		return err
	}
	err = firstError(exportFindings(vm, j.fields))
	j.plan = plan{host: host, vm: vm, found: err == nil}
	return err
}

func describeExport(j *hostJob) string { return text("step_export", "folder", j.exportTarget()) }

func (j *hostJob) exportTarget() string {
	return filepath.Join(j.fields.text("export_path"), j.plan.vm.Name)
}

// exportFolder returns the folder of the export until it is complete.
func (j *hostJob) exportFolder() string {
	return filepath.Join(j.fields.text("export_path"), "hypervvm-"+j.id)
}

func exportVM(j *hostJob) error {
	var b hyperv.Export
	err := j.change("Export-VM", func(s *hyperv.State, vm *hyperv.VM) error {
		if s.Behaviour.Export != nil {
			b = *s.Behaviour.Export
		}
		return beginExport(*vm, j.exportFolder())
	})
	if err != nil {
		return err
	}
	for look := range b.Looks {
		if err := j.checkCancelled(); err != nil {
			return err
		}
		if look > 0 {
			j.emit(job.Event{Kind: job.KindProgress, Percent: look * 100 / b.Looks, Message: text("export_progress")})
		}
		if err := sleep(j.ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	if b.Fail != "" {
		return fail("export_failed", "", "reason", b.Fail)
	}
	made := filepath.Join(j.exportFolder(), j.plan.vm.Name)
	err = exportFiles(j.plan.vm, made)
	if err == nil {
		err = j.checkCancelled()
	}
	if err == nil {
		err = os.Rename(made, j.exportTarget())
	}
	if err == nil {
		err = os.Remove(j.exportFolder())
	}
	if err == nil {
		j.log("exported", "vm", j.plan.vm.Name, "folder", j.exportTarget())
	}
	return err
}

// beginExport creates the folders of an export.
func beginExport(vm hyperv.VM, folder string) error {
	for _, name := range []string{"Virtual Machines", "Virtual Hard Disks", "Snapshots"} {
		if err := os.MkdirAll(filepath.Join(folder, vm.Name, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// exportFiles writes the files of an export, as the stand-in does.
func exportFiles(vm hyperv.VM, folder string) error {
	configuration := filepath.Join(folder, "Virtual Machines", strings.ToUpper(vm.ID)+".vmcx")
	if err := os.WriteFile(configuration, []byte("vmcx"), 0o644); err != nil {
		return err
	}
	for _, c := range vm.Checkpoints {
		if err := os.WriteFile(filepath.Join(folder, "Snapshots", strings.ToUpper(c.ID)+".vmcx"), []byte("vmcx"), 0o644); err != nil {
			return err
		}
	}
	var files []string
	for _, drive := range vm.Drives {
		for path := drive.Path; path != "" && !slices.Contains(files, path); {
			files = append(files, path)
			d, err := hyperv.ReadDisk(path)
			if err != nil {
				return err
			}
			path = d.Parent
		}
	}
	for _, file := range files {
		if err := copyFile(file, filepath.Join(folder, "Virtual Hard Disks", filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	reader, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	writer, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err = io.Copy(writer, reader); err != nil {
		_ = writer.Close()
		return err
	}
	return writer.Close()
}

func undoExport(j *hostJob) {
	folder := j.exportFolder()
	if exists(folder) {
		j.undo(text("folder_removed", "folder", folder), text("item_folder", "folder", folder), func() error { return os.RemoveAll(folder) })
	}
}
