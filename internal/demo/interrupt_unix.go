// SPDX-License-Identifier: MPL-2.0

//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// separate puts the command into a process group of its own. A terminal sends Ctrl-C to all of a group: the command
// would have it twice, and take the second for "at once, whatever is lost".
func separate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
