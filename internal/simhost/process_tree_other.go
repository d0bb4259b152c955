// SPDX-License-Identifier: MPL-2.0

//go:build !unix

package simhost

import "os/exec"

func setTree(*exec.Cmd) {}

// killTree kills only the process: on systems other than Unix its children run until their input ends.
func killTree(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
