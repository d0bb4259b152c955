// SPDX-License-Identifier: MPL-2.0

package hyperv

// Rights denies the account what it needs on the host, and limits PowerShell. The zero value denies nothing. Only the PowerShell
// stand-in applies it; an account that may not even open a shell is an AccountState of package simhost.
type Rights struct {
	CIMV2Denied  bool   `json:"cimv2_denied,omitempty"`  // no Remote Enable on root\cimv2: WMI methods, Get-VHD and Resize-VHD are refused
	HyperVDenied bool   `json:"hyperv_denied,omitempty"` // not a Hyper-V administrator: every cmdlet of the module is refused
	LanguageMode string `json:"language_mode,omitempty"` // of PowerShell, for example ConstrainedLanguage; empty: FullLanguage
}
