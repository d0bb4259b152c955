// SPDX-License-Identifier: MPL-2.0

package taskpool

import "fmt"

// Check returns an error if the counters of the pool contradict each other.
func (p *Pool) Check() error {
	p.mu.Lock()
	defer p.unlock()
	queued, runnable, runs := 0, 0, 0
	for _, host := range p.queue.hosts {
		queued += host.queued
		runnable += host.runnable
		runs += host.running
		if (host.index >= 0) != (host.runnable > 0) || host.index >= 0 && p.queue.ready[host.index] != host {
			return fmt.Errorf("host %q has index %d in the heap with %d runnable tasks", host.key, host.index, host.runnable)
		}
	}
	free := max(0, p.size-p.busy)
	switch {
	case queued != p.queue.queued || runnable != p.queue.runnable:
		return fmt.Errorf("%d tasks are queued and %d runnable; the counters are %d and %d", queued, runnable, p.queue.queued, p.queue.runnable)
	case runs != p.busy+p.stuck || len(p.tasks) != queued+p.busy:
		return fmt.Errorf("%d tasks run on hosts, with %d busy workers, %d stuck tasks and %d tasks in all", runs, p.busy, p.stuck, len(p.tasks))
	case len(p.idle) != free:
		return fmt.Errorf("%d workers are free, and idle has %d", free, len(p.idle))
	case free > 0 && runnable > 0:
		return fmt.Errorf("%d workers are free with %d runnable tasks", free, runnable)
	case runnable > 0 && p.due.IsZero() && !p.ticking:
		return fmt.Errorf("%d tasks need a worker, and no tick is scheduled", runnable)
	}
	return nil
}
