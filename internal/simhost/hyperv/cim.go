// SPDX-License-Identifier: MPL-2.0

package hyperv

// CIM controls how the classes of Hyper-V's WMI provider answer. Only the PowerShell stand-in applies it.
type CIM struct {
	Denied  bool     `json:"denied"`            // the namespace refuses every query
	Empty   bool     `json:"empty"`             // every query returns nothing, as for an account that lacks rights
	Missing []string `json:"missing,omitempty"` // classes that the provider does not have
}
