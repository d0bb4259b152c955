// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// nameClaims finds the same name planned twice for one host, while one configuration is planned. Terraform does not say
// which resource it is planning, so resources are told apart by the virtual machine they stand for and by their
// configuration.
type nameClaims struct {
	mu      sync.Mutex
	claims  map[[2]string]claim
	managed map[string]bool // GUIDs that are in this configuration's state
}

type claim struct {
	vmID   string        // "" for one that is to be made
	config tftypes.Value // of the resource that claims
	doomed bool          // its virtual machine is to be replaced
}

func newNameClaims() *nameClaims {
	return &nameClaims{claims: map[[2]string]claim{}, managed: map[string]bool{}}
}

// manage notes that a virtual machine is in the state.
func (n *nameClaims) manage(vmID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.managed[strings.ToLower(vmID)] = true
}

// isManaged tells whether a virtual machine is in the state. One that is may hold a name that a plan gives anew: it is
// what that plan replaces, or else another resource's, which claim finds.
func (n *nameClaims) isManaged(vmID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.managed[strings.ToLower(vmID)]
}

// claim takes a name for a resource. It reports false when another resource of the configuration has it.
//
// A resource that is replaced is planned twice: once with its virtual machine, then as if there were none. With
// -replace the first plan shows no sign of it, but then both have the same configuration; two resources that do as well
// are left for the host to tell apart.
func (n *nameClaims) claim(host, name string, c claim) bool {
	key := [2]string{strings.ToLower(host), strings.ToLower(name)}
	n.mu.Lock()
	defer n.mu.Unlock()
	held, taken := n.claims[key]
	switch {
	case !taken, held.vmID != "" && held.vmID == c.vmID:
	case held.vmID != "" && c.vmID == "" && (held.doomed || held.config.Equal(c.config)):
	default:
		return false
	}
	n.claims[key] = c
	return true
}

// settle notes that the resource that claimed a name has a virtual machine now; without one it gives the name up.
func (n *nameClaims) settle(host, name, vmID string) {
	key := [2]string{strings.ToLower(host), strings.ToLower(name)}
	n.mu.Lock()
	defer n.mu.Unlock()
	c, taken := n.claims[key]
	switch {
	case !taken || c.vmID != "":
	case vmID == "":
		delete(n.claims, key)
	default:
		c.vmID = vmID
		n.claims[key] = c
	}
}

// release gives up what a virtual machine that is gone had claimed.
func (n *nameClaims) release(vmID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.managed, strings.ToLower(vmID))
	maps.DeleteFunc(n.claims, func(_ [2]string, c claim) bool { return c.vmID == vmID })
}
