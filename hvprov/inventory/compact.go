// SPDX-License-Identifier: MPL-2.0

package inventory

// compact gives a copy of a snapshot.
func compact(s *Snapshot) *Snapshot {
	c := *s
	return &c
}
