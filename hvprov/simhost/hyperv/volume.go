// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// noSpace is what Windows says of a drive that is full.
const noSpace = "There is not enough space on the disk. (0x80070070)."

// Free gives the bytes that are free on a volume: what is set, or else what the files there leave of its size.
func (v SharedVolume) Free() int64 {
	if v.FreeBytes > 0 {
		return v.FreeBytes
	}
	root, err := filepath.EvalSymlinks(v.Path)
	if err != nil {
		return 0
	}
	free := v.SizeBytes
	_ = filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // what cannot be read takes no part
		}
		if info, err := entry.Info(); err == nil {
			free -= info.Size()
		}
		return nil
	})
	return max(free, 0)
}

// Holds tells whether a file or folder is on the volume.
func (v SharedVolume) Holds(path string) bool {
	separator := string(filepath.Separator)
	return strings.HasPrefix(strings.ToLower(path+separator), strings.ToLower(strings.TrimRight(v.Path, `/\`)+separator))
}

// lacks tells whether the volume that a file is on has too little space for so many bytes more. Other drives have enough.
func (s *State) lacks(path string, bytes int64) bool {
	for _, volume := range s.Host.SharedVolumes {
		if volume.Holds(path) {
			return bytes > volume.Free()
		}
	}
	return false
}
