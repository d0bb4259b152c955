// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package taskpool

// sampleMachine knows nothing here. Options.Load can.
func sampleMachine() (cpuTicks, float64) { return cpuTicks{}, 0 }
