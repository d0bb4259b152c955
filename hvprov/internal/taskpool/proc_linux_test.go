// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, stat string
		want       cpuTicks
	}{
		{"as the kernel writes it", "cpu  100 20 30 1000 50 6 7 8 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n", cpuTicks{171, 1221}},
		{"an old kernel", "cpu 100 20 30 1000 50\n", cpuTicks{150, 1200}},
		{"nothing", "", cpuTicks{}},
		{"no numbers", "cpu a b c d e f\n", cpuTicks{}},
		{"another file", "MemTotal: 1 kB and some more words\n", cpuTicks{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parseStat([]byte(c.stat)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestParseMeminfo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, meminfo string
		want          float64
	}{
		{"as the kernel writes it", "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:  250 kB\nBuffers: 1 kB\n", 0.75},
		{"a kernel that does not say what is available", "MemTotal: 1000 kB\nMemFree: 10 kB\n", 0},
		{"nothing", "", 0},
		{"no memory", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", 0},
		{"no numbers", "MemTotal: a kB\nMemAvailable: b kB\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parseMeminfo([]byte(c.meminfo)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheMachineIsLookedAtOnceASecondAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m machine
		first := m.load()
		if first.CPU != 0 || first.Memory <= 0 || first.Memory >= 1 || m.ticks.total == 0 {
			t.Errorf("the first look: %+v, %+v", first, m.ticks)
		}
		looked := m.taken
		time.Sleep(sampleApart - 1)
		if m.load(); !m.taken.Equal(looked) {
			t.Error("it looked again too soon")
		}
		time.Sleep(time.Nanosecond)
		if m.load(); m.taken.Equal(looked) {
			t.Error("it did not look again")
		}
		m.ticks = cpuTicks{1, 2} // an old look, since which the share would be of all the machine's time
		time.Sleep(sampleStale + 1)
		if l := m.load(); l.CPU != 0 {
			t.Errorf("a share of the processor since long ago: %v", l.CPU)
		}
	})
}
