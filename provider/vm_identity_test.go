// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// identityType returns the type of the identity of a virtual machine.
func (h *harness) identityType() tftypes.Type {
	h.t.Helper()
	resp, err := h.server.GetResourceIdentitySchemas(h.ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mustSucceed("identity schemas", resp.Diagnostics)
	return resp.IdentitySchemas["hypervvm"].ValueType()
}

// encodeIdentity returns the identity of an object.
func (h *harness) encodeIdentity(typeName string, identity attrs) *tfprotov6.ResourceIdentityData {
	h.t.Helper()
	resp, err := h.server.GetResourceIdentitySchemas(h.ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: h.dynamic(resp.IdentitySchemas[typeName].ValueType(), identity)}
}

// importIdentity imports and refreshes a virtual machine by its identity.
func (h *harness) importIdentity(identity attrs) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	return h.importRequest(&tfprotov6.ImportResourceStateRequest{
		TypeName: "hypervvm", Identity: &tfprotov6.ResourceIdentityData{IdentityData: h.dynamic(h.identityType(), identity)},
	})
}

// wantIdentity requires the identity of a resource.
func (h *harness) wantIdentity(r resource, host string, id any) {
	h.t.Helper()
	if r.identity == nil {
		h.t.Fatal("there is no identity")
	}
	value, err := r.identity.IdentityData.Unmarshal(h.identityType())
	if err != nil {
		h.t.Fatal(err)
	}
	if got := plain(value); !equal(got, attrs{"host": host, "id": id}) {
		h.t.Errorf("the identity is %v, want host %s and id %v", got, host, id)
	}
}

func TestTheIdentityOfAVMStaysUntilItIsReplaced(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	h := n.connectAs("hv01", "hv02")
	config := linux("web-01").with(attrs{"host": "hv01"})
	created := h.mustApply(h.none(), config)
	id := h.get(created, "id")
	h.wantIdentity(created, "hv01", id)
	h.wantIdentity(h.mustApply(created, config.with(attrs{"notes": "in place"})), "hv01", id)

	// It is replaced.
	config = config.with(attrs{"image_name": "windows-server-2022", "os_family": "windows"})
	replaced := h.mustApply(created, config)
	if h.get(replaced, "id") == id {
		t.Fatal("it was not replaced")
	}
	id = h.get(replaced, "id")
	h.wantIdentity(replaced, "hv01", id)

	// It moves.
	n.move("hv01", "hv02")
	h = n.connectAs("hv01", "hv02")
	moved := h.mustApply(h.mustRead(replaced), config)
	h.wantIdentity(moved, "hv01", id)
	h.wantIdentity(h.mustApply(moved, config.with(attrs{"host": "hv02"})), "hv01", id)
	n.move("hv02", "hv01")

	// Its host is renamed.
	h = n.connectAs("new", "hv02", "hv01")
	renamed := h.mustApply(h.mustRead(replaced), config.with(attrs{"host": "new"}))
	h.wantHost(renamed, "new")
	h.wantIdentity(renamed, "hv01", id)

	// A state that an earlier version of Terraform or of the provider wrote has no identity: a refresh and an update add it.
	renamed.identity = nil
	h.wantIdentity(h.mustRead(renamed), "new", id)
	h.wantIdentity(h.mustApply(renamed, config.with(attrs{"host": "new", "notes": "in place"})), "new", id)
}

func TestAVMIsImportedByItsIdentity(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	first := n.connect("hv01", "hv02")
	config := linux("web-01").with(attrs{"host": "hv01"})
	id := fmt.Sprint(first.get(first.mustApply(first.none(), config), "id"))
	for name, identity := range map[string]attrs{
		"with its host":                      {"host": "hv01", "id": id},
		"in another letter case":             {"host": "hv01", "id": strings.ToUpper(id)},
		"without a host":                     {"id": id},
		"with the former name of its host":   {"host": "old", "id": id},
		"with a host that is not configured": {"host": "gone", "id": id},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := n.connectAs("hv01", "hv02", "old")
			imported, diags := h.importIdentity(identity)
			h.mustSucceed("import", diags)
			h.wantHost(imported, "hv01")
			h.wantIdentity(imported, "hv01", id)
			p := h.plan(imported, config)
			h.wantUpdate(p)
			h.mustWarn(p.diags, "", "Only the state", "changes nothing on the host")
		})
	}
	t.Run("with another host", func(t *testing.T) {
		t.Parallel()
		h := n.connect("hv01", "hv02")
		imported, diags := h.importIdentity(attrs{"host": "hv02", "id": id})
		h.mustSucceed("import", diags)
		h.wantUpdate(h.plan(imported, config))
	})
	t.Run("that no virtual machine has", func(t *testing.T) {
		t.Parallel()
		h := n.connect("hv01", "hv02")
		const none = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
		for _, identity := range []attrs{{"host": "hv01", "id": none}, {"id": none}} {
			_, diags := h.importIdentity(identity)
			h.mustFail(diags, "", "Unable to import virtual machine", none, "is not on host hv01")
		}
		_, diags := h.importIdentity(attrs{"host": "hv01", "id": "web-01"})
		h.mustFail(diags, "", "must be the GUID", `"web-01" is not a GUID`, `id = "host/name"`)
	})
}
