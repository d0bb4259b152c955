// SPDX-License-Identifier: MPL-2.0

// Package job holds the data of a job: its definition, its events, its result, and its virtual machine.
package job

import "fmt"

// Operation is what a job does to a virtual machine.
type Operation string

// The operations of a [Definition].
const (
	OperationProvision Operation = "provision"
	OperationUpdate    Operation = "update"
	OperationDelete    Operation = "delete"
)

// Valid reports whether o is one of the operations.
func (o Operation) Valid() bool {
	return o == OperationProvision || o == OperationUpdate || o == OperationDelete
}

// SchemaRef identifies a version of a schema.
type SchemaRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// String returns the reference in the form "vm-provisioning version 1".
func (r SchemaRef) String() string { return fmt.Sprintf("%s version %d", r.ID, r.Version) }
