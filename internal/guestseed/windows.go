// SPDX-License-Identifier: MPL-2.0

package guestseed

import (
	"strconv"
	"strings"
)

// cloudbasePasswordLimit is the longest password that cloudbase-init sets.
const cloudbasePasswordLimit = 20

// windowsDocuments returns the files of an unattended set-up of Windows: New-WindowsAnswer of the agent.
func (g *Guest) windowsDocuments() (map[string]string, error) {
	answer, err := answerFile(g.answerValues())
	if err != nil {
		return nil, err
	}
	files := g.cloudbaseDocuments()
	files["Autounattend.xml"], files["Unattend.xml"] = answer, answer
	return files, nil
}

// cloudbaseDocuments returns the NoCloud seed for cloudbase-init: New-CloudbaseSeed of the agent.
func (g *Guest) cloudbaseDocuments() map[string]string {
	config := object{}
	if g.AdminUser != "" && g.AdminPassword != "" {
		config.set("users", []any{object{{"name", g.AdminUser}, {"passwd", Mark}, {"groups", []string{"Administrators"}}}})
	}
	config.set("runcmd", []string{launcher})
	account := g.AdminUser
	if g.isAdministrator() {
		account = ""
	}
	settings := object{
		{"instance", InstanceID}, {"commands", g.Commands}, {"domain", g.DomainName}, {"account", account}, {"time_zone", g.TimeZone},
	}
	files := map[string]string{
		"meta-data": g.metaData(), "user-data": "#cloud-config\n" + toJSON(config) + "\n",
		"hypervvm.ps1": guestScript(), "hypervvm.json": toJSON(settings) + "\n",
	}
	g.addNetworkConfig(files)
	return files
}

// isAdministrator reports whether the account is the built-in one.
func (g *Guest) isAdministrator() bool { return strings.EqualFold(g.AdminUser, "Administrator") }

// launcher is the command line that runs the script of the medium.
const launcher = `powershell.exe -NoProfile -ExecutionPolicy RemoteSigned -Command "foreach($d in [IO.DriveInfo]::GetDrives())` +
	`{$f=$d.Name+'hypervvm.ps1';if($d.IsReady -and $d.VolumeLabel -eq 'cidata' -and (Test-Path $f)){&$f;break}};exit 0"`

// answerValues returns the values of the answer file's settings, by the names in the agent's table: Get-UnattendValue of the agent. A value
// is a string, a list of strings or a list of tables.
func (g *Guest) answerValues() map[string]any {
	const report = `reg.exe add "HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest" /v hypervvm.`
	values := map[string]any{
		"HidePages": "true", "ExpressSettings": "3", "Locale": "en-US", "HostName": g.HostName, "TimeZone": g.TimeZone,
		"DomainName": g.DomainName, "DomainPassword": mark(g.DomainPassword), "DomainOU": g.DomainOU, "ProductKey": mark(g.ProductKey),
		"SetupCommands": []any{
			map[string]any{"Order": "1", "Path": report + "setup /t REG_SZ /f"},
			map[string]any{"Order": "2", "Path": report + "stage /t REG_SZ /d network /f"},
			map[string]any{"Order": "3", "Path": launcher},
		},
	}
	if g.Locale != "" {
		values["Locale"] = g.Locale
	}
	if g.DomainName == "" {
		values["PrimarySuffix"] = g.DNSSuffix
	} else {
		domain, account, found := strings.Cut(g.DomainUser, `\`)
		if !found {
			domain, account = g.DomainName, g.DomainUser
			if strings.Contains(account, "@") {
				domain = ""
			}
		}
		values["JoinAccountDomain"], values["JoinAccount"] = domain, account
	}
	switch {
	case g.AdminUser == "" || g.AdminPassword == "":
	case g.isAdministrator():
		values["AdministratorPassword"], values["AdministratorPlainText"] = Mark, "false"
	default:
		values["LocalAccounts"] = []any{map[string]any{"Name": g.AdminUser, "Group": "Administrators", "Password": Mark, "PlainText": "false"}}
	}
	values["Interfaces"], values["Resolvers"] = g.interfaces(), g.resolvers()
	return values
}

// interfaces returns the settings of the adapters with static addresses.
func (g *Guest) interfaces() (all []any) {
	for _, a := range g.Adapters {
		if len(a.Addresses) == 0 {
			continue
		}
		settings := map[string]any{"Identifier": joinMAC(strings.ToUpper(a.Mac), "-"), "Addresses": a.Addresses}
		for _, address := range a.Addresses {
			if strings.Contains(address, ":") {
				settings["Ipv6Dhcp"] = "false"
			} else {
				settings["Ipv4Dhcp"] = "false"
			}
		}
		var routes []any
		for i, gateway := range a.Gateways {
			prefix := "0.0.0.0/0"
			if strings.Contains(gateway, ":") {
				prefix = "::/0"
			}
			routes = append(routes, map[string]any{"Key": strconv.Itoa(i + 1), "Gateway": gateway, "Prefix": prefix})
		}
		settings["Routes"] = routes
		all = append(all, settings)
	}
	return all
}

// resolvers returns the DNS settings of the adapters. The servers and the suffix of the guest are those of its first adapter.
func (g *Guest) resolvers() (all []any) {
	for i, a := range g.Adapters {
		servers, suffix := a.DNSServers, ""
		if i == 0 {
			suffix = g.DNSSuffix
			if len(servers) == 0 {
				servers = g.DNSServers
			}
		}
		if a.Mac != "" && (len(servers) > 0 || suffix != "") {
			all = append(all, map[string]any{"Identifier": joinMAC(strings.ToUpper(a.Mac), "-"), "Suffix": suffix, "Servers": servers})
		}
	}
	return all
}

// mark returns the mark in place of a secret that is not empty.
func mark(secret string) string {
	if secret == "" {
		return ""
	}
	return Mark
}
