// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// ownProcessGroup does nothing: on Windows the console sends Ctrl-C to the command too.
func ownProcessGroup(*exec.Cmd) {}

// interrupt does nothing: the command has received Ctrl-C from the console.
func interrupt(*os.Process) error { return nil }
