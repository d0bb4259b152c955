// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

const manifestName = "hypervvm.json"

// manifest tells what a job made, and what it was asked for, beside the files that it made. It holds no secret.
type manifest struct {
	Format    int            `json:"format"`
	JobID     string         `json:"job_id"`
	VMID      string         `json:"vm_id"`
	Files     []string       `json:"files"`
	Disk      string         `json:"disk"`       // that of the image
	DataDisks []recordedDisk `json:"data_disks"` // attached, or kept
	Recorded  any            `json:"recorded"`

	folder string
}

// save writes the manifest beside its place and then renames it, so that there is always a whole one.
func (m *manifest) save() error {
	if m.DataDisks == nil {
		m.DataDisks = []recordedDisk{}
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

// findManifest gives the manifest of a virtual machine from one of the folders that it lives in, or nil.
func findManifest(vm hyperv.VM) *manifest {
	var folders []string
	add := func(folder string) {
		if folder != "" && folder != "." && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	for _, drive := range vm.Drives {
		add(filepath.Dir(drive.Path))
	}
	if vm.Path != "" {
		add(filepath.Dir(vm.Path))
		add(vm.Path)
	}
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, manifestName))
		if err != nil {
			continue
		}
		m := &manifest{folder: folder}
		if protocol.Decode(text, m) == nil && m.VMID == vm.ID {
			return m
		}
	}
	return nil
}

// removeEmpty removes a folder with the empty folders within, and tells whether it is gone; a file anywhere keeps it.
func removeEmpty(folder string) (gone bool, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return os.IsNotExist(err), nil
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if _, err := removeEmpty(filepath.Join(folder, entry.Name())); err != nil {
			return false, err
		}
	}
	if entries, err = os.ReadDir(folder); err != nil || len(entries) > 0 {
		return false, err
	}
	return true, os.Remove(folder)
}

// removeJobsFolder removes the folder of the jobs' folders when the last of them is gone. No job may be making one just
// now. An empty folder that stays does no harm.
func (r *run) removeJobsFolder(folder string) {
	unlock, err := r.store.LockNames()
	if err != nil {
		return
	}
	defer unlock()
	_ = os.Remove(folder) // fails when it is not empty
}

// removeFile deletes a file; one that is not there is no error.
func removeFile(path string) error {
	err := os.Remove(path)
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
