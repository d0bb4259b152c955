// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// This file has the last steps of a provision: the ISO file, the wait for the guest, and the role in the cluster.

// The pauses between two queries of a guest grow from the first to the last.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

func describeMedia(id string) func(*hostJob) string {
	return func(j *hostJob) string { return text(id, "path", j.plan.media) }
}

func ejectsMedia(j *hostJob) bool { return j.fields.has("media_name") && waitsForGuest(j) }

// attachMedia attaches the ISO file as a DVD. The boot order begins with the disk all the same.
func attachMedia(j *hostJob) error {
	vm, err := j.readVM("Get-VMDvdDrive")
	if err != nil {
		return err
	}
	if j.fields.generation() == 1 && len(vm.DVDs) > 0 {
		err = j.setDVD(vm.DVDs[0], j.plan.media)
	} else {
		err = j.change("Add-VMDvdDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
			dvd := hyperv.DVD{ControllerType: "SCSI", Path: j.plan.media}
			for isOccupied(*vm, dvd) {
				dvd.ControllerLocation++
			}
			vm.DVDs = append(vm.DVDs, dvd)
			return nil
		})
	}
	if err == nil && j.fields.generation() == 1 {
		err = j.changeWhileOff("Set-VMBios", func(vm *hyperv.VM) error {
			vm.StartupOrder = []string{"IDE", "CD", "LegacyNetworkAdapter", "Floppy"}
			return nil
		})
	} else if err == nil {
		err = j.change("Set-VMFirmware", func(_ *hyperv.State, vm *hyperv.VM) error { vm.FirstBoot = j.plan.bootDrive; return nil })
	}
	if err == nil && !j.hasStep("eject") {
		j.warn("media_not_ejected")
	}
	return err
}

// setDVD inserts an ISO file into a DVD drive, or with an empty path ejects it.
func (j *hostJob) setDVD(dvd hyperv.DVD, path string) error {
	return j.change("Set-VMDvdDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		at := slices.IndexFunc(vm.DVDs, func(d hyperv.DVD) bool { return samePlace(d, dvd) })
		if at < 0 {
			return errors.New("the DVD drive was not found")
		}
		vm.DVDs[at].Path = path
		return nil
	})
}

// ejectMedia ejects the ISO file and removes the DVD drive of generation 2. A drive that cannot be removed is emptied.
func ejectMedia(j *hostJob) error {
	vm, err := j.readVM("Get-VMDvdDrive")
	if err != nil {
		return err
	}
	for _, dvd := range vm.DVDs {
		if !strings.EqualFold(dvd.Path, j.plan.media) {
			continue
		}
		if j.fields.generation() == 1 {
			return j.setDVD(dvd, "")
		}
		err := j.change("Remove-VMDvdDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
			vm.DVDs = slices.DeleteFunc(vm.DVDs, func(d hyperv.DVD) bool { return samePlace(d, dvd) })
			return nil
		})
		if err != nil {
			if err := j.setDVD(dvd, ""); err != nil {
				return err
			}
			j.warn("media_drive_kept", "reason", err)
		}
	}
	return nil
}

// guestCondition returns what a provision waits for: heartbeat, address, or an empty string.
func (f fields) guestCondition() string {
	if what := f.text("wait_for"); what != "nothing" {
		return what
	}
	return ""
}

func waitsForGuest(j *hostJob) bool { return j.fields.guestCondition() != "" }

func (f fields) waitLimit() time.Duration {
	if f.has("wait_seconds") {
		return time.Duration(f.number("wait_seconds")) * time.Second
	}
	return 600 * time.Second
}

func describeWait(j *hostJob) string {
	return text("step_wait", "seconds", int(j.fields.waitLimit().Seconds()), "condition", text("condition_"+j.fields.guestCondition()))
}

