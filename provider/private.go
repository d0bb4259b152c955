// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Keys of a resource's private state.
const (
	importedKey  = "imported"   // the virtual machine was imported
	freshKey     = "fresh"      // and was not read since
	schemaKey    = "schema"     // id of the job schema that the attributes are of
	writeOnlyKey = "write_only" // paths of the secrets that were last given in their write-only form
)

// privateState is the part of a resource's private state that is used here.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

func isImported(ctx context.Context, private privateState) bool {
	mark, _ := private.GetKey(ctx, importedKey)
	return len(mark) > 0
}

// privateSetter is a resource's private state, to be written.
type privateSetter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// keepPrivate notes what a later plan needs to know of the values that a machine was made or changed with.
func keepPrivate(ctx context.Context, s *jobschema.Schema, config tftypes.Value, private privateSetter) diag.Diagnostics {
	hidden := []string{}
	for _, secret := range secrets(s.Fields, config) {
		if has(secret.hidden) {
			hidden = append(hidden, secret.path().String())
		}
	}
	text, err := json.Marshal(hidden)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to note which secrets are write-only", sentence(err))}
	}
	diags := private.SetKey(ctx, writeOnlyKey, text)
	return append(diags, keepSchema(ctx, s, private)...)
}

func keepSchema(ctx context.Context, s *jobschema.Schema, private privateSetter) diag.Diagnostics {
	text, err := json.Marshal(s.ID)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to note the schema", sentence(err))}
	}
	return private.SetKey(ctx, schemaKey, text)
}

// checkSchema refuses a state whose attributes are of another schema than the provider's: the same names may mean
// something else.
func checkSchema(ctx context.Context, s *jobschema.Schema, private privateState, summary string) (diags diag.Diagnostics) {
	var made string
	if text, _ := private.GetKey(ctx, schemaKey); len(text) == 0 || json.Unmarshal(text, &made) != nil || made == s.ID {
		return nil
	}
	diags.AddError(summary, "It was made with the job schema "+made+", and the provider has "+s.ID+". "+
		"Set the variable "+envSchemaFile+" to the file of "+made+", or unset it where that is the provider's own.")
	return diags
}
