// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"bytes"
	"strconv"
)

// parseStat reads the first line of /proc/stat, of all processors: user, nice, system, idle, iowait, irq, softirq and
// steal, in ticks, as proc_stat(5) has them. What follows is counted in user and nice already.
func parseStat(stat []byte) cpuTicks {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 6 || string(fields[0]) != "cpu" {
		return cpuTicks{}
	}
	var t cpuTicks
	for i, field := range fields[1:min(len(fields), 9)] {
		n, err := strconv.ParseUint(string(field), 10, 64)
		if err != nil {
			return cpuTicks{}
		}
		t.total += n
		if i != 3 && i != 4 { // idle, and idle for want of input
			t.busy += n
		}
	}
	return t
}

// parseMeminfo reads from /proc/meminfo the share of the memory that no new program could have, as proc_meminfo(5) has it.
func parseMeminfo(meminfo []byte) float64 {
	var total, available float64
	var found int
	for line := range bytes.Lines(meminfo) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		n, err := strconv.ParseFloat(string(fields[1]), 64)
		if err != nil {
			continue
		}
		switch string(fields[0]) {
		case "MemTotal:":
			total = n
			found++
		case "MemAvailable:":
			available = n
			found++
		}
	}
	if found < 2 || total <= 0 {
		return 0
	}
	return 1 - available/total
}
