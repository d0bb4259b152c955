// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"bytes"
	_ "embed" // the scripts
)

//go:embed tools/Grant-HypervvmAccess.ps1
var grantScript []byte

// GrantScript returns Grant-HypervvmAccess.ps1, a script that an administrator runs on a host: it grants an account the rights that
// the agent needs, and takes them back with -Revoke.
func GrantScript() []byte { return bytes.Clone(grantScript) }
