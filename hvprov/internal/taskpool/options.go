// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"fmt"
	"log/slog"
	"math"
	"time"
)

// Options configures a [Pool]. All fields but Name are optional.
type Options struct {
	// Name is the pool's name in errors, logs and metrics.
	Name string

	// Min is the number of workers that are available regardless of the backlog. Defaults to 1.
	Min int
	// Max is the maximum number of workers. Defaults to Capacity, or to 64 without it.
	Max int
	// Capacity returns how many tasks all hosts together can run at once, which limits the pool regardless of Min and Max. It
	// is called often and must return quickly. Defaults to no limit.
	Capacity func() int
	// PerHost is the maximum number of tasks that run on one host at once. Host names are compared without regard to letter
	// case. Defaults to no limit.
	PerHost int

	// TargetAge is how long a task that could run may be queued before the pool grows even with a small backlog. Defaults
	// to 250 ms.
	TargetAge time.Duration
	// Idle is how long a worker stays available without a task. Defaults to 30 seconds.
	Idle time.Duration
	// Interval is the minimum time between two decisions to grow. Defaults to 100 ms.
	Interval time.Duration

	// Priority lists categories whose tasks go first, the most urgent first. Other categories come last.
	Priority []string
	// PriorityAging is how much older a task must be to go before a task of the next more urgent category, so that no task
	// is queued forever. Defaults to 30 seconds.
	PriorityAging time.Duration

	// Grace is how long the pool waits for a cancelled task before it abandons it. Defaults to 10 seconds.
	Grace time.Duration

	Logger *slog.Logger // defaults to discarding everything
}

const (
	defaultMax   = 64
	unlimitedMax = math.MaxInt32 // of a pool that only Capacity limits
)

func (o Options) withDefaults() (Options, error) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"Min", int64(o.Min)},
		{"Max", int64(o.Max)},
		{"PerHost", int64(o.PerHost)},
		{"TargetAge", int64(o.TargetAge)},
		{"Idle", int64(o.Idle)},
		{"Interval", int64(o.Interval)},
		{"PriorityAging", int64(o.PriorityAging)},
		{"Grace", int64(o.Grace)},
	} {
		if n.value < 0 {
			return o, fmt.Errorf("pool %q: %s must not be negative; 0 means its default", o.Name, n.name)
		}
	}
	if o.Max == 0 {
		o.Max = defaultMax
		if o.Capacity != nil {
			o.Max = unlimitedMax
		}
		o.Max = max(o.Max, o.Min)
	}
	setDefault(&o.Min, 1)
	if o.Min > o.Max {
		return o, fmt.Errorf("pool %q: Min (%d) must not be greater than Max (%d)", o.Name, o.Min, o.Max)
	}
	setDefault(&o.TargetAge, 250*time.Millisecond)
	setDefault(&o.Idle, 30*time.Second)
	setDefault(&o.Interval, 100*time.Millisecond)
	setDefault(&o.PriorityAging, 30*time.Second)
	setDefault(&o.Grace, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("pool", o.Name)
	return o, nil
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}
