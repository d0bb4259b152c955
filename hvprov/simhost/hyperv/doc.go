// SPDX-License-Identifier: MPL-2.0

// Package hyperv is the Hyper-V of a simulated host: what it holds, in a state file that the PowerShell stand-in for the
// Hyper-V module shares, and the module's commands over it.
package hyperv
