// SPDX-License-Identifier: MPL-2.0

// Command schemajson writes the provider's schema in the format of `terraform providers schema -json`, so that docs/ can be
// generated without Terraform and OpenTofu.
//
//	go run ./internal/schemajson > providers-schema.json
//
// A test compares the output with that of Terraform or OpenTofu.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/provider"
)

// key is the name of the provider in the output, where tfplugindocs expects the short name.
const key = "hypervvm"

// The types below are the parts of format version 1.0 that the provider needs.
type (
	providerSchemas struct {
		FormatVersion string                    `json:"format_version"`
		Schemas       map[string]providerSchema `json:"provider_schemas"`
	}
	providerSchema struct {
		Provider      schema              `json:"provider"`
		Resources     map[string]schema   `json:"resource_schemas,omitempty"`
		DataSources   map[string]schema   `json:"data_source_schemas,omitempty"`
		ListResources map[string]schema   `json:"list_resource_schemas,omitempty"`
		Actions       map[string]action   `json:"action_schemas,omitempty"`
		Functions     map[string]function `json:"functions,omitempty"`
		Identities    map[string]identity `json:"resource_identity_schemas,omitempty"`
	}
	schema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
	}
	action struct {
		Block block `json:"block"`
	}
	function struct {
		Description string          `json:"description,omitempty"`
		Summary     string          `json:"summary,omitempty"`
		ReturnType  json.RawMessage `json:"return_type"`
		Parameters  []parameter     `json:"parameters,omitempty"`
	}
	parameter struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Type        json.RawMessage `json:"type"`
	}
	identity struct {
		Version    int64                        `json:"version"`
		Attributes map[string]identityAttribute `json:"attributes"`
	}
	identityAttribute struct {
		Type              json.RawMessage `json:"type"`
		Description       string          `json:"description,omitempty"`
		RequiredForImport bool            `json:"required_for_import,omitempty"`
		OptionalForImport bool            `json:"optional_for_import,omitempty"`
	}
	block struct {
		Attributes      map[string]attribute `json:"attributes,omitempty"`
		Description     string               `json:"description,omitempty"`
		DescriptionKind string               `json:"description_kind,omitempty"`
	}
	attribute struct {
		Type            json.RawMessage `json:"type,omitempty"`
		NestedType      *nestedType     `json:"nested_type,omitempty"`
		Description     string          `json:"description,omitempty"`
		DescriptionKind string          `json:"description_kind,omitempty"`
		Deprecated      bool            `json:"deprecated,omitempty"`
		Required        bool            `json:"required,omitempty"`
		Optional        bool            `json:"optional,omitempty"`
		Computed        bool            `json:"computed,omitempty"`
		Sensitive       bool            `json:"sensitive,omitempty"`
		WriteOnly       bool            `json:"write_only,omitempty"`
	}
	nestedType struct {
		Attributes  map[string]attribute `json:"attributes"`
		NestingMode string               `json:"nesting_mode"`
	}
)

func main() {
	if err := write(context.Background(), os.Stdout, key, markRequired); err != nil {
		fmt.Fprintln(os.Stderr, "schemajson:", err)
		os.Exit(1)
	}
}

// markRequired shows the nested attributes as required that ValidateConfig requires: the framework cannot, because it would report the
// attributes of an unknown object as missing (terraform-plugin-framework#186). Their descriptions end with the word.
func markRequired(attributes map[string]attribute, nested bool) {
	for name, a := range attributes {
		if text, ok := strings.CutSuffix(a.Description, " Required."); ok && nested {
			a.Description, a.Required, a.Optional = text, true, false
			attributes[name] = a
		}
		if a.NestedType != nil {
			markRequired(a.NestedType.Attributes, true)
		}
	}
}

