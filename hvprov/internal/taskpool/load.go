// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"math"
	"sync"
	"time"
)

// Load is how much of a machine is in use. 0 is nothing, or not known; 1 is all.
type Load struct {
	CPU    float64
	Memory float64
}

// exceeds tells whether a part of the load reaches its bound.
func (l Load) exceeds(bound Load) bool { return l.CPU >= bound.CPU || l.Memory >= bound.Memory }

// halfToFull gives the load half way between this and a full one. What is above 1 stays.
func (l Load) halfToFull() Load { return Load{max(l.CPU, (1+l.CPU)/2), max(l.Memory, (1+l.Memory)/2)} }

// cleaned gives the load with its parts between 0 and 1, whatever a function of the user's gave.
func (l Load) cleaned() Load {
	clean := func(f float64) float64 {
		if math.IsNaN(f) {
			return 0
		}
		return min(max(f, 0), 1)
	}
	return Load{clean(l.CPU), clean(l.Memory)}
}

const (
	// sampleApart is how far apart the machine's samples are: the share of a processor needs some time to be one.
	sampleApart = time.Second
	// sampleStale is the time after which the share of a processor since the last look says nothing about now.
	sampleStale = 10 * time.Second
)

// machine samples the load of the machine that this process runs on.
type machine struct {
	mu    sync.Mutex
	taken time.Time
	ticks cpuTicks
	last  Load
}

// cpuTicks are what the processors have done since the machine started.
type cpuTicks struct{ busy, total uint64 }

// since gives the share that was busy since an earlier look. 0: not known.
func (t cpuTicks) since(earlier cpuTicks) float64 {
	if earlier.total == 0 || t.total <= earlier.total || t.busy < earlier.busy {
		return 0
	}
	return float64(t.busy-earlier.busy) / float64(t.total-earlier.total)
}

// load gives the machine's load. The processor's share is known from the second sample on.
func (m *machine) load() Load {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	since := now.Sub(m.taken)
	if since < sampleApart {
		return m.last
	}
	ticks, memory := sampleMachine()
	if since > sampleStale {
		m.ticks = cpuTicks{}
	}
	m.last = Load{CPU: ticks.since(m.ticks), Memory: memory}
	m.taken, m.ticks = now, ticks
	return m.last
}
