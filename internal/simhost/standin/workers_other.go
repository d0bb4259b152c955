// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package standin

import "os"

// KillWorker kills a worker process.
func KillWorker(id int) error {
	process, err := os.FindProcess(id)
	if err != nil {
		return nil //nolint:nilerr // it has exited
	}
	if err := process.Kill(); err == nil {
		_, _ = process.Wait()
	}
	return nil
}
