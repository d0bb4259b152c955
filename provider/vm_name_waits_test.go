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
	defer endFirst()
	second, endSecond := o.begin("bbbb")
	defer endSecond()
	result := make(chan bool)
	mark := o.mark()
	go func() { result <- o.await(t.Context(), first, "bbbb", mark) }()
	go func() { result <- o.await(t.Context(), second, "aaaa", mark) }() // each waits for the other
	firstFree, secondFree := <-result, <-result
	if firstFree || secondFree {
		t.Error("a name was reported as free")
	}
	_, endOther := o.begin("cccc")
	defer endOther()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { result <- o.await(ctx, first, "bbbb", mark) }()
	asleep(o, first)
	cancel()
	if <-result {
		t.Error("a name was reported as free")
	}
}
