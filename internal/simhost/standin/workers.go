// SPDX-License-Identifier: MPL-2.0

package standin

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// KillWorkers kills the processes whose ids are in a file, as a restart of the host would, and returns when they have exited. A
// file that does not exist lists none.
func KillWorkers(list string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	var errs []error
	for _, word := range strings.Fields(string(text)) {
		if id, err := strconv.Atoi(word); err == nil && id > 1 {
			errs = append(errs, KillWorker(id))
		}
	}
	return errors.Join(errs...)
}
