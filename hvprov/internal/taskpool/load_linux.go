// SPDX-License-Identifier: MPL-2.0

package taskpool

import "os"

// sampleMachine looks at the machine. What cannot be read is 0.
func sampleMachine() (ticks cpuTicks, memory float64) {
	stat, _ := os.ReadFile("/proc/stat")
	meminfo, _ := os.ReadFile("/proc/meminfo")
	return parseStat(stat), parseMeminfo(meminfo)
}
