// SPDX-License-Identifier: MPL-2.0

package hostagent

// Buffered returns the bytes of the messages that a stream keeps.
func Buffered(r *JobStream) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buffered
}
