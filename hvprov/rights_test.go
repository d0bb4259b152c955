// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// TestAnAccountThatMayNotOpenAShell covers an account that is only a member of the groups Hyper-V Administrators and Remote
// Management Users: https://github.com/diyan/pywinrm/issues/336.
func TestAnAccountThatMayNotOpenAShell(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{
		Accounts: map[string]simhost.AccountState{`svc-terraform`: {Password: "pw", RemoteManagementOnly: true}},
	})
	service := newService(t, server, func(o *hvprov.Options) {
		h := o.Hosts["hv01"]
		h.WinRM.Username, h.WinRM.Password = "svc-terraform", "pw"
		o.Hosts["hv01"] = h
	})
	_, err := service.HostInfo(t.Context(), "hv01")
	if !errors.Is(err, hvprov.ErrAccessDenied) || errors.Is(err, hvprov.ErrAuthentication) || hvprov.Code(err) != "access_denied" {
		t.Errorf("the credentials are valid, but the error is %v (code %s)", err, hvprov.Code(err))
	}
	for _, part := range []string{"RootSDDL", "hvprov script grant", `.\Grant-HypervvmAccess.ps1 -Account 'svc-terraform'`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
}

// TestAJobOfAnAccountWithoutRightsOnWMI covers the start of a job's process by a network logon without Remote Enable on root\cimv2:
// https://github.com/ansible-collections/ansible.windows/issues/770.
func TestAJobOfAnAccountWithoutRightsOnWMI(t *testing.T) {
	t.Parallel()
	server := startHost(t, withPowerShell(t))
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Rights = &hyperv.Rights{CIMV2Denied: true}
		s.Behaviour.Start = &hyperv.Start{Task: "Access is denied. "} // as to all accounts that are not administrators
	})
	service := newService(t, server, nil)
	info, err := service.HostInfo(t.Context(), "hv01")
	if err != nil || len(info.Lacks) != 1 || info.Lacks[0].Code != job.CodeAccessDenied || info.Lacks[0].Severity != job.SeverityWarning ||
		!strings.Contains(info.Lacks[0].Message, `root\cimv2`) {
		t.Errorf("what the account lacks: %+v, error %v", info.Lacks, err)
	}
	_, err = provision(t, service, "web-01", nil)
	var failed *hvprov.JobError
	if !errors.As(err, &failed) || !errors.Is(err, hvprov.ErrAccessDenied) || hvprov.Code(err) != "access_denied" {
		t.Fatalf("got %v (code %s)", err, hvprov.Code(err))
	}
	for _, part := range []string{`root\cimv2`, "Remote Enable", `.\Grant-HypervvmAccess.ps1 -Account '`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
}

// TestAHostThatRestrictsPowerShell covers Constrained Language Mode, which policies of AppLocker and App Control set:
// https://github.com/ansible/ansible/issues/53571.
func TestAHostThatRestrictsPowerShell(t *testing.T) {
	t.Parallel()
	server := startHost(t, withPowerShell(t))
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Rights = &hyperv.Rights{LanguageMode: "ConstrainedLanguage"} })
	_, err := newService(t, server, nil).HostInfo(t.Context(), "hv01")
	if !errors.Is(err, hvprov.ErrHostNotReady) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"ConstrainedLanguage mode", "AppLocker", "$ExecutionContext.SessionState.LanguageMode"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
}
