// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// A test seeds a host with a virtual machine, and makes the next start of one fail.
func Example() {
	dir, err := os.MkdirTemp("", "hyperv")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := hyperv.Open(filepath.Join(dir, "state.json"))
	if err != nil {
		panic(err)
	}
	err = store.Update(func(s *hyperv.State) error {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "web-01", State: "Off", Generation: 2})
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "not enough memory", Times: 1}}
		return nil
	})
	if err != nil {
		panic(err)
	}
	state, err := store.Read()
	if err != nil {
		panic(err)
	}
	fmt.Println(state.Host.Name, state.VMs[0].Name, state.VMs[0].State)
	// Output: SIMHOST web-01 Off
}
