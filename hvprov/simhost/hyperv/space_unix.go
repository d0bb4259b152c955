// SPDX-License-Identifier: MPL-2.0

//go:build linux || darwin || freebsd

package hyperv

import "syscall"

func freeSpace(folder string) (int64, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return 0, false
	}
	return int64(fs.Bavail) * int64(fs.Bsize), true //nolint:unconvert // the types differ between systems
}
