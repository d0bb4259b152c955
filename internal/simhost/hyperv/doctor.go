// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"maps"
	"slices"
)

// Windows controls what the commands of Windows outside of Hyper-V return, which the check of a host reads. Only the PowerShell
// stand-in applies it. The zero value is a host with the defaults of Windows Server 2022, and an account that is an administrator.
type Windows struct {
	Groups          []string          `json:"groups,omitempty"`           // SIDs of the account's groups; empty: Administrators, with high integrity
	Services        map[string]string `json:"services,omitempty"`         // state by name of the service, or "missing"
	Registry        map[string]any    `json:"registry,omitempty"`         // value by key and name, for example SOFTWARE\Key\Name; null: missing
	WSMan           map[string]string `json:"wsman,omitempty"`            // setting by name, for example RootSDDL or MaxShellsPerUser; Listener: its transports
	ExecutionPolicy map[string]string `json:"execution_policy,omitempty"` // by scope
	ASR             map[string]int    `json:"asr,omitempty"`              // action by rule of attack surface reduction
	Missing         []string          `json:"missing,omitempty"`          // commands that do not exist
	Denied          []string          `json:"denied,omitempty"`           // commands, and namespaces of WMI, that deny the account access
}

// clone returns a deep copy.
func (w *Windows) clone() *Windows {
	if w == nil {
		return nil
	}
	return &Windows{
		Groups: slices.Clone(w.Groups), Services: maps.Clone(w.Services), Registry: maps.Clone(w.Registry), WSMan: maps.Clone(w.WSMan),
		ExecutionPolicy: maps.Clone(w.ExecutionPolicy), ASR: maps.Clone(w.ASR), Missing: slices.Clone(w.Missing), Denied: slices.Clone(w.Denied),
	}
}
