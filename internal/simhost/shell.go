// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// shell is a Windows remote shell. Server.mu guards its variable fields.
type shell struct {
	id, owner, clientIP string
	environment         []string
	folder              string // requested working directory
	created             time.Time
	idle                time.Duration
	gone                chan struct{} // closed when the shell is deleted

	commands   map[string]*command
	operations int // commands started; Windows releases them only with the shell
	running    int // running processes
	busy       int // requests in progress
	used       time.Time
	stopIdle   func()
}

// create serves Create: it opens a shell.
func (s *Server) create(x *exchange, m *message) (string, *fault) {
	if m.body == nil || m.body.XMLName.Local != "Shell" || m.body.XMLName.Space != nsShell {
		return "", faultSchema("The body of Create has no Shell.")
	}
	if s.accounts[strings.ToLower(x.user)].RemoteManagementOnly {
		return "", faultAccessDenied()
	}
	idle := s.opts.Quotas.IdleTimeout
	if requested := m.body.child(nsShell, "IdleTimeOut").text(); requested != "" {
		d, ok := parseDuration(requested)
		if !ok {
			return "", faultSchema(fmt.Sprintf("IdleTimeOut %q is not a duration.", requested))
		}
		if d < time.Minute || d > max(idle, 2*time.Hour) {
			return "", &fault{
				code: codeIdleTimeout, sender: true, subcode: "w:InvalidParameter",
				reason: fmt.Sprintf("The requested IdleTimeout %s is outside the allowed range of PT60S to %s. ", requested, formatDuration(max(idle, 2*time.Hour))),
			}
		}
		idle = d
	}
	client, _, _ := net.SplitHostPort(x.r.RemoteAddr)
	now := s.clock.Now()
	sh := &shell{
		id: newGUID(), owner: x.user, clientIP: client, folder: m.body.child(nsShell, "WorkingDirectory").text(),
		created: now, used: now, idle: idle, gone: make(chan struct{}), commands: map[string]*command{}, stopIdle: func() {},
	}
	if env := m.body.child(nsShell, "Environment"); env != nil {
		for i := range env.Children {
			if v := &env.Children[i]; v.attr("Name") != "" {
				sh.environment = append(sh.environment, v.attr("Name")+"="+v.Text)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.checkShellQuota(sh.owner); f != nil {
		return "", f
	}
	s.shells[sh.id] = sh
	s.counts.shells++
	s.watchIdle(sh)
	x.entry.ShellID = sh.id
	return fmt.Sprintf(`<x:ResourceCreated><a:Address>%s</a:Address><a:ReferenceParameters><w:ResourceURI>%s</w:ResourceURI>`+
		`<w:SelectorSet><w:Selector Name="ShellId">%s</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>%s`,
		escape(s.URL()), uriCmd, sh.id, sh.xml(now)), nil
}

// checkShellQuota returns the fault for a shell beyond the quotas. s.mu must be held.
func (s *Server) checkShellQuota(owner string) *fault {
	if s.closed {
		return faultAborted()
	}
	owners, own := map[string]bool{owner: true}, 0
	for _, sh := range s.shells {
		owners[sh.owner] = true
		if sh.owner == owner {
			own++
		}
	}
	quotas := s.opts.Quotas
	if own >= quotas.ShellsPerUser {
		return faultQuota(codeMaxShells, fmt.Sprintf("The WS-Management service cannot process the request. "+
			"This user is allowed a maximum number of %d concurrent shells, which has been exceeded. "+
			"Close existing shells or raise the quota for this user. ", quotas.ShellsPerUser))
	}
	if len(owners) > quotas.Users {
		return faultQuota(codeMaxUsers, fmt.Sprintf("The WS-Management service cannot process the request. "+
			"The maximum number of concurrent users, %d, has been exceeded. ", quotas.Users))
	}
	return nil
}

func (sh *shell) xml(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<rsp:Shell><rsp:ShellId>%s</rsp:ShellId><rsp:ResourceUri>%s</rsp:ResourceUri><rsp:Owner>%s</rsp:Owner><rsp:ClientIP>%s</rsp:ClientIP>`,
		sh.id, uriCmd, escape(sh.owner), sh.clientIP)
	if sh.folder != "" {
		fmt.Fprintf(&b, `<rsp:WorkingDirectory>%s</rsp:WorkingDirectory>`, escape(sh.folder))
	}
	fmt.Fprintf(&b, `<rsp:IdleTimeOut>%s</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams>`+
		`<rsp:ShellRunTime>%s</rsp:ShellRunTime><rsp:ShellInactivity>%s</rsp:ShellInactivity></rsp:Shell>`,
		formatDuration(sh.idle), age(now.Sub(sh.created)), age(now.Sub(sh.used)))
	return b.String()
}

func age(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("P%dDT%dH%dM%dS", s/86400, s/3600%24, s/60%60, s%60)
}

// use returns the shell of a request and keeps it from becoming idle until release is called.
func (s *Server) use(x *exchange, m *message) (sh *shell, release func(), f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh = s.shells[strings.ToUpper(m.selectors["ShellId"])]
	if sh == nil {
		return nil, nil, faultNotFound("shell")
	}
	if sh.owner != x.user {
		return nil, nil, faultAccessDenied()
	}
	sh.busy++
	sh.stopIdle()
	return sh, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		sh.busy--
		sh.used = s.clock.Now()
		if sh.busy == 0 && s.shells[sh.id] == sh {
			s.watchIdle(sh)
		}
	}, nil
}

// watchIdle deletes the shell after its idle time without a request. s.mu must be held.
func (s *Server) watchIdle(sh *shell) {
	since := sh.used
	sh.stopIdle = s.clock.AfterFunc(sh.idle, func() {
		s.mu.Lock()
		expired := !s.closed && s.shells[sh.id] == sh && sh.busy == 0 && sh.used.Equal(since)
		if expired {
			s.tasks.add(1)
		}
		s.mu.Unlock()
		if expired {
			defer s.tasks.add(-1)
			s.drop(sh)
		}
	})
}

// drop deletes a shell, kills its processes and returns when they have ended.
func (s *Server) drop(sh *shell) {
	s.mu.Lock()
	if s.shells[sh.id] != sh {
		s.mu.Unlock()
		return
	}
	delete(s.shells, sh.id)
	sh.stopIdle()
	close(sh.gone)
	commands := make([]*command, 0, len(sh.commands))
	for _, c := range sh.commands {
		commands = append(commands, c)
	}
	s.mu.Unlock()
	for _, c := range commands {
		c.kill()
	}
	for _, c := range commands {
		<-c.ended
	}
}

func (s *Server) dropShells() {
	for {
		s.mu.Lock()
		var one *shell
		for _, sh := range s.shells {
			one = sh
			break
		}
		s.mu.Unlock()
		if one == nil {
			return
		}
		s.drop(one)
	}
}
