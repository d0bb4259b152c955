// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

const (
	guestMediumHours = 24   // how long a medium stays at most
	setupSeconds     = 1800 // how long a job waits for the set-up of a guest by default
)

// setupPoll is the time between two looks at the reports of a guest.
const setupPoll = 50 * time.Millisecond

var guestField = regexp.MustCompile(`^(guest|cnf)_`)

// guestSetup returns how the guest of a definition is set up; empty: its settings are only recorded, or it has none.
func (f fields) guestSetup() string {
	settings := false
	for name, value := range f {
		settings = settings || guestField.MatchString(name) && name != "guest_setup" && value != "" && !isEmptyList(value)
	}
	switch setup := f.text("guest_setup"); {
	case setup == "none" || !settings:
		return ""
	case setup != "" && setup != "auto":
		return setup
	case f.text("os_family") == "windows":
		return "unattend"
	}
	return "cloud_init"
}

func isEmptyList(value any) bool { list, ok := value.([]any); return ok && len(list) == 0 }

// waitCondition returns what a provision waits for; empty: nothing.
func (f fields) waitCondition() string {
	switch condition := f.text("wait_for"); {
	case condition == "nothing":
		return ""
	case condition == "" && f.text("power_state") != "off" && f.guestSetup() != "":
		return "setup"
	default:
		return condition
	}
}

// warnRecorded warns of settings of the guest that are only recorded.
func (j *hostJob) warnRecorded(names []string) {
	recorded := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !guestField.MatchString(name) || name == "guest_setup" })
	if len(recorded) > 0 {
		j.warn("guest_settings_recorded", "fields", strings.Join(recorded, ", "))
	}
}

func setsUpGuest(j *hostJob) bool { return j.fields.guestSetup() != "" }

func waitsForSetup(j *hostJob) bool { return j.fields.waitCondition() == "setup" }

func (j *hostJob) guestMedium() string { return filepath.Join(j.folder(), seedName) }

func describeGuestMedium(j *hostJob) string {
	return text("step_guest_media", "setup", j.fields.guestSetup(), "path", j.guestMedium())
}

// attachGuestMedium attaches a file in place of the ISO file with the settings of the guest.
func attachGuestMedium(j *hostJob) error {
	path, m := j.guestMedium(), j.plan.manifest
	m.Files = append(m.Files, path)
	if err := m.save(); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte("the settings of the guest are not simulated\n"), 0o600); err != nil {
		return err
	}
	err := j.change("Add-VMDvdDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		vm.DVDs = append(vm.DVDs, hyperv.DVD{ControllerType: "SCSI", ControllerLocation: len(vm.Drives) + len(vm.DVDs), Path: path})
		return nil
	})
	if err == nil {
		err = setFirmware(j)
	}
	if err == nil && !waitsForSetup(j) {
		j.log("guest_media_kept", "hours", guestMediumHours)
	}
	return err
}

func (j *hostJob) waitSeconds() int {
	if j.fields.has("wait_seconds") {
		return int(j.fields.number("wait_seconds"))
	}
	return setupSeconds
}

func describeWait(j *hostJob) string {
	return text("step_wait", "condition", text("condition_setup"), "seconds", j.waitSeconds())
}

// awaitSetup waits until the guest reports the end of its set-up.
func awaitSetup(j *hostJob) error {
	end, stage := time.Now().Add(time.Duration(j.waitSeconds())*time.Second), ""
	for {
		if err := j.checkCancelled(); err != nil {
			return err
		}
		pairs, status, err := j.guestReport()
		if err != nil {
			return err
		}
		if setup := pairs["hypervvm.setup"]; setup == "done" {
			j.log("guest_setup_done")
			return nil
		} else if setup != "" {
			return fail("guest_setup_failed", "guest_setup", "reason", strings.TrimPrefix(setup, "failed: "))
		}
		if reported := pairs["hypervvm.stage"]; reported != "" && reported != stage {
			stage = reported
			status = text("guest_stage_" + stage)
			j.log("guest_stage_" + stage)
		}
		if !time.Now().Before(end) {
			return fail("wait_timeout", "wait_for", "condition", text("condition_setup"), "seconds", j.waitSeconds(), "status", status)
		}
		if err := sleep(j.ctx, setupPoll); err != nil {
			return err
		}
	}
}

// guestReport returns the pairs that the guest has reported, and the status of a guest that reports no stage.
func (j *hostJob) guestReport() (pairs map[string]string, status string, err error) {
	vm, found, err := j.findVM(j.vmID)
	switch {
	case err != nil:
		return nil, "", err
	case !found:
		return nil, "", fail("wait_vm_missing", "")
	case vm.State != "Running":
		return nil, text("guest_state", "state", powerState(vm.State)), nil
	}
	status = text("guest_report_none", "heartbeat", text("guest_heartbeat", "heartbeat", heartbeat(vm)))
	if vm.Guest == nil {
		return nil, status, nil
	}
	err = j.change("Get-CimInstance", func(s *hyperv.State, vm *hyperv.VM) error {
		if g := vm.Guest; len(g.Pending) > 0 {
			if g.Looks++; g.Looks%s.Behaviour.Guest.ReportEvery == 0 {
				reportNext(g)
			}
		}
		pairs = maps.Clone(vm.Guest.KVP)
		return nil
	})
	return pairs, status, err
}

func describeEject(j *hostJob) string { return text("step_eject", "path", j.guestMedium()) }

// ejectGuestMedium detaches and deletes the medium.
func ejectGuestMedium(j *hostJob) error {
	path, m := j.guestMedium(), j.plan.manifest
	err := j.change("Remove-VMDvdDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		vm.DVDs = slices.DeleteFunc(vm.DVDs, func(dvd hyperv.DVD) bool { return dvd.Path == path })
		return nil
	})
	if err != nil {
		return err
	}
	if err := removeFile(path); err != nil {
		return err
	}
	j.log("file_deleted", "path", path)
	m.Files = slices.DeleteFunc(m.Files, func(file string) bool { return file == path })
	return m.save()
}
