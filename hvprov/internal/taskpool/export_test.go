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
	switch {
	case queued != p.queue.queued || runnable != p.queue.runnable:
		return fmt.Errorf("%d tasks are queued and %d runnable; the counters are %d and %d", queued, runnable, p.queue.queued, p.queue.runnable)
	case runs != p.busy+p.stuck || len(p.tasks) != queued+p.busy:
		return fmt.Errorf("%d tasks run on hosts, with %d running tasks, %d stuck tasks and %d tasks in all", runs, p.busy, p.stuck, len(p.tasks))
	case !p.isFull() && runnable > 0:
		return fmt.Errorf("%d tasks run, and %d more could", p.busy, runnable)
	}
	return nil
}
