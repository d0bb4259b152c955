// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"os"
	"path/filepath"
)

// FreeSpace gives the free bytes of the drive that folder, which need not be there yet, is or would be on. ok is false when
// they are not known.
func FreeSpace(folder string) (bytes int64, ok bool) {
	for {
		if _, err := os.Stat(folder); err == nil {
			return freeSpace(folder)
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return 0, false
		}
		folder = parent
	}
}
