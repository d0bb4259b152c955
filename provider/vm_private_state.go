// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Keys of the private state.
const (
	importedKey  = "imported"   // the virtual machine was imported
	unreadKey    = "unread"     // it was imported and not read since
	movedKey     = "moved"      // name of a virtual machine that was moved from another provider and not read since
	adoptedKey   = "adopted"    // a configuration was applied
	locationKey  = "location"   // where the virtual machine is, if not on the host that was last applied
	schemaKey    = "schema"     // ID and version of the job schema
	writeOnlyKey = "write_only" // paths of the secrets whose last value was write-only
	plannedKey   = "planned"    // GUID of the virtual machine that was planned: see plannedVM
	driftKey     = "drift"      // values that were last applied, of the fields that have another value on the host since
)

// privateState reads the private state of a resource.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// privateSetter writes the private state of a resource.
type privateSetter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

func isImported(ctx context.Context, private privateState) bool {
	return hasKey(ctx, private, importedKey)
}

func isUnread(ctx context.Context, private privateState) bool { return hasKey(ctx, private, unreadKey) }

func isAdopted(ctx context.Context, private privateState) bool {
	return hasKey(ctx, private, adoptedKey)
}

func hasKey(ctx context.Context, private privateState, key string) bool {
	value, _ := private.GetKey(ctx, key)
	return len(value) > 0
}

// savePrivateState records what later plans need to know about the configuration that was applied.
func savePrivateState(ctx context.Context, s *jobschema.Schema, config tftypes.Value, private privateSetter) diag.Diagnostics {
	paths := []string{}
	for _, secret := range secrets(s.Fields, config) {
		if isSet(secret.writeOnly) {
			paths = append(paths, secret.path().String())
		}
	}
	diags := append(setKey(ctx, private, writeOnlyKey, paths), saveSchemaRef(ctx, s, private)...)
	for _, key := range []string{plannedKey, driftKey} {
		diags.Append(private.SetKey(ctx, key, nil)...)
	}
	return append(diags, private.SetKey(ctx, adoptedKey, []byte(`true`))...)
}

func saveSchemaRef(ctx context.Context, s *jobschema.Schema, private privateSetter) diag.Diagnostics {
	return setKey(ctx, private, schemaKey, s.Ref())
}

func setKey(ctx context.Context, private privateSetter, key string, value any) diag.Diagnostics {
	text, err := json.Marshal(value)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to save the private state of a virtual machine", sentence(err))}
	}
	return private.SetKey(ctx, key, text)
}

// getKey decodes a value that setKey wrote. It reports false if there is none.
func getKey(ctx context.Context, private privateState, key string, value any) bool {
	text, _ := private.GetKey(ctx, key)
	return len(text) > 0 && json.Unmarshal(text, value) == nil
}

// readDrift returns the values that were last applied of the fields that have another value on the host since.
func readDrift(ctx context.Context, private privateState) map[string]any {
	drift := map[string]any{}
	getKey(ctx, private, driftKey, &drift)
	return drift
}

// saveDrift records which fields a refresh changed. Secrets are not among them: a host reports none.
func saveDrift(ctx context.Context, s *jobschema.Schema, private privateState, save privateSetter, before tftypes.Value, changes map[string]tftypes.Value) diag.Diagnostics {
	drift := readDrift(ctx, private)
	known := len(drift)
	for id, after := range changes {
		f, ok := s.Field(id)
		was, errBefore := fromTerraform(attribute(before, id))
		is, errAfter := fromTerraform(after)
		if !ok || f.HoldsSecret() || f.Secret() || errBefore != nil || errAfter != nil {
			continue
		}
		switch applied, drifted := drift[id]; {
		case !drifted:
			drift[id] = was
		case f.Equal(applied, is):
			delete(drift, id)
		}
	}
	if known == 0 && len(drift) == 0 {
		return nil
	}
	return setKey(ctx, save, driftKey, drift)
}

// checkSchemaID rejects a state that was written with another job schema: attributes of the same name may have another
// meaning there.
func checkSchemaID(ctx context.Context, s *jobschema.Schema, private privateState, summary string) (diags diag.Diagnostics) {
	var ref job.SchemaRef
	if !getKey(ctx, private, schemaKey, &ref) || ref.ID == s.ID {
		return nil
	}
	diags.AddError(summary, "The resource was created with the job schema "+ref.ID+", and the provider uses "+s.ID+". "+
		"Set "+envSchemaFile+" to the file of "+ref.ID+", or unset it if "+ref.ID+" is the provider's default schema.")
	return diags
}

// writeOnlyPaths returns the recorded paths of write-only secrets in the current version of the schema. An earlier version
// may have recorded them: UpgradeState has no access to the private state.
func writeOnlyPaths(ctx context.Context, s *jobschema.Schema, private privateState) (paths []string) {
	var ref job.SchemaRef
	if !getKey(ctx, private, writeOnlyKey, &paths) || !getKey(ctx, private, schemaKey, &ref) {
		return paths
	}
	for i := range paths {
		paths[i] = s.CurrentPath(ref.Version, paths[i])
	}
	return paths
}
