// SPDX-License-Identifier: MPL-2.0

package guestseed

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// linuxDocuments returns the NoCloud seed of a Linux guest: New-LinuxSeed of the agent.
func (g *Guest) linuxDocuments() map[string]string {
	files := map[string]string{"meta-data": g.metaData(), "user-data": g.linuxUserData(), "vendor-data": "#cloud-config\n{}\n"}
	g.addNetworkConfig(files)
	return files
}

func (g *Guest) metaData() string {
	return toJSON(object{{"instance-id", InstanceID}, {"local-hostname", g.HostName}}) + "\n"
}

func (g *Guest) linuxUserData() string {
	config := "#cloud-config\n" + toJSON(g.linuxCloudConfig()) + "\n"
	if g.UserData == "" {
		return config
	}
	kind := "text/cloud-config"
	if strings.HasPrefix(g.UserData, "#!") {
		kind = "text/x-shellscript"
	}
	const boundary = "==hypervvm-seed=="
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=%q\nMIME-Version: 1.0\n", boundary)
	for _, part := range []struct{ kind, name, merge, body string }{
		{kind, "user-data", "", Mark},
		{"text/cloud-config", "hypervvm.cfg", "Merge-Type: list(prepend)+dict(no_replace,recurse_array)+str()\n", base64Lines(config)},
	} {
		fmt.Fprintf(&b, "\n--%s\nContent-Type: %s; charset=\"utf-8\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n"+
			"Content-Disposition: attachment; filename=%q\n%s\n%s\n", boundary, part.kind, part.name, part.merge, part.body)
	}
	fmt.Fprintf(&b, "--%s--\n", boundary)
	return b.String()
}

// base64Lines returns base64 in lines of 76 characters.
func base64Lines(s string) string {
	const width = 76
	text := base64.StdEncoding.EncodeToString([]byte(s))
	var lines []string
	for len(text) > width {
		lines, text = append(lines, text[:width]), text[width:]
	}
	return strings.Join(append(lines, text), "\n")
}

func (g *Guest) linuxCloudConfig() object {
	config := object{{"hostname", g.HostName}, {"preserve_hostname", false}, {"manage_etc_hosts", true}}
	if g.DNSSuffix != "" {
		config.set("fqdn", g.HostName+"."+g.DNSSuffix)
	}
	if users := g.linuxUsers(); len(users) > 0 {
		config.set("users", users)
	}
	if g.isRoot() {
		config.set("disable_root", false)
	}
	if g.AdminPassword != "" {
		config.set("ssh_pwauth", len(g.SSHKeys) == 0)
	}
	if g.TimeZone != "" {
		config.set("timezone", g.TimeZone)
	}
	if g.Locale != "" {
		config.set("locale", g.Locale)
	}
	config.set("reporting", object{{"hypervvm", object{{"type", "hyperv"}}}})
	config.set("bootcmd", []any{[]string{"sh", "-c", bootCommand()}})
	config.set("runcmd", []any{[]string{"sh", "-c", lastCommand()}})
	return config
}

func (g *Guest) isRoot() bool { return strings.EqualFold(g.AdminUser, "root") }

// linuxUsers returns the users: the administrator, and the account of Ansible.
func (g *Guest) linuxUsers() (users []any) {
	const shell, withoutPassword = "/bin/bash", "ALL=(ALL) NOPASSWD:ALL"
	ansible := g.AnsibleUser != "" && g.AnsibleKey != ""
	key := strings.TrimSpace(g.AnsibleKey)
	if g.AdminUser != "" {
		admin := object{{"name", g.AdminUser}}
		if !g.isRoot() {
			admin.set("shell", shell)
			admin.set("sudo", "ALL=(ALL:ALL) ALL")
		}
		if g.AdminPassword != "" {
			admin.set("hashed_passwd", Mark)
			admin.set("lock_passwd", false)
		}
		if len(g.SSHKeys) > 0 {
			admin.set("ssh_authorized_keys", g.SSHKeys)
		}
		if ansible && g.AnsibleUser == g.AdminUser {
			admin.set("sudo", withoutPassword)
			admin.set("ssh_authorized_keys", append(g.SSHKeys[:len(g.SSHKeys):len(g.SSHKeys)], key))
			ansible = false
		}
		users = append(users, admin)
	}
	if ansible {
		users = append(users, object{
			{"name", g.AnsibleUser}, {"shell", shell}, {"lock_passwd", true}, {"sudo", withoutPassword}, {"ssh_authorized_keys", []string{key}},
		})
	}
	return users
}

