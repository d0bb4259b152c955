// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
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
