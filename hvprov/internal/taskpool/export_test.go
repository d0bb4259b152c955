// SPDX-License-Identifier: MPL-2.0

package taskpool

import "fmt"

// Check tells whether what the pool counts agrees with itself.
func (p *Pool) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting, runnable, runs := 0, 0, 0
	for _, l := range p.queue.lines {
		waiting += l.waiting
		runnable += l.runnable
		runs += l.running
		if (l.index >= 0) != (l.runnable > 0) || l.index >= 0 && p.queue.ready[l.index] != l {
			return fmt.Errorf("host %q is at place %d with %d tasks that may run", l.host, l.index, l.runnable)
		}
	}
	free := max(0, p.size-p.busy)
	switch {
	case waiting != p.queue.waiting || runnable != p.queue.runnable:
		return fmt.Errorf("%d wait, %d may run; counted are %d and %d", waiting, runnable, p.queue.waiting, p.queue.runnable)
	case runs != p.busy+p.stuck || len(p.tasks) != waiting+p.busy:
		return fmt.Errorf("%d run for hosts, %d are busy, %d stuck, %d known", runs, p.busy, p.stuck, len(p.tasks))
	case len(p.idle) != free:
		return fmt.Errorf("%d workers are idle and %d are known as such", free, len(p.idle))
	case free > 0 && runnable > 0:
		return fmt.Errorf("%d workers are idle while %d tasks may run", free, runnable)
	case runnable > 0 && p.due.IsZero() && !p.stepping:
		return fmt.Errorf("%d tasks wait for a worker and no decision is due", runnable)
	}
	return nil
}
