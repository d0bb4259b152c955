// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const (
	manifestName   = "hypervvm.json"
	imageExtension = ".vhdx"
	mediaExtension = ".iso"
)

// manifest is the file beside the disks of a virtual machine that records what its job created and was asked for. It has no secrets.
type manifest struct {
	Format    int        `json:"format"`
	JobID     string     `json:"job_id"`
	VMID      string     `json:"vm_id"`
	Files     []string   `json:"files"`
	Disk      string     `json:"disk"` // path of the disk of the image
	DataDisks []dataDisk `json:"data_disks"`
	Recorded  fields     `json:"recorded"`
	// AssignedMACs are static MAC addresses that the job chose for the guest: they are no settings of the user.
	AssignedMACs []string `json:"assigned_macs,omitempty"`

	folder string
}

// save writes a temporary file and renames it, so that the manifest is always complete.
func (m *manifest) save() error {
	if m.DataDisks == nil {
		m.DataDisks = []dataDisk{}
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := filepath.Join(m.folder, manifestName)
	if err := os.WriteFile(path+".new", payload, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// findManifest returns the manifest of a virtual machine from one of its folders, or nil.
func findManifest(vm hyperv.VM) *manifest {
	var folders []string
	for _, drive := range vm.Drives {
		folders = append(folders, filepath.Dir(drive.Path))
	}
	if vm.Path != "" {
		folders = append(folders, filepath.Dir(vm.Path), vm.Path)
	}
	for _, folder := range folders {
		payload, err := os.ReadFile(filepath.Join(folder, manifestName))
		if err != nil {
			continue
		}
		m := &manifest{folder: folder}
		if protocol.Decode(payload, m) == nil && m.VMID == vm.ID {
			return m
		}
	}
	return nil
}

// removeFolder removes the folder of a virtual machine if no file is left in it, and its parent with the last one. leftover is the
// message for files that are left.
func (j *hostJob) removeFolder(folder, leftover string) error {
	gone, err := removeEmpty(folder)
	if err == nil && !gone {
		err = errors.New(text(leftover))
	}
	if parent := filepath.Dir(folder); err == nil && filepath.Base(parent) == "hypervvm" {
		// The lock of the state excludes New-VM, which may create a folder there. A folder that stays does no harm.
		_ = j.store.Update(func(*hyperv.State) error { return os.Remove(parent) })
	}
	return err
}

// removeEmpty removes a folder with its empty subfolders and reports whether it is gone. A file in any of them keeps it.
func removeEmpty(folder string) (gone bool, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return os.IsNotExist(err), nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if _, err := removeEmpty(filepath.Join(folder, entry.Name())); err != nil {
				return false, err
			}
		}
	}
	if entries, err = os.ReadDir(folder); err != nil || len(entries) > 0 {
		return false, err
	}
	return true, os.Remove(folder)
}

// removeFile deletes a file, if it exists.
func removeFile(path string) error {
	err := os.Remove(path)
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// folders returns the folders of a definition, and those of the settings of the host where the definition names none.
func (f fields) folders(settings *protocol.Settings) *protocol.Settings {
	if settings == nil {
		settings = &protocol.Settings{}
	}
	return &protocol.Settings{ImagePath: cmp.Or(f.text("image_path"), settings.ImagePath), VMPath: cmp.Or(f.text("vm_path"), settings.VMPath)}
}

func imageFolder(host hyperv.Host, settings *protocol.Settings) string {
	if settings != nil && settings.ImagePath != "" {
		return filepath.Clean(settings.ImagePath)
	}
	return filepath.Join(host.VirtualHardDiskPath, "Images")
}

func vmFolder(host hyperv.Host, settings *protocol.Settings) string {
	if settings != nil && settings.VMPath != "" {
		return filepath.Clean(settings.VMPath)
	}
	return filepath.Clean(host.VirtualHardDiskPath)
}

// fileNames returns the sorted names, without extension, of the files in a folder that have the extension.
func fileNames(folder, extension string) (names []string) {
	entries, _ := os.ReadDir(folder) // a missing folder has no files
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); !entry.IsDir() && strings.EqualFold(ext, extension) {
			names = append(names, strings.TrimSuffix(entry.Name(), ext))
		}
	}
	sortNames(names)
	return names
}

// filePath returns the path of a file, in whatever letter case it exists.
func filePath(folder, name, extension string) string {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), name+extension) {
			return filepath.Join(folder, entry.Name())
		}
	}
	return filepath.Join(folder, name+extension)
}

// listFiles returns the files with an extension as an inventory has them.
func listFiles(folder, extension string) []job.Image {
	list := []job.Image{}
	for _, name := range fileNames(folder, extension) {
		if info, err := os.Stat(filePath(folder, name, extension)); err == nil {
			list = append(list, job.Image{Name: name, SizeBytes: info.Size()})
		}
	}
	return list
}

// pathKey returns the same text for all spellings of a path.
func pathKey(path string) string { return strings.ToLower(filepath.Clean(path)) }

// baseName returns the name of a file without folder and extension.
func baseName(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

// sortNames sorts without regard to letter case, as Windows does.
func sortNames(names []string) {
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(strings.ToUpper(a), strings.ToUpper(b)) })
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
