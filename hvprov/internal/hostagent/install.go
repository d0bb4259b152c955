// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"encoding/json"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Ready returns when the agent answers and is installed for jobs. Every session installs the agent before its first answer where it
// can: into a folder named for its version, with one rename. The next session then starts from that folder. A job needs a host that is
// ready.
func (a *Agent) Ready(ctx context.Context) (err error) {
	ctx, end := a.observe(ctx, protocol.RequestInstall)
	defer func() { end(err) }()
	return a.inSession(ctx, func(s *session) error { return s.ready(ctx) })
}

// ready returns when the agent of the session is installed.
func (s *session) ready(ctx context.Context) error {
	hello, err := s.handshake(ctx)
	if err != nil || hello.Installed {
		return err
	}
	i := s.install()
	select {
	case <-ctx.Done():
		return s.gaveUp(ctx, protocol.RequestInstall)
	case <-i.done:
		return i.err
	}
}

// installation is a request to install the agent for jobs.
type installation struct {
	done chan struct{}
	err  error // set before done is closed
}

// install requests the installation once for all callers. After a failure the next caller requests it again.
func (s *session) install() *installation {
	s.mu.Lock()
	i := s.installation
	if i != nil {
		s.mu.Unlock()
		return i
	}
	i = &installation{done: make(chan struct{})}
	s.installation = i
	s.mu.Unlock()
	s.agent.setSessionState(s, StateUpdating, nil)
	if _, err := s.post(protocol.Request{Request: protocol.RequestInstall}, func(got answer) { s.endInstall(i, got) }); err != nil {
		s.endInstall(i, answer{err: err})
	}
	return i
}

func (s *session) endInstall(i *installation, got answer) {
	var result protocol.InstallResult
	if got.err == nil {
		got.err = json.Unmarshal(got.result, &result)
	}
	if i.err = got.err; i.err != nil {
		s.mu.Lock()
		s.installation = nil
		s.mu.Unlock()
		s.agent.setSessionState(s, StateFailed, i.err)
	} else {
		s.agent.setSessionState(s, StateReady, nil)
		if !result.Was {
			s.agent.opts.Logger.Info("agent installed on the host", "version", result.Version)
		}
	}
	close(i.done)
}
