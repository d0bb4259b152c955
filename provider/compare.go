// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Keys of a resource's private state.
const (
	importedKey  = "imported"   // the virtual machine was imported
	freshKey     = "fresh"      // and was not read since
	schemaKey    = "schema"     // id of the job schema that the attributes are of
	writeOnlyKey = "write_only" // ids of the secrets that were last given in their write-only form
)

// comparison tells what differs between a state and a plan.
type comparison struct {
	state, plan, config tftypes.Value
	imported            bool
	writeOnly           []string // secrets whose value in the state's time was write-only
}

func newComparison(ctx context.Context, state, plan, config tftypes.Value, private privateState) comparison {
	c := comparison{state: state, plan: plan, config: config, imported: isImported(ctx, private)}
	if text, _ := private.GetKey(ctx, writeOnlyKey); len(text) > 0 {
		_ = json.Unmarshal(text, &c.writeOnly) // written by keepWriteOnly
	}
	return c
}

// differs tells whether a field has another value in the plan. Of an imported virtual machine, what the state has no value
// of does not differ.
func (c comparison) differs(f *jobschema.Field) bool {
	before, after := attribute(c.state, f.ID), attribute(c.plan, f.ID)
	if !f.Secret() {
		return !before.Equal(after) && !(c.imported && before.IsNull())
	}
	wasHidden := slices.Contains(c.writeOnly, f.ID)
	isHidden := has(attribute(c.config, f.ID+jobschema.WriteOnlySuffix))
	switch {
	case wasHidden && has(after), isHidden && has(before):
		// Another form: whether the value is another one as well cannot be seen, and a machine is not put at risk for it.
		return false
	case wasHidden || isHidden:
		// The version is all that can be seen of it.
		before, after = attribute(c.state, f.ID+jobschema.WriteOnlyVersionSuffix), attribute(c.plan, f.ID+jobschema.WriteOnlyVersionSuffix)
	}
	return !before.Equal(after) && !(c.imported && before.IsNull())
}

// replaced tells whether the plan makes another machine. The attributes' own plan modifiers have decided on it by then, but
// Terraform does not tell a resource of that.
func (c comparison) replaced(s *jobschema.Schema) bool {
	if c.state.IsNull() {
		return false
	}
	host := &jobschema.Field{ID: "host"}
	return c.differs(host) || slices.ContainsFunc(s.Fields, func(f jobschema.Field) bool {
		return f.Change == jobschema.ChangeReplace && c.differs(&f)
	})
}

// changed gives the fields whose values differ, and that a host can be asked to change.
func (c comparison) changed(s *jobschema.Schema) []string {
	var changed []string
	c.imported = false // what was not known of it is set now
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Change != jobschema.ChangeReplace && c.differs(f) {
			changed = append(changed, f.ID)
		}
	}
	return changed
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
	for i := range s.Fields {
		if f := &s.Fields[i]; f.Secret() && has(attribute(config, f.ID+jobschema.WriteOnlySuffix)) {
			hidden = append(hidden, f.ID)
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