// waitForGuest waits until the guest reports the condition. Only the pauses count towards the limit.
func waitForGuest(j *hostJob) error {
	limit, pause := j.fields.waitLimit(), firstPause
	for waited := time.Duration(0); ; {
		if err := j.checkCancelled(); err != nil {
			return err
		}
		vm, found, err := j.findVM(j.vmID)
		if err != nil {
			return err
		}
		if !found {
			return fail("wait_vm_missing", "")
		}
		status, met := guestStatus(vm, j.fields.guestCondition())
		if met {
			j.emit(job.Event{Kind: job.KindLog, Message: status})
			return nil
		}
		if waited >= limit {
			return fail("wait_timeout", "wait_for", "condition", text("condition_"+j.fields.guestCondition()), "seconds", int(limit.Seconds()), "status", status)
		}
		j.emit(job.Event{Kind: job.KindProgress, Percent: int(waited * 100 / limit), Message: status})
		next := min(pause, limit-waited)
		if err := j.sleep(j.ctx, next); err != nil {
			return err
		}
		waited += next
		pause = min(pause*3/2, lastPause)
	}
}

// guestStatus returns what the guest reports of a condition, and whether that meets it.
func guestStatus(vm hyperv.VM, condition string) (status string, met bool) {
	if vm.State != "Running" {
		return text("guest_state", "state", powerState(vm.State)), false
	}
	if condition == "heartbeat" {
		beat := heartbeat(vm)
		return text("guest_heartbeat", "heartbeat", beat), strings.HasPrefix(beat, "ok_")
	}
	linkLocal := false
	for _, a := range vm.Adapters {
		if addresses := showAdapter(a).IPAddresses; len(addresses) > 0 {
			return text("guest_address", "address", addresses[0]), true
		}
		linkLocal = linkLocal || len(a.IPAddresses) > 0
	}
	if linkLocal {
		return text("guest_address_link_local"), false
	}
	return text("guest_address_none"), false
}

// clusterName returns the name of the host's failover cluster; empty: there is none.
func (v *view) clusterName() (name string) {
	_ = v.cmdlet("Get-Cluster", false, func(s *hyperv.State) error { name = s.Host.Cluster; return nil })
	return name
}

// clusterRoles returns the names of the cluster roles by the id of the virtual machine.
func (v *view) clusterRoles() (map[string]string, error) {
	if err := v.cmdlet("Get-ClusterResource", false, func(*hyperv.State) error { return nil }); err != nil {
		return nil, err
	}
	roles := map[string]string{}
	err := v.cmdlet("Get-ClusterParameter", false, func(s *hyperv.State) error {
		for _, vm := range s.VMs {
			if vm.Clustered && s.Host.Cluster != "" {
				roles[vm.ID] = roleName(vm)
			}
		}
		return nil
	})
	return roles, err
}

func roleName(vm hyperv.VM) string {
	if vm.ClusterRole != "" {
		return vm.ClusterRole
	}
	return vm.Name
}

// clusterGroups returns the names of all groups of the cluster.
func clusterGroups(s *hyperv.State) []string {
	names := append([]string{"Cluster Group"}, s.Host.ClusterGroups...)
	for _, vm := range s.VMs {
		if vm.Clustered {
			names = append(names, roleName(vm))
		}
	}
	return names
}

func isClustered(j *hostJob) bool { return j.fields.flag("vm_clustered") }

func describeCluster(j *hostJob) string { return text("step_cluster_add", "cluster", j.clusterName()) }

// addClusterRole makes the virtual machine a role of the cluster and verifies it, because a group of its name may belong to another.
func addClusterRole(j *hostJob) error {
	j.clustered = true
	err := j.change("Add-ClusterVirtualMachineRole", func(s *hyperv.State, vm *hyperv.VM) error {
		if s.Host.Cluster == "" || containsFold(clusterGroups(s), vm.Name) {
			return errors.New("the host has no cluster, or the cluster has a group of that name")
		}
		vm.Clustered, vm.ClusterRole = true, vm.Name
		return nil
	})
	if err != nil {
		return err
	}
	roles, err := j.clusterRoles()
	if err == nil && roles[j.vmID] == "" {
		err = fail("cluster_role_missing", "", "cluster", j.clusterName(), "id", j.vmID)
	}
	return err
}

func removeClusterRole(j *hostJob) error {
	return j.change("Remove-ClusterGroup", func(_ *hyperv.State, vm *hyperv.VM) error {
		vm.Clustered, vm.ClusterRole = false, ""
		return nil
	})
}
