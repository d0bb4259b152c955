// SPDX-License-Identifier: MPL-2.0

package hyperv

// Locks are the files that another process of the host has open for a while: Hyper-V itself, a virus scanner or a backup.
type Locks struct {
	Disks []BusyDisk `json:"disks,omitempty"`
	Files []BusyFile `json:"files,omitempty"`
}

// BusyDisk makes calls of Get-VHD or Resize-VHD for a disk fail because the disk is in use.
type BusyDisk struct {
	Cmdlet  string `json:"cmdlet"`
	Path    string `json:"path"`     // wildcard pattern
	BusyFor int    `json:"busy_for"` // number of calls; each one that fails counts it down
}

// BusyFile makes the deletion of files fail from a call on. On Linux this takes the right to make files immutable, or else an
// account other than root.
type BusyFile struct {
	After   string `json:"after"`    // name of the cmdlet that leaves the files open
	Path    string `json:"path"`     // wildcard pattern
	BusyFor int    `json:"busy_for"` // seconds
}

// clone returns a deep copy.
func (l *Locks) clone() *Locks {
	if l == nil {
		return nil
	}
	return &Locks{Disks: append([]BusyDisk(nil), l.Disks...), Files: append([]BusyFile(nil), l.Files...)}
}