// addNetworkConfig adds the network configuration, unless every adapter uses DHCP only: Get-LinuxNetworkConfig of the agent.
func (g *Guest) addNetworkConfig(files map[string]string) {
	static, named := false, false
	ethernets, devices := object{}, []any{}
	for i, a := range g.Adapters {
		static, named = static || len(a.Addresses) > 0, named || len(a.DNSServers) > 0
		name, mac := fmt.Sprintf("eth%d", i), joinMAC(strings.ToLower(a.Mac), ":")
		devices = append(devices, object{{"type", "physical"}, {"name", name}, {"mac_address", mac}, {"subnets", g.subnets(a)}})
		ethernet := object{{"match", object{{"macaddress", mac}}}, {"set-name", name}, {"dhcp4", true}}
		if len(a.DNSServers) > 0 {
			servers := object{{"addresses", a.DNSServers}}
			if g.DNSSuffix != "" {
				servers.set("search", []string{g.DNSSuffix})
			}
			ethernet.set("nameservers", servers)
		}
		ethernets.set(name, ethernet)
	}
	switch {
	case static:
		files["network-config"] = toJSON(object{{"version", 1}, {"config", devices}}) + "\n"
	case named:
		files["network-config"] = toJSON(object{{"version", 2}, {"ethernets", ethernets}}) + "\n"
	}
}

// subnets returns the subnets of an adapter: its static addresses, and DHCP without a static IPv4 address.
func (g *Guest) subnets(a Adapter) (subnets []any) {
	four := false
	for i, address := range a.Addresses {
		six := strings.Contains(address, ":")
		four = four || !six
		subnet := object{{"type", "static"}, {"address", address}}
		if six {
			subnet.set("type", "static6")
		}
		for _, gateway := range a.Gateways {
			if strings.Contains(gateway, ":") == six {
				subnet.set("gateway", gateway)
			}
		}
		if i == 0 && len(a.DNSServers) > 0 {
			subnet.set("dns_nameservers", a.DNSServers)
		}
		if i == 0 && g.DNSSuffix != "" {
			subnet.set("dns_search", []string{g.DNSSuffix})
		}
		subnets = append(subnets, subnet)
	}
	if four {
		return subnets
	}
	dhcp := object{{"type", "dhcp"}}
	if len(subnets) > 0 {
		dhcp.set("type", "dhcp4")
	} else if len(a.DNSServers) > 0 {
		dhcp.set("dns_nameservers", a.DNSServers)
	}
	return append(subnets, dhcp)
}

var (
	notHex = regexp.MustCompile(`[^0-9A-Fa-f]`)
	hexTwo = regexp.MustCompile(`..`)
)

// joinMAC returns a MAC address with separators between its pairs.
func joinMAC(mac, separator string) string {
	return strings.Join(hexTwo.FindAllString(notHex.ReplaceAllString(mac, ""), -1), separator)
}

// The shell commands that report to the host; the agent's GuestLinux.ps1 explains them.
const reportPrelude = "export LC_ALL=C; f=/var/lib/hyperv/.kvp_pool_1; m=/var/lib/cloud/instance/hypervvm-setup; " +
	"put() { [ -e /dev/vmbus/hv_kvp ] || [ -e $f ] || return 0; mkdir -p ${f%/*}; t=$(mktemp) || return 0; cat >$t; " +
	"n=$(grep -abo \"$1\" $f 2>/dev/null | awk -F: '$1%2560==0{print $1/2560; exit}'); " +
	"if [ -n \"$n\" ]; then dd if=$t of=$f bs=2560 seek=$n conv=notrunc 2>/dev/null; else cat $t >>$f; fi; rm -f $t; }; "

// record returns the shell command that reports a key with a value.
func record(key, value string) string {
	return fmt.Sprintf(`{ printf %%s %s; head -c %d /dev/zero; printf %%s "%s"; head -c %d /dev/zero; } | put %[1]s`, key, 512-len(key), value, 2048-len(value))
}

// recordVariable returns the shell command that reports the key of the result with the value of the variable v.
func recordVariable() string {
	return `{ printf %s hypervvm.setup; head -c 498 /dev/zero; printf %s "$v"; head -c $((2048-${#v})) /dev/zero; } | put hypervvm.setup`
}

func bootCommand() string {
	return reportPrelude + "if [ -s $m ]; then v=$(cat $m); " + recordVariable() + "; else " + record("hypervvm.setup", "") + "; " +
		record("hypervvm.stage", "accounts") + "; fi; " + record("hypervvm.instance", InstanceID)
}

func lastCommand() string {
	return reportPrelude + record("hypervvm.stage", "commands") + "; " +
		"( r=/run/cloud-init/result.json; i=0; while [ ! -s $r ] && [ $i -lt 14400 ]; do sleep 1; i=$((i+1)); done; " +
		`if grep -q '"errors": \[\]' $r; then printf done >$m; ` + record("hypervvm.setup", "done") + "; else " +
		`v="failed: $(tr -s '\n ' '  ' <$r | sed 's/.*"errors": \[ *//; s/ *\][ }]*$//' | cut -c1-1000)"; printf %s "$v" >$m; ` +
		recordVariable() + "; fi ) </dev/null >/dev/null 2>&1 &"
}
