// SPDX-License-Identifier: MPL-2.0

// Package agent holds the PowerShell that does the work on a Hyper-V host.
package agent

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
)

// Version is the agent's version. The scripts say the same in lib/Version.ps1.
const Version = "0.1.0"

//go:embed lib/*.ps1
var lib embed.FS

//go:embed Invoke-ProvisioningJob.ps1
var entry []byte

// libOrder is the order in which the files are read: variables first, so that no function meets one that is not set.
var libOrder = []string{
	"Version.ps1",
	"Text.ps1",
	"Output.ps1",
	"Definition.ps1",
	"Host.ps1",
	"Manifest.ps1",
	"Capacity.ps1",
	"Cluster.ps1",
	"Network.ps1",
	"Media.ps1",
	"Disk.ps1",
	"DiskView.ps1",
	"Inventory.ps1",
	"DiskPlan.ps1",
	"DiskCheck.ps1",
	"Check.ps1",
	"NetworkCheck.ps1",
	"Job.ps1",
	"Store.ps1",
	"Journal.ps1",
	"Place.ps1",
	"Undo.ps1",
	"Copy.ps1",
	"Memory.ps1",
	"Firmware.ps1",
	"Actions.ps1",
	"Hardware.ps1",
	"DiskMake.ps1",
	"Wait.ps1",
	"Provision.ps1",
	"DiskUpdate.ps1",
	"Update.ps1",
	"DiskRemove.ps1",
	"NetworkUpdate.ps1",
	"Remove.ps1",
	"Repair.ps1",
	"Launch.ps1",
	"Worker.ps1",
	"Follow.ps1",
	"Session.ps1",
}

// Bundle gives the agent as one text: functions and constants only, so that dot-sourcing it does nothing yet. Calling
// Start-AgentSession then serves a session. The text is the same for the same version of this package.
func Bundle() []byte {
	var b bytes.Buffer
	for _, name := range libOrder {
		text, err := lib.ReadFile("lib/" + name)
		if err != nil {
			panic(fmt.Sprintf("agent: %v", err)) // embedded: only a wrong libOrder gets here, and a test reads it
		}
		b.Write(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// Files gives the agent's files for use by hand, by their paths below one folder, with forward slashes.
func Files() map[string][]byte {
	files := map[string][]byte{"Invoke-ProvisioningJob.ps1": slices.Clone(entry)}
	for _, name := range libOrder {
		text, err := lib.ReadFile("lib/" + name)
		if err != nil {
			panic(fmt.Sprintf("agent: %v", err)) // see Bundle
		}
		files["lib/"+name] = text
	}
	return files
}
