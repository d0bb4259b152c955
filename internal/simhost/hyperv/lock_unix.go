// SPDX-License-Identifier: MPL-2.0

//go:build unix

package hyperv

import (
	"errors"
	"os"
	"syscall"
)

// lock waits for the exclusive lock on the file at path. .NET takes the same lock for a file that it opens without sharing.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil // closing the file releases the lock
}
