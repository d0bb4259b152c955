// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/fakeagent"
)

// Store returns the store with the virtual machines of the host and the behaviour of its cmdlets.
func (s *Server) Store() *hyperv.Store { return s.store }

func (s *Server) openState() error {
	var err error
	if s.opts.VMs > 0 {
		if _, err := hyperv.Create(s.opts.StateFile, hyperv.Seed{VMs: s.opts.VMs}); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if s.store, err = hyperv.Open(s.opts.StateFile); err != nil {
		return err
	}
	s.agents = fakeagent.NewHost(s.store)
	state, err := s.store.Read()
	if err != nil {
		return err
	}
	if state.Host.Name != "" {
		s.hostName = state.Host.Name
	}
	return nil
}

// fakeAgent returns the program that answers a session of the agent without a PowerShell.
func (s *Server) fakeAgent(info protocol.BootstrapInfo) program {
	return func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) int {
		return s.agents.Run(ctx, info, stdin, stdout, stderr)
	}
}
