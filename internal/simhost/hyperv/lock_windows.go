// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"errors"
	"syscall"
	"time"
)

const errorSharingViolation = syscall.Errno(32)

// lock waits for the exclusive lock on the file at path: it opens the file without sharing, as the PowerShell stand-in does.
func lock(path string) (unlock func(), err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	for {
		handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
			syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return func() { _ = syscall.CloseHandle(handle) }, nil
		}
		if !errors.Is(err, errorSharingViolation) {
			return nil, err
		}
		time.Sleep(2 * time.Millisecond) // Windows has no way to wait for a file to be closed
	}
}
