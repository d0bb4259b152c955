// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"fmt"
	"log/slog"
	"math"
	"time"
)

// Options say how a [Pool] works. All but the name may be left out.
type Options struct {
	// Name is the pool's name in errors, logs and metrics.
	Name string

	// Min is how many workers there may be without regard to backlog and load. 0: one.
	Min int
	// Max is how many workers there may be at most. 0: as many as Allowed says, or 64 where there is no Allowed.
	Max int
	// Allowed says how many tasks all hosts together take at once. No pool is larger than that, whatever Min and Max say;
	// at 0 all tasks wait. It is asked each time a task may start: it has to be quick. Nil: no such bound.
	Allowed func() int
	// PerHost is how many tasks run on one host at once. Names of hosts are compared without letter case. 0: no bound.
	PerHost int
	// MaxQueued is how many tasks may wait; more are refused with [ErrFull]. 0: no bound.
	MaxQueued int

	// TargetAge is how long a task may wait that could run: once one is older, the pool grows even where the backlog is
	// small. 0: 250 ms.
	TargetAge time.Duration
	// Idle is after how long a worker without work goes, down to Min. 0: 30 seconds.
	Idle time.Duration
	// Interval is how far apart decisions to grow are. 0: 100 ms.
	Interval time.Duration

	// Load samples the machine's load while tasks wait, each Interval at most. Nil: the machine's own, where it is known:
	// on Linux, from /proc.
	Load func() Load
	// MaxLoad is the load from which on the pool does not grow. From half way between that and 1 on, it shrinks while tasks wait. A 0 in
	// it is 0.9; a value above 1 leaves that part out of account. CPU counts only while no task has waited for four times TargetAge.
	MaxLoad Load

	// Priority names categories whose tasks go first, the most urgent first. Categories that are not named come last.
	Priority []string
	// HeadStart is what a place in Priority is worth: a task goes before one of the next category that is older by less
	// than this. So urgent tasks pass, and yet none waits for ever. 0: 30 seconds.
	HeadStart time.Duration

	// Grace is for how long a cancelled task is waited for before it is given up as stuck. 0: ten seconds.
	Grace time.Duration

	Logger *slog.Logger // nil: nothing is logged
}

// noMax is the Max of a pool that only its hosts bound.
const noMax = math.MaxInt32

func (o Options) withDefaults() (Options, error) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"Min", int64(o.Min)},
		{"Max", int64(o.Max)},
		{"PerHost", int64(o.PerHost)},
		{"MaxQueued", int64(o.MaxQueued)},
		{"TargetAge", int64(o.TargetAge)},
		{"Idle", int64(o.Idle)},
		{"Interval", int64(o.Interval)},
		{"HeadStart", int64(o.HeadStart)},
		{"Grace", int64(o.Grace)},
	} {
		if n.value < 0 {
			return o, fmt.Errorf("pool %q: %s is negative: leave it 0 for its default", o.Name, n.name)
		}
	}
	if o.Max == 0 {
		o.Max = 64
		if o.Allowed != nil {
			o.Max = noMax
		}
		o.Max = max(o.Max, o.Min)
	}
	setDefault(&o.Min, 1)
	if o.Min > o.Max {
		return o, fmt.Errorf("pool %q: Min is %d and Max is %d: Min cannot be larger", o.Name, o.Min, o.Max)
	}
	setDefault(&o.TargetAge, 250*time.Millisecond)
	setDefault(&o.Idle, 30*time.Second)
	setDefault(&o.Interval, 100*time.Millisecond)
	setDefault(&o.HeadStart, 30*time.Second)
	setDefault(&o.Grace, 10*time.Second)
	setDefault(&o.MaxLoad.CPU, 0.9)
	setDefault(&o.MaxLoad.Memory, 0.9)
	if o.Load == nil {
		o.Load = (&machine{}).load
	}
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
