// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// capacity gives what a host has, and what it has left. The folders are those that its owner has set, or its own.
func (s *view) capacity(host hyperv.Host, settings *protocol.Settings) job.Host {
	shown := job.Host{
		Name: host.Name, LogicalProcessors: host.LogicalProcessors, MemoryBytes: host.MemoryBytes,
		MemoryAvailableBytes: s.memoryAvailable(), VirtualHardDiskPath: host.VirtualHardDiskPath,
		VMPath: machineFolder(host, settings), ImagePath: imageFolder(host, settings), Images: []job.Image{},
	}
	shown.FreeBytes = s.freeSpace(shown.VMPath)
	shown.Images, shown.Media = files(shown.ImagePath, imageEnding), files(shown.ImagePath, mediaEnding)
	return shown
}

// memoryAvailable gives how many bytes of memory virtual machines can still get, or nil when the host cannot tell.
func (s *view) memoryAvailable() *int64 {
	nodes, err := s.store.GetVMHostNumaNode(s.ctx)
	if err != nil {
		return nil
	}
	var available int64
	for _, node := range nodes {
		available += node.MemoryAvailable << 20
	}
	return &available
}

// freeSpace gives the free bytes of the volume that a folder is on, or nil when they are not known.
func (s *view) freeSpace(folder string) *int64 {
	if mounted(folder) {
		return s.sharedSpace(folder)
	}
	if free, ok := hyperv.FreeSpace(folder); ok {
		return &free
	}
	return nil
}

// mounted tells whether a folder, or one above it, leads to another volume than its path says.
func mounted(folder string) bool {
	for {
		if info, err := os.Lstat(folder); err == nil && info.Mode()&(os.ModeSymlink|os.ModeIrregular) != 0 {
			return true
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return false
		}
		folder = parent
	}
}

// sharedSpace gives the free bytes of the cluster's volume that a folder is on.
func (s *view) sharedSpace(folder string) *int64 {
	volumes, err := s.store.GetClusterSharedVolume(s.ctx)
	if err != nil {
		return nil
	}
	for _, volume := range volumes {
		root := strings.ToLower(strings.TrimRight(volume.Path, `/\`)) + string(filepath.Separator)
		if strings.HasPrefix(strings.ToLower(folder)+string(filepath.Separator), root) {
			return &volume.FreeBytes
		}
	}
	return nil
}

func imageFolder(host hyperv.Host, settings *protocol.Settings) string {
	if settings != nil && settings.ImagePath != "" {
		return settings.ImagePath
	}
	return filepath.Join(host.VirtualHardDiskPath, "Images")
}

func machineFolder(host hyperv.Host, settings *protocol.Settings) string {
	if settings != nil && settings.VMPath != "" {
		return settings.VMPath
	}
	return host.VirtualHardDiskPath
}

const imageEnding = ".vhdx"

// imageNames gives the images in a folder, sorted, without their ending.
func imageNames(folder string) []string { return fileNames(folder, imageEnding) }

// fileNames gives the files in a folder that have an ending, sorted, without it.
func fileNames(folder, ending string) []string {
	entries, _ := os.ReadDir(folder) // a folder that is not there has no image
	var names []string
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); !entry.IsDir() && strings.EqualFold(ext, ending) {
			names = append(names, strings.TrimSuffix(entry.Name(), ext))
		}
	}
	sortNames(names)
	return names
}

// imagePath gives the file of an image.
func imagePath(folder, name string) string { return filePath(folder, name, imageEnding) }

// filePath gives the file of a name in a folder, whatever the letter case.
func filePath(folder, name, ending string) string {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), name+ending) {
			return filepath.Join(folder, entry.Name())
		}
	}
	return filepath.Join(folder, name+ending)
}

// imageName gives the name of the image in a file.
func imageName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}
