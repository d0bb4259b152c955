// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Keys of a resource's private state.
const (
	importedKey  = "imported"   // the virtual machine was imported
	freshKey     = "fresh"      // and was not read since
	adoptedKey   = "adopted"    // and a configuration was applied to it since
	schemaKey    = "schema"     // the job schema that the attributes are of
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

// isAdopted tells of an imported virtual machine whether a configuration was applied to it since.
func isAdopted(ctx context.Context, private privateState) bool {
	mark, _ := private.GetKey(ctx, adoptedKey)
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
	diags := append(setKey(ctx, private, writeOnlyKey, hidden), keepSchema(ctx, s, private)...)
	return append(diags, private.SetKey(ctx, adoptedKey, []byte(`true`))...)
}

func keepSchema(ctx context.Context, s *jobschema.Schema, private privateSetter) diag.Diagnostics {
	return setKey(ctx, private, schemaKey, s.Ref())
}

func setKey(ctx context.Context, private privateSetter, key string, value any) diag.Diagnostics {
	text, err := json.Marshal(value)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to keep the private state of a virtual machine", sentence(err))}
	}
	return private.SetKey(ctx, key, text)
}

// getKey reads what setKey wrote. It reports false where there is nothing.
func getKey(ctx context.Context, private privateState, key string, value any) bool {
	text, _ := private.GetKey(ctx, key)
	return len(text) > 0 && json.Unmarshal(text, value) == nil
}

// checkSchema refuses a state whose attributes are of another schema than the provider's: the same names may mean
// something else.
func checkSchema(ctx context.Context, s *jobschema.Schema, private privateState, summary string) (diags diag.Diagnostics) {
	var made job.SchemaRef
	if !getKey(ctx, private, schemaKey, &made) || made.ID == s.ID {
		return nil
	}
	diags.AddError(summary, "It was made with the job schema "+made.ID+", and the provider has "+s.ID+". "+
		"Set the variable "+envSchemaFile+" to the file of "+made.ID+", or unset it where that is the provider's own.")
	return diags
}

// writeOnlyPaths gives what was noted of write-only secrets, by the paths that they have now. It may have been noted by an
// earlier version of the schema: UpgradeState does not get the private state.
func writeOnlyPaths(ctx context.Context, s *jobschema.Schema, private privateState) (paths []string) {
	var made job.SchemaRef
	if !getKey(ctx, private, writeOnlyKey, &paths) || !getKey(ctx, private, schemaKey, &made) {
		return paths
	}
	for i := range paths {
		paths[i] = renamed(s, made.Version, paths[i])
	}
	return paths
}

// itemIndex is the place of an item in a path.
var itemIndex = regexp.MustCompile(`\[\d+\]`)

// renamed gives what the path of a value of an earlier version is now, such as "volumes[0].pass" for "disks[0].key".
func renamed(s *jobschema.Schema, from int, path string) string {
	for _, m := range s.Migrations {
		if m.From < from {
			continue
		}
		root, within, nested := strings.Cut(path, ".")
		index := itemIndex.FindString(root)
		root = strings.TrimSuffix(root, index)
		before, id, idWithin := itemIndex.ReplaceAllString(path, ""), root, within
		for _, r := range m.Renamed {
			switch {
			case nested && r.From == before:
				idWithin = r.To
			case r.From == root:
				id = r.To
			}
		}
		if path = id + index; nested {
			path += "." + idWithin
		}
	}
	return path
}
