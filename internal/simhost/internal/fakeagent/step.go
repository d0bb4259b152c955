// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// step is one step of an operation. A new step of the agent needs one line in [operations].
type step struct {
	name     string
	applies  func(*hostJob) bool   // nil: always
	describe func(*hostJob) string // the message of the step's event
	apply    func(*hostJob) error
	undo     func(*hostJob) // nil: nothing to roll back
}

// operation is the steps of one kind of job.
type operation struct {
	// prepare plans the operation before the first step is announced, because the plan decides which steps there are. Its error is
	// that of the first step. nil: the first step plans.
	prepare func(*hostJob) error
	steps   []step
	finish  func(*hostJob) error // runs after the last step; nil: nothing to do
}

// plan is what an operation found out about the host and the virtual machine before it changes anything.
type plan struct {
	host       hyperv.Host
	source     string // provision: path of the image
	switchName string // provision: of the first network adapter

	found         bool // update, delete: the virtual machine exists
	vm            hyperv.VM
	manifest      *manifest
	stop          bool
	start         bool
	cycle         []string           // update: fields that require the virtual machine to be off
	fields        []string           // update: fields to configure
	settled       []string           // update: cmdlets that have set their settings
	power         []string           // power: the steps
	disk          diskPlan           // disk: what to do
	virtualSwitch switchPlan         // switch: what to do
	checkpoint    *hyperv.Checkpoint // checkpoint: the one to apply or remove; nil: it does not exist
	image         imageFile          // image: what it works on
}

var operations map[job.Operation]operation

// The table refers to functions that refer to it, which a declaration with a value may not.
func init() {
	operations = map[job.Operation]operation{
		job.OperationProvision: {steps: []step{
			{name: "preflight", describe: describeAs("step_preflight"), apply: checkProvision},
			{name: "vm", describe: describeVM, apply: createVM, undo: undoProvision},
			{name: "disk", describe: describeDisk, apply: createDisk},
			{name: "data_disks", applies: hasDataDisks, describe: describeDataDisks, apply: attachDataDisks},
			{name: "firmware", describe: describeFirmware, apply: setFirmware},
			{name: "network", describe: describeNetwork, apply: connectNetwork},
			{name: "guest_media", applies: setsUpGuest, describe: describeGuestMedium, apply: attachGuestMedium},
			{name: "start", applies: startsAfterProvision, describe: describeAs("step_start"), apply: startVM},
			{name: "wait", applies: waitsForSetup, describe: describeWait, apply: awaitSetup},
			{name: "eject", applies: waitsForSetup, describe: describeEject, apply: ejectGuestMedium},
			{name: "guest_direct", applies: usesDirect, describe: describeDirect, apply: verifyDirect},
		}},
		job.OperationUpdate: {prepare: planUpdate, finish: (*hostJob).saveRecorded, steps: []step{
			{name: "preflight", describe: describeFind, apply: warnRecordedSettings},
			{name: "stop", applies: func(j *hostJob) bool { return j.plan.stop }, describe: describeStop, apply: stopForUpdate, undo: undoStop},
			{name: "configure", applies: func(j *hostJob) bool { return len(j.plan.fields) > 0 }, describe: describeConfigure, apply: configure, undo: undoDataDisks},
			{name: "start", applies: func(j *hostJob) bool { return j.plan.start }, describe: describeStart, apply: restartVM},
		}},
		job.OperationPower: {prepare: planPower, steps: []step{
			{name: "preflight", describe: describeFind, apply: reportUnchanged},
			{name: "stop", applies: powerStep("stop"), describe: describePowerStop, apply: stopForPower, undo: undoStop},
			{name: "power", applies: powerStep("power"), describe: func(j *hostJob) string { return text("step_" + j.fields.text("power_action")) }, apply: changePower},
			{name: "start", applies: powerStep("start"), describe: describeStart, apply: startForPower},
		}},
		job.OperationCheckpoint: {prepare: planCheckpoint, steps: []step{
			{name: "preflight", describe: describeFind, apply: reportNoCheckpoint},
			{name: "stop", applies: func(j *hostJob) bool { return j.plan.stop }, describe: describeAs("step_turn_off"), apply: stopForCheckpoint, undo: undoStop},
			{name: "checkpoint", applies: changesCheckpoint, describe: describeCheckpoint, apply: changeCheckpoint, undo: undoTaken},
			{name: "start", applies: func(j *hostJob) bool { return j.plan.start }, describe: describeStartAgain, apply: startVM},
		}},
		job.OperationExport: {prepare: planExport, steps: []step{
			{name: "preflight", describe: describeFind, apply: func(*hostJob) error { return nil }},
			{name: "export", applies: func(j *hostJob) bool { return j.plan.found }, describe: describeExport, apply: exportVM, undo: undoExport},
		}},
		job.OperationImage: {prepare: planImage, steps: []step{
			{name: "preflight", describe: describeFindImage, apply: reportNoImage},
			{name: "copy", applies: createsImage("source_path"), describe: describeImageCopy, apply: copyImageSource, undo: undoImage},
			{name: "download", applies: createsImage("source_url"), describe: describeImageDownload, apply: downloadImage, undo: undoImage},
			{name: "unpack", applies: unpacksImage, describe: describeAs("step_image_unpack"), apply: unpackImage},
			{name: "place", applies: placesImage, describe: describeImagePlace, apply: placeImage},
			{name: "remove", applies: removesImage, describe: describeImageRemove, apply: removeImage},
		}},
		job.OperationDisk: {prepare: planDisk, finish: reportDisk, steps: []step{
			{name: "preflight", describe: describeFindDisk, apply: reportNoDisk},
			{name: "disk", applies: func(j *hostJob) bool { return j.plan.disk.action != "" }, describe: describeDiskChange, apply: changeDisk, undo: undoDisk},
		}},
		job.OperationSwitch: {prepare: planSwitch, finish: reportSwitch, steps: []step{
			{name: "preflight", describe: describeFindSwitch, apply: reportNoSwitch},
			{name: "switch", applies: func(j *hostJob) bool { return j.plan.virtualSwitch.action != "" }, describe: describeSwitchChange, apply: changeSwitch, undo: undoSwitch},
		}},
		job.OperationDelete: {prepare: planDelete, steps: []step{
			{name: "preflight", describe: describeFind, apply: reportAbsent},
			{name: "stop", applies: func(j *hostJob) bool { return j.plan.stop }, describe: describeAs("step_turn_off"), apply: turnOffVM},
			{name: "unregister", applies: func(j *hostJob) bool { return j.plan.found }, describe: describeUnregister, apply: unregisterVM},
			{name: "files", applies: func(j *hostJob) bool { return j.plan.found }, describe: describeFiles, apply: deleteFiles},
		}},
	}
}

