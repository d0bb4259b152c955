// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// plan is what the first step found, for the later ones.
type plan struct {
	host       hyperv.Host
	folder     string
	image      string // path
	media      string // path of the ISO file; empty: none is asked for
	switchName string
}

// provision makes a virtual machine from an image.
func (r *run) provision() error {
	r.steps = r.provisionSteps()
	p, err := r.preflight()
	if err != nil {
		return err
	}
	if err := r.makeVM(p); err != nil {
		return err
	}
	drive, err := r.makeDisk(p)
	if err != nil {
		return err
	}
	if r.has("data_disks") {
		if err := r.makeDataDisks(p); err != nil {
			return err
		}
	}
	if r.has("firmware") {
		if err := r.setFirmware(drive); err != nil {
			return err
		}
	}
	if err := r.connect(p); err != nil {
		return err
	}
	for _, last := range []struct {
		step string
		do   func() error
	}{
		{"media", func() error { return r.attachMedia(p, drive) }},
		{"start", r.start},
		{"wait", r.wait},
		{"eject", func() error { return r.ejectMedia(p) }},
		{"cluster", r.joinCluster},
	} {
		if !r.has(last.step) {
			continue
		}
		if err := last.do(); err != nil {
			return err
		}
	}
	return nil
}

// provisionSteps gives the steps of the definition. The role in the cluster is last: what is not whole is nothing to fail over.
func (r *run) provisionSteps() []string {
	steps := []string{"preflight", "vm", "disk"}
	media, waits := r.fields.has("media_name"), r.fields.waitsFor() != ""
	for _, optional := range []struct {
		step string
		is   bool
	}{
		{"data_disks", len(wantedDisks(r.fields.values["data_disks"])) > 0},
		{"firmware", r.fields.generation() == 2},
		{"network", true},
		{"media", media},
		{"start", r.fields.text("power_state") != "off"},
		{"wait", waits},
		{"eject", media && waits},
		{"cluster", r.fields.flag("vm_clustered")},
	} {
		if optional.is {
			steps = append(steps, optional.step)
		}
	}
	return steps
}

func (r *run) start() error {
	if err := r.enter("start", "start the virtual machine"); err != nil {
		return err
	}
	return r.store.StartVM(r.ctx, r.vmID)
}

func (r *run) preflight() (p plan, err error) {
	if err := r.enter("preflight", "check the definition against the host"); err != nil {
		return p, err
	}
	r.warnOfGuest(r.fields.names)
	if p.host, err = r.host(); err != nil {
		return p, err
	}
	findings, err := r.findings(p.host, definition{job.OperationProvision, r.fields}, "", nil, r.settings)
	if err != nil {
		return p, err
	}
	if err := first(findings); err != nil {
		return p, err
	}
	p.folder = filepath.Join(machineFolder(p.host, r.settings), "hypervvm", strings.ToLower(r.id))
	if _, err := os.Lstat(p.folder); err == nil {
		return p, fail(protocol.CodeStepFailed, fmt.Sprintf("folder %s exists already", p.folder), "", "a job of this id ran before: use a new id")
	}
	p.image = imagePath(imageFolder(p.host, r.settings), r.fields.text("image_name"))
	if name := r.fields.text("media_name"); name != "" {
		p.media = filePath(imageFolder(p.host, r.settings), name, mediaEnding)
	}
	p.switchName, err = r.findSwitch(r.fields.text("switch_name"))
	return p, err
}

// findSwitch gives the name that a switch itself has, or without a name that of the only one.
func (r *run) findSwitch(name string) (string, error) {
	switches, err := r.store.GetVMSwitch(r.ctx)
	if err != nil {
		return "", err
	}
	for _, s := range switches {
		if strings.EqualFold(s.Name, name) || (name == "" && len(switches) == 1) {
			return s.Name, nil
		}
	}
	return "", nil
}

var guestField = regexp.MustCompile(`^(guest|cnf)_`)

// warnOfGuest names the settings that this version takes and does not apply.
func (r *run) warnOfGuest(names []string) {
	var ignored []string
	for _, name := range names {
		if guestField.MatchString(name) {
			ignored = append(ignored, name)
		}
	}
	if len(ignored) > 0 {
		r.say(job.Event{
			Kind:    job.KindWarning,
			Message: "settings inside the guest are not applied by this version: " + strings.Join(ignored, ", "),
		})
	}
}

