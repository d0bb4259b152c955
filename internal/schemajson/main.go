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
		Provider    schema            `json:"provider"`
		Resources   map[string]schema `json:"resource_schemas,omitempty"`
		DataSources map[string]schema `json:"data_source_schemas,omitempty"`
	}
	schema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
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
	for _, d := range in.Diagnostics {
		return fmt.Errorf("get the schema of the provider: %s: %s", d.Summary, d.Detail)
	}
	if len(in.EphemeralResourceSchemas)+len(in.Functions)+len(in.ListResourceSchemas)+len(in.ActionSchemas)+len(in.StateStoreSchemas) > 0 {
		return errors.New("the provider has objects other than resources and data sources, which are not supported")
	}
	var converted providerSchema
	if converted.Provider, err = convertSchema(in.Provider); err == nil {
		converted.Resources, err = convertSchemas(in.ResourceSchemas)
	}
	if err == nil {
		converted.DataSources, err = convertSchemas(in.DataSourceSchemas)
	}
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
