// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// separate does nothing: on Windows the console sends Ctrl-C to the command too.
func separate(*exec.Cmd) {}

// interrupt does nothing but let the command end: it has had the console's Ctrl-C already.
func interrupt(*os.Process) error { return nil }
