// SPDX-License-Identifier: MPL-2.0

// Package job holds the data of a job: its definition, its events, its result, and its virtual machine.
package job

import (
	"fmt"
	"slices"
)

// Operation is what a job does to a virtual machine.
type Operation string

// The operations of a [Definition].
const (
	OperationProvision  Operation = "provision"
	OperationUpdate     Operation = "update"
	OperationDelete     Operation = "delete"
	OperationPower      Operation = "power"      // one of [PowerActions]; changes only the power state
	OperationCheckpoint Operation = "checkpoint" // one of [CheckpointActions]
	OperationExport     Operation = "export"     // a copy in a folder on the host
	OperationImage      Operation = "image"      // creates or removes a file in the folder of the images; has no virtual machine
	OperationDisk       Operation = "disk"       // one of [DiskActions]; of a virtual hard disk, not of a virtual machine
	OperationSwitch     Operation = "switch"     // one of [SwitchActions]; of a virtual switch, not of a virtual machine
)

// Operations returns the operations.
func Operations() []Operation {
	return []Operation{
		OperationProvision,
		OperationUpdate,
		OperationDelete,
		OperationPower,
		OperationCheckpoint,
		OperationExport,
		OperationImage,
		OperationDisk,
		OperationSwitch,
	}
}

// PowerActions returns the values of the field power_action of a power job: start, shut_down, turn_off, restart, reset, save, pause and
// resume.
func PowerActions() []string {
	return []string{"start", "shut_down", "turn_off", "restart", "reset", "save", "pause", "resume"}
}

// DiskActions returns the values of the field disk_action of a disk job: create, expand and remove.
func DiskActions() []string { return []string{"create", "expand", "remove"} }

// SwitchActions returns the values of the field switch_action of a switch job: create, update and remove.
func SwitchActions() []string { return []string{"create", "update", "remove"} }

// CheckpointActions returns the values of the field checkpoint_action of a checkpoint job: take, apply and remove.
func CheckpointActions() []string { return []string{"take", "apply", "remove"} }

// ExportLiveStates returns the values of the field export_live_state of an export job: saved, crash_consistent and data_consistent.
func ExportLiveStates() []string { return []string{"saved", "crash_consistent", "data_consistent"} }

// Valid reports whether o is one of the operations.
func (o Operation) Valid() bool {
	return slices.Contains(Operations(), o)
}

// NeedsVM reports whether jobs of the operation work on a virtual machine that exists, and name it by its GUID.
func (o Operation) NeedsVM() bool {
	switch o {
	case OperationProvision, OperationImage, OperationDisk, OperationSwitch:
		return false
	}
	return true
}

// SchemaRef identifies a version of a schema.
type SchemaRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// String returns the reference in the form "vm-provisioning version 1".
func (r SchemaRef) String() string { return fmt.Sprintf("%s version %d", r.ID, r.Version) }
