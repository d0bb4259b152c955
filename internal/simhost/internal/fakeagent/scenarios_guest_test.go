// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// linuxGuest are settings of a Linux guest with static addresses, and windowsGuest those of one in a domain.
const (
	linuxGuest = `,"guest_la_uid":"ops","guest_la_pw":"` + secret + `","guest_ssh_keys":["ssh-ed25519 AAAA ops"],"cnf_ansible_ssh_user":"ansible",` +
		`"cnf_ansible_ssh_key":"ssh-ed25519 BBBB ansible","guest_time_zone":"Europe/Berlin","guest_locale":"de_DE.UTF-8","guest_net_dnssuffix":"lab.example",` +
		`"guest_v4_ipaddr":"192.0.2.77","guest_v4_cidrprefix":24,"guest_v4_defaultgw":"192.0.2.1",` +
		`"guest_v6_ipaddr":"2001:db8::77","guest_v6_cidrprefix":64,"guest_dns_servers":["192.0.2.53","2001:db8::53"]`
	windowsGuest = `,"guest_la_uid":"ops","guest_la_pw":"` + secret + `","guest_time_zone":"W. Europe Standard Time","guest_host_name":"APP-01",` +
		`"guest_v4_ipaddr":"192.0.2.78","guest_v4_cidrprefix":24,"guest_v4_dns1":"192.0.2.53","guest_commands":["first","second"],` +
		`"guest_domain_jointarget":"corp.lab.example","guest_domain_joinuid":"join@corp.lab.example","guest_domain_joinpw":"` + secret + `"`
	setup = `,"wait_for":"setup","wait_seconds":1`
)

// setUp returns a provision with settings of the guest, whose passwords are secret.
func setUp(fields string) protocol.Request {
	req := provision(fields)
	req.Secrets = []string{"guest_la_pw", "guest_domain_joinpw"}
	return req
}

// windows returns the fields of a Windows virtual machine.
func windows(fields string) string {
	return strings.NewReplacer("ubuntu-24.04", "windows-server-2022", `"os_family":"linux"`, `"os_family":"windows"`).Replace(fields)
}

// oneMAC limits the host to one dynamic MAC address, which is then known before a job chooses one.
func (s *recorder) oneMAC() {
	s.onHost(func(state *hyperv.State) {
		state.Host.MACAddressMinimum, state.Host.MACAddressMaximum = "00155D00AA01", "00155D00AA01"
	})
}

// logged returns the messages of a job.
func (s *recorder) logged(id string) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events[id] {
		lines = append(lines, e.Message)
	}
	return lines
}

