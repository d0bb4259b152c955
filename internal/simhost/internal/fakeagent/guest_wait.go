// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"errors"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// The pause between two looks at a guest grows from the first to the last, in seconds, as that of the real agent does.
const (
	firstPause = 0.25
	lastPause  = 5.0
)

// The names of operating systems that guests report.
const (
	linuxName   = "Linux"
	windowsName = "Windows Server 2022 Datacenter"
)

func (f fields) waitSeconds() float64 { return cmp.Or(f.number("wait_seconds"), setupSeconds) }

func describeWait(j *hostJob) string {
	return text("step_wait", "condition", text("condition_setup"), "seconds", formatNumber(j.fields.waitSeconds()))
}

// awaitSetup looks at the guest until it reports the end of its set-up. The time between two looks is counted and not waited for, so that
// a guest that never reports costs no time.
func awaitSetup(j *hostJob) error {
	limit, waited, pause, shown := j.fields.waitSeconds(), 0.0, firstPause, ""
	for {
		if err := j.checkCancelled(); err != nil {
			return err
		}
		status, err := j.lookAtGuest()
		if err != nil {
			return err
		}
		switch {
		case status.done:
			j.emit(job.Event{Kind: job.KindLog, Message: status.text})
			return nil
		case waited >= limit:
			return fail("wait_timeout", "wait_for", "condition", text("condition_setup"), "seconds", formatNumber(limit), "status", status.text)
		case status.stage != "" && status.stage != shown:
			shown = status.stage
			j.emit(job.Event{Kind: job.KindLog, Message: status.text})
		default:
			j.emit(job.Event{Kind: job.KindProgress, Message: status.text, Percent: int(waited * 100 / limit)})
		}
		waited += min(pause, limit-waited)
		pause = min(pause*1.5, lastPause)
	}
}

// guestStatus is what a guest has reported about its set-up.
type guestStatus struct {
	text  string
	stage string
	done  bool
}

// lookAtGuest reads the key-value pairs of the guest once. It fails if the guest reports a failure.
func (j *hostJob) lookAtGuest() (status guestStatus, err error) {
	var vm hyperv.VM
	var behaviour hyperv.Guest
	err = j.change("Msvm_KvpExchangeComponent", func(s *hyperv.State, machine *hyperv.VM) error {
		behaviour = s.Behaviour.Guest
		if g := machine.Guest; g != nil && len(g.Pending) > 0 {
			if g.Looks++; g.Looks%behaviour.ReportEvery == 0 {
				reportNext(g)
			}
		}
		vm = *machine
		return nil
	})
	switch {
	case err != nil:
		return status, err
	case vm.State != "Running":
		return guestStatus{text: text("guest_state", "state", powerState(vm.State))}, nil
	}
	beat := text("guest_heartbeat", "heartbeat", heartbeat(vm))
	switch g := vm.Guest; {
	case behaviour.NeverBoots || behaviour.NoKVP:
		status.text = text("guest_report_none", "heartbeat", beat)
	case g == nil:
		status.text = text("guest_report_silent", "heartbeat", beat, "system", linuxName)
	case g.KVP["hypervvm.setup"] == "done":
		status = guestStatus{text: text("guest_setup_done"), done: true}
	case g.KVP["hypervvm.setup"] != "":
		reason := strings.TrimPrefix(g.KVP["hypervvm.setup"], "failed: ")
		return status, fail("guest_setup_failed", "guest_setup", "reason", reason)
	case g.KVP["hypervvm.stage"] != "":
		status.stage = g.KVP["hypervvm.stage"]
		status.text = text("guest_stage_" + status.stage)
	default:
		name := linuxName
		if g.System == "windows" {
			name = windowsName
		}
		status.text = text("guest_report_silent", "heartbeat", beat, "system", name)
	}
	return status, nil
}

// assignGuestMAC assigns a static MAC address of the host's range to the network adapter, if the medium configures it and the definition
// has no address: the guest identifies the adapter by it. The search begins at a place that depends on the virtual machine.
func (j *hostJob) assignGuestMAC() error {
	network := []string{"guest_v4_ipaddr", "guest_v6_ipaddr", "guest_v4_dns1", "guest_v4_dns2"}
	configures := len(j.fields.texts("guest_dns_servers")) > 0
	for _, name := range network {
		configures = configures || j.fields.text(name) != ""
	}
	if !configures || j.fields.has("mac_address") {
		return nil
	}
	var mac string
	err := j.change("Set-VMNetworkAdapter", func(s *hyperv.State, vm *hyperv.VM) error {
		if len(vm.Adapters) == 0 {
			return errors.New("the network adapter was not found")
		}
		if mac = staticGuestMAC(s, vm.ID); mac == hyperv.NoMAC {
			return fail("mac_none_free", "", "host", s.Host.Name, "minimum", s.Host.MACAddressMinimum, "maximum", s.Host.MACAddressMaximum)
		}
		a := &vm.Adapters[0]
		a.MACAddress, a.DynamicMAC = mac, false
		return nil
	})
	if err != nil {
		return err
	}
	j.plan.manifest.AssignedMACs = append(j.plan.manifest.AssignedMACs, mac)
	if err := j.plan.manifest.save(); err != nil {
		return err
	}
	j.log("guest_mac", "adapter", firstAdapterName, "mac", staticMAC(hyperv.Adapter{MACAddress: mac}))
	return nil
}