// perform runs the steps of an operation that apply.
func (j *hostJob) perform(o operation) error {
	var problem error
	if o.prepare != nil {
		problem = o.prepare(j)
	}
	j.steps = slices.DeleteFunc(slices.Clone(o.steps), func(s step) bool { return s.applies != nil && !s.applies(j) })
	for i, s := range j.steps {
		if err := j.checkCancelled(); err != nil {
			return err
		}
		j.entered = append(j.entered, s)
		j.emit(job.Event{Kind: job.KindStep, Message: s.describe(j), Number: i + 1, Of: len(j.steps)})
		if problem != nil {
			return problem
		}
		if err := s.apply(j); err != nil {
			return err
		}
	}
	if o.finish != nil {
		return o.finish(j)
	}
	return nil
}

// rollBack undoes the steps that were entered, the last first.
func (j *hostJob) rollBack() {
	for _, s := range slices.Backward(j.entered) {
		if s.undo != nil {
			s.undo(j)
		}
	}
}

func (j *hostJob) stepName() string {
	if len(j.entered) == 0 {
		return ""
	}
	return j.entered[len(j.entered)-1].name
}

// undo rolls one thing back and reports whether that succeeded. If it failed, item is reported as left on the host.
func (j *hostJob) undo(done, item string, action func() error) bool {
	if err := action(); err != nil {
		j.leave(item, err.Error())
		return false
	}
	j.undone = append(j.undone, j.redact(done))
	j.emit(job.Event{Kind: job.KindUndo, Message: done})
	return true
}

// leave reports something that stays on the host, and why.
func (j *hostJob) leave(item, reason string) {
	leftover := text("leftover", "item", item, "reason", reason)
	j.left = append(j.left, j.redact(leftover))
	j.warn("leftover_kept", "leftover", leftover)
}

// describeAs describes a step with a message of the catalogue that has no placeholders.
func describeAs(id string) func(*hostJob) string { return func(*hostJob) string { return text(id) } }