// guests are the scenarios of guests that are set up from a medium.
var guests = []scenario{
	{"a Linux guest is set up", func(s *recorder) {
		s.oneMAC()
		s.setGuest(hyperv.Guest{ReportEvery: 1})
		id := s.submit(setUp(minimal + linuxGuest + strings.Replace(setup, "1", "60", 1)))
		s.awaitJob(id)
		log := strings.Join(s.logged(id), "\n")
		for _, want := range []string{"guest: creating accounts", "guest: running commands", "guest: set-up completed"} {
			if !strings.Contains(log, want) {
				s.Errorf("%q is missing in\n%s", want, log)
			}
		}
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"a Windows guest is set up", func(s *recorder) {
		s.oneMAC()
		s.runJob(setUp(windows(minimal) + windowsGuest + setup))
	}},
	{"PowerShell Direct verifies a Windows guest and joins its domain", func(s *recorder) {
		const guest = `,"guest_la_uid":"ops","guest_la_pw":"` + secret + `","guest_host_name":"APP-01","guest_domain_jointarget":"corp.lab.example",` +
			`"guest_domain_joinuid":"join@corp.lab.example","guest_domain_joinpw":"` + secret + `"`
		for _, c := range []struct {
			name, purpose string
			direct        hyperv.Direct
			outcome       job.Outcome
			want          string
		}{
			{"the guest is verified", "verify", "", job.Succeeded, "guest: set-up verified"},
			{"the guest refuses the credential", "verify", hyperv.DirectRefused, job.Succeeded, "was not verified: The credential is invalid."},
			{"the guest joins the domain", "join", "", job.Succeeded, "guest: joined domain corp.lab.example"},
			{"the guest does not find the domain", "join", hyperv.DirectNoDomain, job.Failed, "was not joined to domain corp.lab.example: Computer 'APP-01' failed"},
		} {
			s.section(c.name)
			s.setGuest(hyperv.Guest{Direct: c.direct})
			fields := strings.Replace(windows(minimal), "web-01", "web-"+c.purpose+string(c.direct), 1)
			id := s.submit(setUp(fields + guest + setup + `,"guest_powershell_direct":"` + c.purpose + `"`))
			result := s.awaitJob(id)
			if log := strings.Join(s.logged(id), "\n"); result.Outcome != c.outcome || !strings.Contains(log, c.want) {
				s.Errorf("%s: job ended as %s; %q is missing in\n%s", c.name, result.Outcome, c.want, log)
			}
		}
	}},
	{"a guest that is not set up fails the job", func(s *recorder) {
		for _, c := range []struct {
			name  string
			guest hyperv.Guest
			want  string
		}{
			{"it never boots", hyperv.Guest{NeverBoots: true}, "heartbeat no_contact, no key-value pairs"},
			{"it has no integration services", hyperv.Guest{NoKVP: true}, "heartbeat ok_applications_unknown, no key-value pairs: the image may lack"},
			{"it fails", hyperv.Guest{Reject: "no space left on device"}, "no space left on device"},
			{"it looks for another label", hyperv.Guest{SeedLabel: "config-2"}, "no report of the set-up"},
			{"it has no cloud-init", hyperv.Guest{NoSetup: true}, "no report of the set-up: the image may lack cloud-init"},
		} {
			s.section(c.name)
			s.setGuest(c.guest)
			result := s.runJob(setUp(minimal + linuxGuest + setup))
			if result.Outcome != job.Failed || result.Error == nil || !strings.Contains(result.Error.Message, c.want) || result.Error.Remedy == "" {
				s.Errorf("%s: %+v, want %q", c.name, result.Error, c.want)
			}
		}
	}},
}

// guestsOfTheRealAgent are the scenarios of guests that the fake agent does not simulate.
var guestsOfTheRealAgent = []scenario{
	{"cloudbase-init and further network adapters are set up", func(s *recorder) {
		s.runJob(setUp(windows(minimal) + `,"guest_setup":"cloud_init","guest_la_uid":"ops","guest_la_pw":"` + secret + `","guest_commands":["first"],` +
			`"mac_address":"00-15-5D-00-AA-01","guest_v4_ipaddr":"192.0.2.78","guest_v4_cidrprefix":24,"network_adapters":[{"name":"storage",` +
			`"switch_name":"External","mac_address":"00-15-5D-00-AA-02","ipv4_address":"198.51.100.78","ipv4_prefix":24,"dns_servers":["198.51.100.53"]}]` + setup))
	}},
	{"user data overrides settings of a guest and adds to their lists", func(s *recorder) {
		s.oneMAC()
		s.runJob(setUp(minimal + linuxGuest + `,"guest_user_data":"#cloud-config\ntimezone: UTC\nusers: [{\"name\": \"theirs\"}]\nruncmd:\n  - theirs\n"` + setup))
	}},
	{"reports of guests that cannot be read fail the job", func(s *recorder) {
		for _, c := range []struct {
			name string
			cim  hyperv.CIM
			want string
		}{
			{"the namespace is denied", hyperv.CIM{Denied: true}, "key-value pairs cannot be read: the account may not manage Hyper-V on the host"},
			{"the class is missing", hyperv.CIM{Missing: []string{"Msvm_KvpExchangeComponent"}}, "key-value pairs cannot be read: Invalid class"},
			{"queries return nothing", hyperv.CIM{Empty: true}, "no key-value pairs"},
		} {
			s.section(c.name)
			s.onHost(func(state *hyperv.State) { state.Behaviour.CIM = &c.cim })
			result := s.runJob(setUp(minimal + `,"guest_la_uid":"ops","guest_la_pw":"` + secret + `"` + setup))
			if result.Error == nil || !strings.Contains(result.Error.Message, c.want) {
				s.Errorf("%s: %+v, want %q", c.name, result.Error, c.want)
			}
		}
	}},
}
