// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// nameSettle is how long a wait for a name goes on while no other operation is in progress: Terraform starts the next operations as soon
// as those that they depend on have ended.
const nameSettle = 2 * time.Second

// operations are the plans and jobs of this process that are in progress. One apply may give a name to another virtual machine while the one
// that has it is renamed or deleted. Terraform knows no order between them unless one resource refers to the other, and tells a provider
// nothing about operations to come.
type operations struct {
	settle time.Duration // how long await waits while no operation is in progress

	mu      sync.Mutex
	active  map[*operation]bool
	ended   map[string]int // number of the last end of a job on a virtual machine, by GUID in lower case
	number  int
	changed chan struct{} // closed at the next change
}

// operation is a plan or a job in progress.
type operation struct {
	vmID    string // empty for a plan, and for a job that creates a virtual machine
	waiting bool   // for a name
}

func newOperations() *operations {
	return &operations{settle: nameSettle, active: map[*operation]bool{}, ended: map[string]int{}, changed: make(chan struct{})}
}

// begin records an operation until end is called.
func (o *operations) begin(vmID string) (op *operation, end func()) {
	op = &operation{vmID: strings.ToLower(vmID)}
	o.change(func() { o.active[op] = true })
	return op, func() {
		o.change(func() {
			delete(o.active, op)
			o.number++
			o.ended[op.vmID] = o.number
		})
	}
}

// change changes the operations and notifies those that wait.
func (o *operations) change(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
	close(o.changed)
	o.changed = make(chan struct{})
}

// mark returns a value for await.
func (o *operations) mark() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.number
}

// await waits for the end of a job on the virtual machine that has a name, if there is one after the mark. It reports false if there is
// none, and no operation is in progress that does not wait for a name itself.
func (o *operations) await(ctx context.Context, op *operation, holder string, mark int) bool {
	o.change(func() { op.waiting = true })
	defer o.change(func() { op.waiting = false })
	holder = strings.ToLower(holder)
	for {
		o.mu.Lock()
		free, working, changed := o.ended[holder] > mark, false, o.changed
		for other := range o.active {
			working = working || !other.waiting
		}
		o.mu.Unlock()
		if free {
			return true
		}
		var settled <-chan time.Time
		if !working {
			timer := time.NewTimer(o.settle)
			defer timer.Stop()
			settled = timer.C
		}
		select {
		case <-changed:
		case <-settled:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// runNamedJob runs a job, and runs it again if the virtual machine that has its name is renamed or deleted by another operation of this
// process. Such a job changes nothing: it checks the name first. MayWait reports whether to wait for a virtual machine.
func (r *vmResource) runNamedJob(
	ctx context.Context, limit time.Duration, sub hvprov.Submission, name string, diags *diag.Diagnostics, mayWait func(holder string) bool,
) (jobRef, *job.Result, error) {
	waitCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	op, end := r.conn.operations.begin(sub.VMID)
	defer end()
	for {
		mark := r.conn.operations.mark()
		var found diag.Diagnostics
		ref, result, err := r.runJob(ctx, limit, sub, name, &found)
		if holder := nameHolder(err); holder == "" || !mayWait(holder) || !r.conn.operations.await(waitCtx, op, holder, mark) {
			diags.Append(found...)
			return ref, result, err
		}
	}
}

// nameHolder returns the GUID of the virtual machine that has a name, or that a job is working on which has reserved the name. It is empty
// if err is another error.
func nameHolder(err error) string {
	var taken *hvprov.NameTakenError
	if errors.As(err, &taken) {
		return taken.VMID
	}
	return holderID(err)
}
