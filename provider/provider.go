// SPDX-License-Identifier: MPL-2.0

// Package provider is the Terraform face of hvprov: it makes attributes of the job schema, takes values and errors from
// one side to the other, and does nothing else.
package provider

import (
	"context"
	"errors"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

// Address is the provider's address in the Terraform registry.
const Address = "registry.terraform.io/hypervvm/hypervvm"

// typeName is both the provider's name and its resource's.
const typeName = "hypervvm"

// Provider is the provider `hypervvm`.
type Provider struct {
	version   string
	schema    *jobschema.Schema
	schemaErr error

	mu         sync.Mutex
	services   []*hvprov.Service
	simulators map[string]*simhost.Server // by state file
}

var (
	_ provider.Provider                   = (*Provider)(nil)
	_ provider.ProviderWithValidateConfig = (*Provider)(nil)
)

// New gives the provider for a schema. schemaErr is why there is none: it is told as a diagnostic, since a plugin that
// ends at start-up leaves its user without a cause.
func New(version string, schema *jobschema.Schema, schemaErr error) *Provider {
	return &Provider{version: version, schema: schema, schemaErr: schemaErr, simulators: map[string]*simhost.Server{}}
}

// Metadata names the provider.
func (p *Provider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = typeName
	resp.Version = p.version
}

// Resources gives the one resource.
func (p *Provider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource {
		return &vmResource{schema: p.schema, schemaErr: p.schemaErr}
	}}
}

// DataSources gives the one data source.
func (p *Provider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource {
		return &jobInputs{schema: p.schema, schemaErr: p.schemaErr}
	}}
}

// Close cancels jobs that run all the same, ends the sessions with the hosts, and the simulators. The plugin calls it when
// Terraform has no more to ask.
func (p *Provider) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, service := range p.services {
		for _, j := range service.Jobs(jobstore.Filter{States: []jobstore.State{jobstore.Pending, jobstore.Queued, jobstore.Running}}) {
			errs = append(errs, service.Cancel(ctx, j.ID)) // nobody is left to take it over
		}
		errs = append(errs, service.Close(ctx))
	}
	for _, simulator := range p.simulators {
		errs = append(errs, simulator.Close())
	}
	p.services, p.simulators = nil, map[string]*simhost.Server{}
	return errors.Join(errs...)
}

// connection is what the provider's configuration becomes, and resources work with.
type connection struct {
	service *hvprov.Service // nil when a setting is not known until apply
	single  string          // the host's name when there is but one without a name of its own
	names   *nameClaims
}
