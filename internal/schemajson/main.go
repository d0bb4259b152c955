// SPDX-License-Identifier: MPL-2.0

// Command schemajson writes the provider's schema as `terraform providers schema -json` does, so that docs/ is made without
// Terraform and without OpenTofu.
//
//	go run ./internal/schemajson > providers-schema.json
//
// It asks the provider in its own process, which heeds HYPERVVM_SCHEMA_FILE. A test compares what it writes with what Terraform says.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/provider"
)

// key is the provider's name in the JSON: tfplugindocs looks for the short one.
const key = "hypervvm"

func main() {
	if err := write(context.Background(), os.Stdout, key); err != nil {
		fmt.Fprintln(os.Stderr, "schemajson:", err)
		os.Exit(1)
	}
}

// write writes the schema under a provider's name.
func write(ctx context.Context, out io.Writer, name string) error {
	schema, err := provider.LoadSchema()
	if err != nil {
		return err
	}
	server := providerserver.NewProtocol6(provider.New("docs", schema, nil))()
	answer, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return fmt.Errorf("ask the provider for its schema: %w", err)
	}
	for _, d := range answer.Diagnostics {
		return fmt.Errorf("ask the provider for its schema: %s: %s", d.Summary, d.Detail)
	}
	converted, err := convertProvider(answer)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(providerSchemas{FormatVersion: "1.0", Schemas: map[string]providerSchema{name: converted}})
}

func convertProvider(in *tfprotov6.GetProviderSchemaResponse) (providerSchema, error) {
	var out providerSchema
	if len(in.Functions)+len(in.ListResourceSchemas)+len(in.ActionSchemas)+len(in.StateStoreSchemas) > 0 {
		return out, errors.New("the provider has functions, list resources, actions or state stores: this program does not know their form yet")
	}
	config, err := convertSchema(in.Provider)
	if err != nil {
		return out, fmt.Errorf("provider: %w", err)
	}
	out.Provider = &config
	for _, kind := range []struct {
		name string
		from map[string]*tfprotov6.Schema
		to   *map[string]schema
	}{
		{"resource", in.ResourceSchemas, &out.Resources},
		{"data source", in.DataSourceSchemas, &out.DataSources},
		{"ephemeral resource", in.EphemeralResourceSchemas, &out.EphemeralResources},
	} {
		for name, from := range kind.from {
			converted, err := convertSchema(from)
			if err != nil {
				return out, fmt.Errorf("%s %s: %w", kind.name, name, err)
			}
			if *kind.to == nil {
				*kind.to = map[string]schema{}
			}
			(*kind.to)[name] = converted
		}
	}
	return out, nil
}
