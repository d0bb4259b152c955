// SPDX-License-Identifier: MPL-2.0

// Package provider implements the Terraform provider hypervvm on top of hvprov: it derives attributes from the job schema
// and translates values and errors.
package provider

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

// Address is the source address of the provider in the Terraform registry.
const Address = "registry.terraform.io/hypervvm/hypervvm"

// typeName is the type name of the provider and of its resource.
const typeName = "hypervvm"

// Provider implements the provider `hypervvm`.
type Provider struct {
	version   string
	schema    *jobschema.Schema
	schemaErr error
	agents    *agentSchema

	nameSettle time.Duration // see nameSettle; 0: the default

	mu         sync.Mutex
	services   []service
	simulators map[string]*simhost.Server // by state file
}

var (
	_ provider.Provider                   = (*Provider)(nil)
	_ provider.ProviderWithValidateConfig = (*Provider)(nil)
	_ provider.ProviderWithFunctions      = (*Provider)(nil)
	_ provider.ProviderWithListResources  = (*Provider)(nil)
	_ provider.ProviderWithActions        = (*Provider)(nil)
)

// New returns a provider for a job schema. A non-nil schemaErr is reported as a diagnostic: if the plugin exited instead, the
// user would not see the cause.
func New(version string, schema *jobschema.Schema, schemaErr error) *Provider {
	return &Provider{version: version, schema: schema, schemaErr: schemaErr, agents: newAgentSchema(schema), simulators: map[string]*simhost.Server{}}
}

// Metadata sets the type name and the version of the provider.
func (p *Provider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = typeName
	resp.Version = p.version
}

// Resources returns the resources of the provider.
func (p *Provider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource {
			return &vmResource{schema: p.schema, schemaErr: p.schemaErr, agents: p.agents}
		},
		func() resource.Resource {
			return &checkpointResource{vmResource{schema: p.schema, schemaErr: p.schemaErr, agents: p.agents}}
		},
		func() resource.Resource {
			return &imageResource{vmResource{schema: p.schema, schemaErr: p.schemaErr, agents: p.agents}}
		},
		func() resource.Resource {
			return &diskResource{vmResource{schema: p.schema, schemaErr: p.schemaErr, agents: p.agents}}
		},
		func() resource.Resource {
			return &switchResource{vmResource{schema: p.schema, schemaErr: p.schemaErr, agents: p.agents}}
		},
	}
}

// ListResources returns the list resources of the provider.
func (p *Provider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{func() list.ListResource {
		return &vmList{vmResource{schema: p.schema, schemaErr: p.schemaErr, agents: p.agents}}
	}}
}

// Actions returns the actions of the provider.
func (p *Provider) Actions(context.Context) []func() action.Action {
	shared := vmAction{vmResource{schema: p.schema, schemaErr: p.schemaErr}}
	return []func() action.Action{
		func() action.Action { return &powerAction{shared} },
		func() action.Action { return &checkpointAction{shared} },
		func() action.Action { return &exportAction{shared} },
	}
}

// DataSources returns the data sources of the provider.
func (p *Provider) DataSources(context.Context) []func() datasource.DataSource {
	return append(hostDataSources(), func() datasource.DataSource {
		return &jobInputs{schema: p.schema, schemaErr: p.schemaErr}
	})
}

// Close cancels running jobs, closes the sessions with the hosts and stops the simulated hosts. The plugin calls it when
// Terraform disconnects.
func (p *Provider) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, service := range p.services {
		errs = append(errs, service.Close(ctx))
	}
	for _, simulator := range p.simulators {
		errs = append(errs, simulator.Close())
	}
	p.services, p.simulators = nil, map[string]*simhost.Server{}
	return errors.Join(errs...)
}

// connection is the configured provider, which resources use.
type connection struct {
	service service           // nil if a setting is unknown until apply
	only    string            // name of the only host if the configuration does not name it
	aliases map[string]string // names of hosts by their former names, in lower case
	names   *nameReservations
	lacks   reportedLacks
	partial reportedLacks
	planned plannedVMs
	disks   plannedDisks

	unusable   unusableHosts
	operations *operations
}
