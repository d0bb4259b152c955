// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"testing"
	"time"
)

// asleep waits until an operation waits for a name.
func asleep(o *operations, op *operation) {
	for {
		o.mu.Lock()
		waiting, changed := op.waiting, o.changed
		o.mu.Unlock()
		if waiting {
			return
		}
		<-changed
	}
}

func TestAJobWaitsForANameWhileAnotherOperationMayGiveItUp(t *testing.T) {
	t.Parallel()
	o := newOperations()
	o.settle = time.Hour
	waiter, end := o.begin("")
	defer end()
	result := make(chan bool)
	mark := o.mark()
	go func() { result <- o.await(t.Context(), waiter, "AAAA", mark) }()
	asleep(o, waiter)
	_, endPlan := o.begin("")
	_, endHolder := o.begin("aaaa")
	endPlan()
	endHolder()
	if !<-result {
		t.Error("the end of the job on the virtual machine that had the name was missed")
	}
	if !o.await(t.Context(), waiter, "aaaa", mark) {
		t.Error("an end before the wait was missed")
	}
}

func TestAJobDoesNotWaitForANameThatNoOperationGivesUp(t *testing.T) {
	t.Parallel()
	o := newOperations()
	o.settle = time.Millisecond
	first, endFirst := o.begin("aaaa")
	second, endSecond := o.begin("bbbb")
	result := make(chan bool)
	mark := o.mark()
	await := func(op *operation, holder string, end func()) {
		free := o.await(t.Context(), op, holder, mark)
		result <- free
		end()
	}
	go await(first, "bbbb", endFirst)
	go await(second, "aaaa", endSecond) // each waits for the other
	if <-result {
		t.Error("a name was reported as free")
	}
	<-result // the other one may try again after the end of the first
	first, endFirst = o.begin("aaaa")
	defer endFirst()
	_, endOther := o.begin("cccc")
	defer endOther()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { result <- o.await(ctx, first, "dddd", mark) }()
	asleep(o, first)
	cancel()
	if <-result {
		t.Error("a name was reported as free")
	}
}
