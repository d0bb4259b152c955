// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// The pauses between two looks at a guest grow from the first to the last.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// waitsFor gives what a provision waits for: heartbeat, address, or nothing.
func (f fields) waitsFor() string {
	if what := f.text("wait_for"); what != "nothing" {
		return what
	}
	return ""
}

// cannotWait gives the finding about waiting for a machine that is not started.
func cannotWait(f fields) []job.Finding {
	if f.waitsFor() == "" || f.text("power_state") != "off" {
		return nil
	}
	return []job.Finding{finding("wait_for", protocol.CodeWait, fmt.Sprintf("a virtual machine that stays off has no %s to be waited for", f.waitsFor()),
		"leave wait_for out, or set power_state to running")}
}

// wait waits until the guest shows what is waited for. Its time is that of the pauses.
func (r *run) wait() error {
	what, limit := r.fields.waitsFor(), 600*time.Second
	if r.fields.has("wait_seconds") {
		limit = time.Duration(r.fields.number("wait_seconds")) * time.Second
	}
	if err := r.enter("wait", "wait up to %s s for %s", formatNumber(limit.Seconds()), withArticle(what)); err != nil {
		return err
	}
	pause := firstPause
	for waited := time.Duration(0); ; {
		if err := r.goesOn(); err != nil {
			return err
		}
		vm, ok, err := r.find(r.vmID)
		if err != nil {
			return err
		}
		if !ok {
			return fail(protocol.CodeStepFailed, "the virtual machine is gone from the host", "", "")
		}
		seen, there := look(vm, what)
		if there {
			r.log("%s", seen)
			return nil
		}
		if waited >= limit {
			return fail(protocol.CodeStepFailed, fmt.Sprintf("no %s came within %s s; last seen: %s", what, formatNumber(limit.Seconds()), seen), "wait_for",
				"see whether the operating system starts and has Hyper-V's integration services, or give it more in wait_seconds")
		}
		r.say(job.Event{Kind: job.KindProgress, Percent: int(waited * 100 / limit), Message: seen})
		next := min(pause, limit-waited)
		if err := r.store.Wait(r.ctx, next); err != nil {
			return err
		}
		waited += next
		pause = min(pause*3/2, lastPause)
	}
}

func withArticle(what string) string {
	if what == "address" {
		return "an address"
	}
	return "a " + what
}

// look tells what the guest shows of what is waited for, and whether that is there.
func look(vm hyperv.VM, what string) (seen string, there bool) {
	if vm.State != "Running" {
		return "it is " + powerState(vm.State), false
	}
	if what == "heartbeat" {
		heartbeat := snake(vm.HeartbeatStatus())
		return "heartbeat " + heartbeat, strings.HasPrefix(heartbeat, "ok_")
	}
	linkLocal := false
	for _, a := range vm.Adapters {
		if addresses := showAdapter(a).IPAddresses; len(addresses) > 0 {
			return "address " + addresses[0], true
		}
		linkLocal = linkLocal || len(a.IPAddresses) > 0
	}
	if linkLocal {
		return "link-local addresses only", false
	}
	return "no address", false
}