// write writes the schema under the name of the provider, after adapt, which may be nil, has changed the attributes of each object.
func write(ctx context.Context, out io.Writer, name string, adapt func(attributes map[string]attribute, nested bool)) error {
	jobSchema, err := provider.LoadSchema()
	if err != nil {
		return err
	}
	server := providerserver.NewProtocol6(provider.New("docs", jobSchema, nil))()
	in, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return fmt.Errorf("get the schema of the provider: %w", err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return fmt.Errorf("get the identity schemas of the provider: %w", err)
	}
	for _, d := range append(in.Diagnostics, identities.Diagnostics...) {
		return fmt.Errorf("get the schema of the provider: %s: %s", d.Summary, d.Detail)
	}
	if len(in.EphemeralResourceSchemas)+len(in.StateStoreSchemas) > 0 {
		return errors.New("the provider has ephemeral resources or state stores, which are not supported")
	}
	converted, err := convert(in, identities)
	if err != nil {
		return err
	}
	if adapt != nil {
		adapt(converted.Provider.Block.Attributes, false)
		for _, r := range converted.Resources {
			adapt(r.Block.Attributes, false)
		}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(providerSchemas{FormatVersion: "1.0", Schemas: map[string]providerSchema{name: converted}})
}

func convert(in *tfprotov6.GetProviderSchemaResponse, identities *tfprotov6.GetResourceIdentitySchemasResponse) (out providerSchema, err error) {
	actions := make(map[string]*tfprotov6.Schema, len(in.ActionSchemas))
	for name, a := range in.ActionSchemas {
		actions[name] = a.Schema
	}
	convertedActions, err := convertSchemas(actions)
	if err != nil {
		return out, err
	}
	out.Actions = map[string]action{}
	for name, a := range convertedActions {
		out.Actions[name] = action{Block: a.Block}
	}
	if out.Provider, err = convertSchema(in.Provider); err != nil {
		return out, err
	}
	if out.Resources, err = convertSchemas(in.ResourceSchemas); err != nil {
		return out, err
	}
	if out.DataSources, err = convertSchemas(in.DataSourceSchemas); err != nil {
		return out, err
	}
	if out.ListResources, err = convertSchemas(in.ListResourceSchemas); err != nil {
		return out, err
	}
	if out.Functions, err = convertFunctions(in.Functions); err != nil {
		return out, err
	}
	out.Identities, err = convertIdentities(identities.IdentitySchemas)
	return out, err
}

func convertFunctions(in map[string]*tfprotov6.Function) (map[string]function, error) {
	out := make(map[string]function, len(in))
	for name, f := range in {
		if f.VariadicParameter != nil {
			return nil, fmt.Errorf("function %s: variadic parameters are not supported", name)
		}
		converted := function{Description: f.Description, Summary: f.Summary}
		var err error
		if converted.ReturnType, err = json.Marshal(f.Return.Type); err != nil {
			return nil, fmt.Errorf("function %s: %w", name, err)
		}
		for _, p := range f.Parameters {
			kind, err := json.Marshal(p.Type)
			if err != nil {
				return nil, fmt.Errorf("function %s: parameter %s: %w", name, p.Name, err)
			}
			converted.Parameters = append(converted.Parameters, parameter{Name: p.Name, Description: p.Description, Type: kind})
		}
		out[name] = converted
	}
	return out, nil
}

func convertIdentities(in map[string]*tfprotov6.ResourceIdentitySchema) (map[string]identity, error) {
	out := make(map[string]identity, len(in))
	for name, s := range in {
		converted := identity{Version: s.Version, Attributes: map[string]identityAttribute{}}
		for _, a := range s.IdentityAttributes {
			kind, err := json.Marshal(a.Type)
			if err != nil {
				return nil, fmt.Errorf("identity of %s: attribute %s: %w", name, a.Name, err)
			}
			converted.Attributes[a.Name] = identityAttribute{
				Type: kind, Description: a.Description, RequiredForImport: a.RequiredForImport, OptionalForImport: a.OptionalForImport,
			}
		}
		out[name] = converted
	}
	return out, nil
}

func convertSchemas(in map[string]*tfprotov6.Schema) (map[string]schema, error) {
	out := make(map[string]schema, len(in))
	for name, s := range in {
		var err error
		if out[name], err = convertSchema(s); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}

func convertSchema(in *tfprotov6.Schema) (schema, error) {
	if len(in.Block.BlockTypes) > 0 {
		return schema{}, errors.New("nested blocks are not supported")
	}
	attributes, err := convertAttributes(in.Block.Attributes)
	return schema{Version: in.Version, Block: block{
		Attributes: attributes, Description: in.Block.Description, DescriptionKind: descriptionKind(in.Block.DescriptionKind),
	}}, err
}

func convertAttributes(in []*tfprotov6.SchemaAttribute) (map[string]attribute, error) {
	out := make(map[string]attribute, len(in))
	for _, a := range in {
		converted := attribute{
			Description: a.Description, DescriptionKind: descriptionKind(a.DescriptionKind), Deprecated: a.Deprecated,
			Required: a.Required, Optional: a.Optional, Computed: a.Computed, Sensitive: a.Sensitive, WriteOnly: a.WriteOnly,
		}
		var err error
		if a.NestedType != nil {
			converted.NestedType = &nestedType{NestingMode: strings.ToLower(a.NestedType.Nesting.String())}
			converted.NestedType.Attributes, err = convertAttributes(a.NestedType.Attributes)
		} else {
			converted.Type, err = json.Marshal(a.Type) // in Terraform's form: "string", ["list","string"]
		}
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		out[a.Name] = converted
	}
	return out, nil
}

func descriptionKind(kind tfprotov6.StringKind) string {
	return strings.ToLower(kind.String())
}
