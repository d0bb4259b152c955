// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestWhatAHostCouldNotReadKeepsItsValueInTheState(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	h.mustApply(h.none(), linux("web-01"))
	updateHost(t, server, func(s *hyperv.State) { // one that no job created, whose attributes are all read
		other := s.VMs[0]
		other.ID, other.Name, other.Path = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12", "other", ""
		s.VMs = append(s.VMs, other)
		if err := hyperv.WriteDisk(other.Drives[0].Path, hyperv.Disk{SizeBytes: 2 << 30, Type: "Dynamic"}); err != nil { // less than 1 GiB is not shown
			t.Error(err)
		}
	})
	web := h.mustImport(server.Address() + "/other")
	if h.get(web, "disk_size_gb") == nil {
		t.Fatal("the import has no disk_size_gb")
	}
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.UnreadDisks = "the sizes of 600 disks were not read" })
	h = connected(t, server) // a new run, which knows nothing of the host
	read, diags := h.read(web)
	h.mustWarn(diags, "", "The sizes of 600 disks were not read.")
	if !read.value.Equal(web.value) {
		t.Errorf("the state has changed from\n%v to\n%v", web.value, read.value)
	}
	if _, diags := h.read(web); len(diags) > 0 {
		t.Errorf("the warning is repeated: %s", render(diags))
	}
}
