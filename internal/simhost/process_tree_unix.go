// SPDX-License-Identifier: MPL-2.0

//go:build unix

package simhost

import (
	"os/exec"
	"syscall"
)

// setTree starts the process in a new process group, so that it can be killed with its children.
func setTree(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killTree(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
