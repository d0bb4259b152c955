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

// killTimeout limits how long a process may take to exit after SIGKILL.
const killTimeout = time.Minute

// KillWorker kills a worker process and returns when it has exited. It ignores ids of other processes.
func KillWorker(id int) error {
	proc := filepath.Join("/proc", strconv.Itoa(id))
	if line, err := os.ReadFile(filepath.Join(proc, "cmdline")); err == nil && !bytes.Contains(line, []byte("-EncodedCommand")) {
		return nil // the id was reused
	}
	if err := syscall.Kill(id, syscall.SIGKILL); errors.Is(err, syscall.ESRCH) {
		return nil
	} else if err != nil {
		return fmt.Errorf("kill worker process %d: %w", id, err)
	}
	for deadline := time.Now().Add(killTimeout); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
			return nil
		}
		// A process whose parent does not wait for it remains as a zombie.
		if stat, err := os.ReadFile(filepath.Join(proc, "stat")); err == nil {
			if _, rest, ok := bytes.Cut(stat, []byte(") ")); ok && rest[0] == 'Z' {
				return nil
			}
		}
	}
	return fmt.Errorf("worker process %d did not exit within %s of SIGKILL", id, killTimeout)
}
