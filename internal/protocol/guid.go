// SPDX-License-Identifier: MPL-2.0

package protocol

import "github.com/google/uuid"

// IsGUID reports whether s is a GUID in the form 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11, in any letter case: the form of the ids of
// jobs and virtual machines, and of WinRM commands.
func IsGUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }
