// SPDX-License-Identifier: MPL-2.0

//go:build !linux && !darwin && !freebsd

package hyperv

// freeSpace knows of no way that the standard library has here.
func freeSpace(string) (int64, bool) { return 0, false }
