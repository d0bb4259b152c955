// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// simulatorName is what the simulated host is called in a configuration.
const simulatorName = "simulator"

// connectTimeout leaves room, within the ten seconds in which a user is told of a dead host, for all else.
const connectTimeout = 8 * time.Second

// Configure reads the settings. It makes no connection: only what needs a host asks it.
func (p *Provider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	conn := &connection{names: newNameClaims()}
	resp.ResourceData = conn
	if p.schemaErr != nil || !req.Config.Raw.IsFullyKnown() {
		return // with a setting that is not known until apply, nothing is asked of a host until then
	}
	var set settings
	resp.Diagnostics.Append(req.Config.Get(ctx, &set)...)
	if resp.Diagnostics.HasError() {
		return
	}
	hosts := p.hosts(set, conn, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	service, err := hvprov.New(ctx, hvprov.Options{
		Schema:    p.schema,
		Hosts:     hosts,
		JobLogDir: stringSetting(path.Root("job_log_dir"), envJobLogDir, set.JobLogDir, &resp.Diagnostics),
		Logger:    newLogger(ctx),
		Client:    "terraform-provider-hypervvm " + p.version,
	})
	if err != nil {
		at := path.Root("hosts")
		if set.Hosts == nil {
			at = path.Root("host")
		}
		resp.Diagnostics.AddAttributeError(at, "Unable to use the settings of a host", sentence(err))
		return
	}
	conn.service = service
	p.mu.Lock()
	p.services = append(p.services, service)
	p.mu.Unlock()
}

// hosts makes the service's hosts of the settings and the environment.
func (p *Provider) hosts(set settings, conn *connection, diags *diag.Diagnostics) map[string]hvprov.Host {
	at := path.Root("host")
	switch {
	case set.Simulator != nil:
		return p.simulated(path.Root("simulator").AtName("state_file"), set.Simulator.StateFile.ValueString(), conn, diags)
	case set.Hosts != nil:
		hosts := make(map[string]hvprov.Host, len(set.Hosts))
		for _, name := range slices.Sorted(maps.Keys(set.Hosts)) {
			at := path.Root("hosts").AtMapKey(name)
			if strings.Contains(name, "/") || name == "" {
				diags.AddAttributeError(at, "Invalid name of a host", "A host's name is not empty and holds no slash: it begins the id by which a virtual machine is imported.")
			}
			h := set.Hosts[name]
			if h.Address.ValueString() == "" {
				diags.AddAttributeError(at.AtName("address"), "Missing address of host "+name, "Set the DNS name or IP address of the host.")
			}
			hosts[name] = h.host(at, diags)
		}
		if len(hosts) == 0 {
			diags.AddAttributeError(path.Root("hosts"), "No host is configured", "Set at least one entry.")
		}
		return hosts
	case set.Host == nil && os.Getenv(envSimulator) != "":
		return p.simulated(path.Root("simulator"), os.Getenv(envSimulator), conn, diags)
	case set.Host == nil:
		set.Host = &hostSettings{}
	}
	address := stringSetting(at.AtName("address"), envHost, set.Host.Address, diags)
	if address == "" {
		diags.AddAttributeError(at, "No host is configured",
			"Set host (or its address with the variable "+envHost+"), hosts for several, or simulator to try a configuration out without any.")
		return nil
	}
	conn.single = address
	return map[string]hvprov.Host{address: set.Host.host(at, diags)}
}

// simulated starts the simulated host, once for each state file, and gives it as the only host.
func (p *Provider) simulated(at path.Path, stateFile string, conn *connection, diags *diag.Diagnostics) map[string]hvprov.Host {
	conn.single = simulatorName
	if stateFile == "" {
		diags.AddAttributeError(at, "Missing state file", "Name the file that keeps what the simulated host holds.")
		return nil
	}
	stateFile, err := filepath.Abs(stateFile)
	if err != nil {
		diags.AddAttributeError(at, "Invalid state file", sentence(err))
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	server := p.simulators[stateFile]
	if server == nil {
		server, err = simhost.Start(simhost.Options{StateFile: stateFile, PowerShell: os.Getenv(envPowerShell)})
		if err != nil {
			diags.AddAttributeError(at, "Unable to start the simulated host", sentence(err))
			return nil
		}
		p.simulators[stateFile] = server
	}
	return map[string]hvprov.Host{simulatorName: {WinRM: winrm.Config{
		Address: server.Address(), Port: server.Port(), TLS: true, CACert: server.CACertPEM(),
		Auth: winrm.AuthNTLM, Username: server.Username(), Password: server.Password(), ConnectTimeout: connectTimeout,
	}}}
}

// resolve gives the name of the host that a resource means. With one unnamed host every name means it, so that giving
// that host another address moves no virtual machine.
func (c *connection) resolve(name string) string {
	if c.single != "" {
		return c.single
	}
	return name
}
