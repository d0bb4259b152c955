// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"fmt"
	"log/slog"
	"time"
)

// Options configures a [Pool]. All fields but Name are optional.
type Options struct {
	// Name is the pool's name in errors, logs and metrics.
	Name string

	// Max is the maximum number of tasks that run at once. Stuck tasks do not count, up to Max of them. Defaults to no limit.
	Max int
	// PerHost is the maximum number of tasks that run on one host at once, stuck ones included. Host names are compared without
	// regard to letter case. Defaults to no limit.
	PerHost int

	// Priority lists categories whose tasks go first, the most urgent first. Other categories come last.
	Priority []string
	// PriorityAging is how much older a task must be to go before a task of the next more urgent category, so that no task
	// is queued forever. Defaults to 30 seconds.
	PriorityAging time.Duration

	// Grace is how long the pool waits for a cancelled task before it abandons it. Defaults to 10 seconds.
	Grace time.Duration

	Logger *slog.Logger // defaults to discarding everything
}

func (o Options) withDefaults() (Options, error) {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"Max", int64(o.Max)},
		{"PerHost", int64(o.PerHost)},
		{"PriorityAging", int64(o.PriorityAging)},
		{"Grace", int64(o.Grace)},
	} {
		if n.value < 0 {
			return o, fmt.Errorf("pool %q: %s must not be negative; 0 means its default", o.Name, n.name)
		}
	}
	if o.PriorityAging == 0 {
		o.PriorityAging = 30 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("pool", o.Name)
	return o, nil
}
