// SPDX-License-Identifier: MPL-2.0

//go:build unix

package standin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// KillWorker ends one process that the stand-in started, and returns when it is gone. One that is gone already, or that is
// no worker, is left alone.
func KillWorker(id int) error {
	proc := filepath.Join("/proc", strconv.Itoa(id))
	if line, err := os.ReadFile(filepath.Join(proc, "cmdline")); err == nil && !bytes.Contains(line, []byte("Start-JobWorker")) {
		return nil // the id is another's by now
	}
	if err := syscall.Kill(id, syscall.SIGKILL); errors.Is(err, syscall.ESRCH) {
		return nil
	} else if err != nil {
		return fmt.Errorf("worker %d: %w", id, err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
			return nil
		}
		// Whose parent does not ask for its end stays as an entry without anything behind it.
		if stat, err := os.ReadFile(filepath.Join(proc, "stat")); err == nil {
			if _, rest, ok := bytes.Cut(stat, []byte(") ")); ok && rest[0] == 'Z' {
				return nil
			}
		}
	}
	return fmt.Errorf("worker %d does not end", id)
}
