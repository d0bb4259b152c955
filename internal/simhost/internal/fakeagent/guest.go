// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// guestMediumName is the file with the settings of a guest, in the folder of its virtual machine. The fake agent writes no content.
const guestMediumName = "guest-setup.iso"

const (
	guestMediumHours = 24   // how long a medium stays at most
	setupSeconds     = 1800 // how long a job waits for the set-up of a guest by default
)

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

func (j *hostJob) guestMedium() string { return filepath.Join(j.folder(), guestMediumName) }

func describeGuestMedium(j *hostJob) string {
	return text("step_guest_media", "setup", j.fields.guestSetup(), "path", j.guestMedium())
}

// attachGuestMedium attaches a file in place of the ISO file with the settings of the guest.
func attachGuestMedium(j *hostJob) error {
	if err := j.assignGuestMAC(); err != nil {
		return err
	}
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
	if err == nil {
		err = j.orderBoot()
	}
	if err == nil && !waitsForSetup(j) {
		j.log("guest_media_kept", "hours", guestMediumHours)
	}
	return err
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
