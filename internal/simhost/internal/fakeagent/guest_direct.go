// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const (
	directField   = "guest_powershell_direct"
	directSeconds = 300 // how long PowerShell Direct may take
)

func usesDirect(j *hostJob) bool {
	value := j.fields.text(directField)
	return setsUpGuest(j) && value != "" && value != "none"
}

func joinsDirect(j *hostJob) bool { return j.fields.text(directField) == "join" }

func directValues(j *hostJob) []any {
	return []any{"seconds", formatNumber(directSeconds), "domain", j.fields.text("guest_domain_jointarget")}
}

func describeDirect(j *hostJob) string {
	if joinsDirect(j) {
		return text("step_guest_direct_join", directValues(j)...)
	}
	return text("step_guest_direct", "seconds", formatNumber(directSeconds))
}

// verifyDirect joins the guest to its domain and verifies it. A failure is a warning, unless the domain was to be joined.
func verifyDirect(j *hostJob) error {
	var differences []string
	var problem string
	joined := false
	err := j.change("Invoke-Command", func(s *hyperv.State, vm *hyperv.VM) error {
		if problem = directProblem(j, s.Behaviour.Guest.Direct, vm); problem != "" {
			return nil
		}
		target := j.fields.text("guest_domain_jointarget")
		if joinsDirect(j) && !vm.Guest.Member {
			vm.Guest.Domain, vm.Guest.Member, joined = target, true, true
		}
		if target != "" && !vm.Guest.Member {
			differences = append(differences, text("guest_direct_workgroup", "wanted", target))
		}
		if s.Behaviour.Guest.Direct == hyperv.DirectLeftover {
			differences = append(differences, text("guest_direct_files", "files", "unattend.xml"))
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case problem != "" && joinsDirect(j):
		return fail("guest_direct_join_failed", directField, "domain", j.fields.text("guest_domain_jointarget"), "reason", problem)
	case problem != "":
		m := message("guest_direct_failed", "reason", problem)
		j.emit(job.Event{Kind: job.KindWarning, Message: m.Message + ": " + m.Remedy})
		return nil
	}
	for _, difference := range differences {
		j.emit(job.Event{Kind: job.KindWarning, Message: difference})
	}
	if joined {
		j.log("guest_direct_joined", "domain", j.fields.text("guest_domain_jointarget"))
	}
	if len(differences) == 0 {
		j.log("guest_direct_verified")
	}
	return nil
}

// directProblem returns why PowerShell Direct gets no answer, in the words of the stand-in; empty: it does.
func directProblem(j *hostJob, direct hyperv.Direct, vm *hyperv.VM) string {
	switch {
	case vm.State != "Running" || direct == hyperv.DirectNotRunning:
		return "The virtual machine " + vm.Name + " is not in running state."
	case direct == hyperv.DirectHangs:
		return text("guest_direct_limit", "seconds", formatNumber(directSeconds))
	case direct == hyperv.DirectUnsupported || vm.Guest == nil || vm.Guest.System != "windows":
		return "An error has occurred which Windows PowerShell cannot handle. A remote session might have ended."
	case direct == hyperv.DirectRefused:
		return "The credential is invalid."
	case direct == hyperv.DirectNoDomain && joinsDirect(j):
		return strings.Join([]string{
			"Computer '" + vm.Guest.HostName + "' failed to join domain '" + j.fields.text("guest_domain_jointarget") + "' from its current workgroup 'WORKGROUP'",
			"with following error message: The specified domain either does not exist or could not be contacted.",
		}, " ")
	}
	return ""
}
