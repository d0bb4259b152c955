// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// comparison tells what differs between a state and a plan. A field that the state has no value of, since it is new in the
// schema, is taken to have its default, or what is inferred for it, as everything that was made without it has.
type comparison struct {
	state, plan, config tftypes.Value
	imported            bool
	unadopted           bool     // and no configuration was applied to it yet
	writeOnly           []string // secrets whose value in the state's time was write-only
}

func newComparison(ctx context.Context, s *jobschema.Schema, state, plan, config tftypes.Value, private privateState) comparison {
	c := comparison{state: state, plan: plan, config: config, imported: isImported(ctx, private), writeOnly: writeOnlyPaths(ctx, s, private)}
	c.unadopted = c.imported && !isAdopted(ctx, private)
	if !c.imported {
		c.state = completed(s.Fields, state)
	}
	return c
}

// differs tells whether a field has another value in the plan. Of an imported virtual machine, what the state has no value
// of does not differ; nor does, when a configuration is first applied to it, what that does not speak of.
func (c comparison) differs(f *jobschema.Field) bool {
	return c.partDiffers(f, nil, c.state, c.plan, c.config)
}

// partDiffers tells it of a field of an object, which is given as it was, is to be, and is configured.
func (c comparison) partDiffers(f *jobschema.Field, owner jobschema.Path, state, plan, config tftypes.Value) bool {
	before, after, configured := attribute(state, f.ID), attribute(plan, f.ID), attribute(config, f.ID)
	here := append(slices.Clone(owner), jobschema.Step{Field: f.ID})
	switch {
	case c.imported && owner == nil && before.IsNull() && !f.Secret():
		return false
	case c.unadopted && owner == nil && after.Type() != nil && after.IsNull() && !f.Secret():
		return false
	case f.Secret():
		return c.secretDiffers(f, here, state, plan, config)
	case f.Default != nil && applies(f, state) != applies(f, plan):
		return true // the same default, which counts now or no longer does
	case !f.HoldsSecret() || !given(before) || !given(after):
		return !before.Equal(after)
	case f.Type == jobschema.TypeObject:
		return c.objectDiffers(f.Fields, here, before, after, configured)
	}
	was, is, wanted := items(before), items(after), items(configured)
	if len(was) != len(is) || len(is) != len(wanted) {
		return true
	}
	for i := range is {
		if c.objectDiffers(f.Items.Fields, append(slices.Clone(here), jobschema.Step{Index: i}), was[i], is[i], wanted[i]) {
			return true
		}
	}
	return false
}

func (c comparison) objectDiffers(fields []jobschema.Field, here jobschema.Path, before, after, config tftypes.Value) bool {
	return slices.ContainsFunc(fields, func(f jobschema.Field) bool { return c.partDiffers(&f, here, before, after, config) })
}

// secretDiffers tells it of a secret, by what can be seen of it.
func (c comparison) secretDiffers(f *jobschema.Field, here jobschema.Path, state, plan, config tftypes.Value) bool {
	before, after := attribute(state, f.ID), attribute(plan, f.ID)
	wasHidden := slices.Contains(c.writeOnly, here.String())
	isHidden := has(attribute(config, f.ID+writeOnlySuffix))
	switch {
	case wasHidden && has(after), isHidden && has(before):
		// Another form: whether the value is another one as well cannot be seen, and a machine is not put at risk for it.
		return false
	case wasHidden || isHidden:
		// The version is all that can be seen of it.
		before, after = attribute(state, f.ID+writeOnlyVersionSuffix), attribute(plan, f.ID+writeOnlyVersionSuffix)
	}
	return !before.Equal(after) && !(c.imported && before.IsNull())
}

// overlooked gives the secrets that are given for the first time, and in a way that shows no difference. A host would not
// be told of them.
func (c comparison) overlooked(s *jobschema.Schema) (ids []jobschema.Path) {
	if c.imported {
		return nil // what was not known of it is taken on trust
	}
	for _, secret := range secrets(s.Fields, c.config) {
		before := valueAt(c.state, secret.owner)
		root, _ := s.Field(secret.path()[0].Field)
		if has(secret.hidden) && !has(secret.version) && given(before) && !has(attribute(before, secret.field.ID)) &&
			!slices.Contains(c.writeOnly, secret.path().String()) && !c.differs(root) {
			ids = append(ids, secret.at(writeOnlySuffix))
		}
	}
	return ids
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
