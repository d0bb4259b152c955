// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"math"
	"testing"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	if got := (Load{math.NaN(), 7}).cleaned(); got != (Load{0, 1}) {
		t.Errorf("got %+v", got)
	}
	if got := (Load{-1, 0.5}).cleaned(); got != (Load{0, 0.5}) {
		t.Errorf("got %+v", got)
	}
	if got := (Load{0.8, 2}).halfToFull(); got != (Load{0.9, 2}) {
		t.Errorf("got %+v", got)
	}
}

func TestTheShareOfAProcessorIsThatSinceTheLastLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		earlier, now cpuTicks
		want         float64
	}{
		{"a quarter", cpuTicks{100, 1000}, cpuTicks{125, 1100}, 0.25},
		{"all", cpuTicks{100, 1000}, cpuTicks{200, 1100}, 1},
		{"no look before", cpuTicks{}, cpuTicks{125, 1100}, 0},
		{"no time between", cpuTicks{100, 1000}, cpuTicks{100, 1000}, 0},
		{"counts that went back", cpuTicks{100, 1000}, cpuTicks{50, 1100}, 0},
		{"nothing is known", cpuTicks{}, cpuTicks{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.now.since(c.earlier); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
