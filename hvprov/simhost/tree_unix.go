// SPDX-License-Identifier: MPL-2.0

//go:build unix

package simhost

import (
	"os/exec"
	"syscall"
)

// setTree puts the process into a group of its own, so that it can be killed with all that it starts.
func setTree(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killTree(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
