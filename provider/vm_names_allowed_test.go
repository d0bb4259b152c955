// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func TestNamesThatHyperVAllows(t *testing.T) {
	t.Parallel()
	eachAgent(t, namesThatHyperVAllows)
}

func namesThatHyperVAllows(t *testing.T, server *simhost.Server) {
	h := connected(t, server)
	for _, name := range []string{"SQL Server 01", "Büro-Server №1 東京", "it's [web]; $(x) & co.01", strings.Repeat("é", 100)} {
		config := linux(name).with(attrs{"guest_host_name": "guest-01"}) // a name can lack what a host name needs
		created := h.mustApply(h.none(), config)
		h.mustHave(created, attrs{"vm_name": name})
		h.wantEmptyPlan(h.mustRead(created), config)
		h.wantEmptyPlan(h.mustApply(h.mustImport(server.Address()+"/"+strings.ToUpper(name)), config), config)
	}
	for _, name := range []string{"a/b", "web*", "CON", "web."} {
		h.mustFail(h.plan(h.none(), linux(name)).diags, "vm_name", "Invalid vm_name", "not valid as the name of a file on Windows")
	}
}
