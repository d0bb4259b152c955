// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
)

// simulatorName is the name of the simulated host in a configuration.
const simulatorName = "simulator"

// connectTimeout is short enough that an unreachable host is reported within ten seconds.
const connectTimeout = 8 * time.Second

// queryLimit is longer than any sensible value of `timeouts`.
const queryLimit = 6 * time.Hour

// Configure reads the settings. It opens no connection to a host: the first operation that needs one does. A server is asked for
// its schema and its hosts.
func (p *Provider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	conn := &connection{names: newNameReservations(), operations: newOperations()}
	if p.nameSettle > 0 {
		conn.operations.settle = p.nameSettle
	}
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData, resp.ActionData = conn, conn, conn, conn
	if p.schemaErr != nil || !req.Config.Raw.IsFullyKnown() {
		return // a setting is unknown until apply: no host can be queried before
	}
	var set settings
	resp.Diagnostics.Append(req.Config.Get(ctx, &set)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var service service
	if server := set.server(&resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	} else if server != nil {
		service = p.connectServer(ctx, server, &resp.Diagnostics)
	} else {
		service = p.startService(ctx, set, conn, &resp.Diagnostics)
	}
	if service == nil {
		return
	}
	conn.service = service
	p.mu.Lock()
	p.services = append(p.services, service)
	p.mu.Unlock()
}

// startService returns a service in this process, or nil after an error.
func (p *Provider) startService(ctx context.Context, set settings, conn *connection, diags *diag.Diagnostics) service {
	hosts := p.hosts(set, conn, diags)
	if diags.HasError() {
		return nil
	}
	logs := stringSetting(path.Root("job_log_dir"), envJobLogDir, set.JobLogDir, diags)
	if err := checkLogFolder(logs); err != nil {
		diags.AddAttributeWarning(path.Root("job_log_dir"), "Job logs cannot be written",
			sentence(err)+" Jobs run without log files.")
	}
	service, err := hvprov.New(ctx, hvprov.Options{
		Schema:    p.schema,
		Hosts:     hosts,
		JobLogDir: logs,
		Logger:    newLogger(ctx),
		// The timeouts of resources limit requests, which may be longer than the defaults of the library.
		QueryLimit: queryLimit,
		// Terraform reads each resource once in a plan and starts the provider anew for the apply: a plan of a thousand machines, which takes
		// longer than the library keeps an inventory, need not request it several times.
		InventoryMaxAge: 2 * time.Minute,
		Client:          "terraform-provider-hypervvm " + p.version,
	})
	if err != nil {
		at := path.Root("hosts")
		if set.Hosts == nil {
			at = path.Root("host")
		}
		diags.AddAttributeError(at, "Invalid host settings", sentence(err))
		return nil
	}
	return localService{service}
}

// checkLogFolder returns an error if no file can be created in the folder of the job logs, or, if that does not exist yet, in the
// folder that it would be created in.
func checkLogFolder(dir string) error {
	if dir == "" {
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(dir)
		switch parent := filepath.Dir(dir); {
		case errors.Is(err, fs.ErrNotExist) && parent != dir:
			if _, err := os.Lstat(dir); err == nil {
				return fmt.Errorf("%s is a link to a folder that does not exist: create the folder, or set another one", dir)
			}
			dir = parent
			continue
		case err != nil:
			return fmt.Errorf("%w: set another folder, or grant access to it", err)
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder: set another one", dir)
		}
		file, err := os.CreateTemp(dir, ".hypervvm-*")
		if err != nil {
			return fmt.Errorf("%w: set another folder, or grant access to it", err)
		}
		return errors.Join(file.Close(), os.Remove(file.Name()))
	}
}

// hosts returns the hosts that the settings and the environment define.
func (p *Provider) hosts(set settings, conn *connection, diags *diag.Diagnostics) map[string]hvprov.Host {
	at := path.Root("host")
	switch {
	case set.Simulator != nil:
		return p.simulatedHost(path.Root("simulator").AtName("state_file"), set.Simulator.StateFile.ValueString(), conn, diags)
	case set.Hosts != nil:
		hosts := make(map[string]hvprov.Host, len(set.Hosts))
		for _, name := range slices.Sorted(maps.Keys(set.Hosts)) {
			at := path.Root("hosts").AtMapKey(name)
			if strings.Contains(name, "/") || name == "" {
				diags.AddAttributeError(at, "Invalid host name", "The name of a host must not be empty and must not contain a slash: import IDs begin with it, followed by a slash.")
			}
			h := set.Hosts[name]
			if h.Address.ValueString() == "" {
				diags.AddAttributeError(at.AtName("address"), "Missing address", "Set the DNS name or IP address of host "+name+".")
			}
			hosts[name] = h.host(at, diags)
		}
		if len(hosts) == 0 {
			diags.AddAttributeError(path.Root("hosts"), "Missing host", "Set at least one entry.")
		}
		conn.addAliases(set.Hosts, diags)
		return hosts
	case set.Host == nil && os.Getenv(envSimulator) != "":
		return p.simulatedHost(path.Root("simulator"), os.Getenv(envSimulator), conn, diags)
	case set.Host == nil:
		set.Host = &hostSettings{}
	}
	address := stringSetting(at.AtName("address"), envHost, set.Host.Address, diags)
	if address == "" {
		diags.AddAttributeError(at, "Missing host",
			"Set host (or its address with the "+envHost+" environment variable), hosts for several hosts, or simulator to try a configuration without a host.")
		return nil
	}
	conn.only = address
	return map[string]hvprov.Host{address: set.Host.host(at, diags)}
}

// simulatedHost starts a simulated host, once for each state file, and returns it as the only host.
func (p *Provider) simulatedHost(at path.Path, stateFile string, conn *connection, diags *diag.Diagnostics) map[string]hvprov.Host {
	conn.only = simulatorName
	if stateFile == "" {
		diags.AddAttributeError(at, "Missing state file", "Set state_file to the file that keeps the state of the simulated host.")
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
	conf := server.WinRM()
	conf.ConnectTimeout = connectTimeout
	return map[string]hvprov.Host{simulatorName: {WinRM: conf}}
}
