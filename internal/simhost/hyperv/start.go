// SPDX-License-Identifier: MPL-2.0

package hyperv

// Start controls how the host starts the worker processes of the agent. The zero value is a host that starts them at once.
type Start struct {
	// Create is the result of Win32_Process.Create, which then starts nothing; 0: it starts the process. 2 is what a rule of attack
	// surface reduction causes, "Block process creations originating from PSExec and WMI commands":
	// https://learn.microsoft.com/windows/win32/cimwin32prov/create-method-in-class-win32-process
	// https://learn.microsoft.com/defender-endpoint/attack-surface-reduction-rules-reference
	Create uint32 `json:"create,omitempty"`
	// NoBreakaway refuses processes that leave the job object of WMI's provider host (CREATE_BREAKAWAY_FROM_JOB), with result 2.
	NoBreakaway bool `json:"no_breakaway,omitempty"`
	// NoScripts refuses script files, as the execution policies AllSigned and Restricted of a group policy do, which come before the
	// parameter ExecutionPolicy: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_execution_policies
	NoScripts bool `json:"no_scripts,omitempty"`
	// Task is the error of Register-ScheduledTask; empty: it registers the task. Accounts that are no administrators are denied access
	// to tasks that run whether or not the account is logged on: https://github.com/dahall/TaskScheduler/issues/753
	Task string `json:"task,omitempty"`
	// Constrained runs worker processes in Constrained Language Mode, as AppLocker and App Control do:
	// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_language_modes
	Constrained bool `json:"constrained,omitempty"`
}
