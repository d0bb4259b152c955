// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package simhost

import "os/exec"

func setTree(*exec.Cmd) {}

// killTree kills the process alone: elsewhere than on Unix its children live on until their input ends.
func killTree(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