func (r *run) makeVM(p plan) error {
	name, cores, kind := r.fields.text("vm_name"), r.fields.number("cpu_cores"), ""
	if generation := r.fields.generation(); generation != 2 {
		kind = fmt.Sprintf(" of generation %d", generation)
	}
	if err := r.enter("vm", "create virtual machine '%s'%s in %s: processors: %s, %s, %s",
		name, kind, p.folder, formatNumber(cores), r.fields.formatMemory(), r.fields.formatCheckpoint()); err != nil {
		return err
	}
	vm, err := r.registerVM(p, name)
	if err != nil {
		return err
	}
	r.say(job.Event{Kind: job.KindVM, VMID: vm.ID, Message: fmt.Sprintf("virtual machine '%s' has id %s", name, vm.ID)})
	r.made.manifest = &manifest{
		Format: 1, JobID: r.id, VMID: vm.ID, Files: []string{}, Recorded: r.fields.without(r.secretNames), folder: p.folder,
	}
	if err := r.made.manifest.save(); err != nil {
		return err
	}
	if err := r.store.SetVMProcessor(r.ctx, vm.ID, int(cores)); err != nil {
		return err
	}
	if err := r.store.SetVMMemory(r.ctx, vm.ID, r.fields.memorySettings()); err != nil {
		return err
	}
	return r.store.SetVM(r.ctx, vm.ID, r.fields.vmSettings())
}

// registerVM looks for the name and takes it, one job at a time: Hyper-V itself allows a name twice.
func (r *run) registerVM(p plan, name string) (vm hyperv.VM, err error) {
	unlock, err := r.store.LockNames()
	if err != nil {
		return vm, err
	}
	defer unlock()
	taken, err := r.nameTaken(p.host, name, "")
	if err == nil {
		err = first(taken)
	}
	if err != nil {
		return vm, err
	}
	// Until its id is known, the virtual machine is found by its folder, which is this job's alone.
	r.made.folder, r.made.making = p.folder, true
	if err := os.MkdirAll(p.folder, 0o755); err != nil {
		return vm, err
	}
	if vm, err = r.store.NewVMOfGeneration(r.ctx, r.fields.generation(), name, memoryBytes(r.fields.number("gb_ram")), p.folder); err != nil {
		return vm, err
	}
	r.hasVM(vm.ID)
	r.made.vm, r.generation = vm.ID, vm.Generation
	return vm, nil
}

func (r *run) makeDisk(p plan) (drive hyperv.Drive, err error) {
	path := filepath.Join(p.folder, r.fields.text("vm_name")+".vhdx")
	info, err := os.Stat(p.image)
	if err != nil {
		return drive, err
	}
	if err := r.enter("disk", "%s", r.formatImageDisk(p.image, info.Size(), path)); err != nil {
		return drive, err
	}
	if _, err := os.Lstat(path); err == nil {
		return drive, fail(protocol.CodeStepFailed, fmt.Sprintf("file %s exists already", path), "", "")
	}
	r.made.files = append(r.made.files, path)
	if err := r.makeImageDisk(p.image, path); err != nil {
		return drive, err
	}
	if r.fields.generation() == 1 { // whose BIOS starts from IDE only
		return r.store.AddFirstIDEDrive(r.ctx, r.vmID, path)
	}
	return r.store.AddVMHardDiskDrive(r.ctx, r.vmID, path)
}

func (r *run) connect(p plan) error {
	vlan, mac := int(r.fields.number("vlan_id")), r.fields.text("mac_address")
	message := fmt.Sprintf("connect to switch '%s', %s", p.switchName, formatVLAN(vlan))
	if mac != "" {
		message += ", " + sayMAC(mac)
	}
	if err := r.enter("network", "%s", message); err != nil {
		return err
	}
	adapters, err := r.store.GetVMNetworkAdapter(r.ctx, r.vmID)
	if err != nil {
		return err
	}
	if len(adapters) == 0 {
		return fail(protocol.CodeStepFailed, fmt.Sprintf("virtual machine '%s' has no network adapter", r.fields.text("vm_name")), "", "")
	}
	first := adapters[0]
	if mac != "" {
		if err := r.store.SetVMNetworkAdapter(r.ctx, r.vmID, first.ID, digits(mac)); err != nil {
			return err
		}
	}
	if err := r.store.ConnectVMNetworkAdapter(r.ctx, r.vmID, first.ID, p.switchName); err != nil {
		return err
	}
	if vlan != 0 {
		if err := r.store.SetVMNetworkAdapterVlan(r.ctx, r.vmID, first.ID, vlan); err != nil {
			return err
		}
	}
	return r.addAdapters(first.Name)
}
