// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// comparison compares a state with a plan. A field that the state does not have, because the schema gained it later, counts
// as having its default or inferred value: that is how the virtual machine was created.
type comparison struct {
	state, plan, config tftypes.Value
	imported            bool
	unadopted           bool // imported, and no configuration was applied since
	hostReplaced        bool
	guestReplaced       []string // settings of the guest whose change replaces the virtual machine
	writeOnly           []string // paths of the secrets whose value in the state's time was write-only
}

func newComparison(ctx context.Context, s *jobschema.Schema, state, plan, config tftypes.Value, private privateState) comparison {
	c := comparison{state: state, plan: plan, config: config, imported: isImported(ctx, private), writeOnly: writeOnlyPaths(ctx, s, private)}
	c.hostReplaced = hostReplaces(ctx, private, attribute(state, "host"), attribute(plan, "host"))
	c.unadopted = c.imported && !isAdopted(ctx, private)
	if !c.imported {
		c.state = withDefaults(s, state)
	}
	return c
}

// differs reports whether a field has another value in the plan. For imported virtual machines, attributes missing from
// the state are treated as unchanged; so are attributes missing from the first configuration that is applied.
func (c comparison) differs(f *jobschema.Field) bool {
	return c.fieldDiffers(f, nil, c.state, c.plan, c.config)
}

// fieldDiffers compares one field of the object at owner in state, plan and configuration.
func (c comparison) fieldDiffers(f *jobschema.Field, owner jobschema.Path, state, plan, config tftypes.Value) bool {
	before, after, configured := attribute(state, f.ID), attribute(plan, f.ID), attribute(config, f.ID)
	here := append(slices.Clone(owner), jobschema.Step{Field: f.ID})
	switch {
	case c.imported && owner == nil && before.IsNull() && !f.Secret():
		return false
	case c.unadopted && owner == nil && after.Type() != nil && after.IsNull() && !f.Secret():
		return false
	case f.Secret():
		return c.secretDiffers(f, here, state, plan, config)
	case f.Default != nil && isApplicable(f, state) != isApplicable(f, plan):
		return true // the same default, which applies only in one of them
	case !f.HoldsSecret() || !isKnownValue(before) || !isKnownValue(after):
		return !sameValue(f, before, after)
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

// sameValue reports whether two values of a field mean the same. Null means the same as an empty value.
func sameValue(f *jobschema.Field, a, b tftypes.Value) bool {
	if a.Equal(b) || isSet(a) && !a.IsKnown() || isSet(b) && !b.IsKnown() {
		return a.Equal(b)
	}
	left, leftErr := fromTerraform(a)
	right, rightErr := fromTerraform(b)
	return leftErr == nil && rightErr == nil && f.Equal(left, right)
}

func (c comparison) objectDiffers(fields []jobschema.Field, here jobschema.Path, before, after, config tftypes.Value) bool {
	return slices.ContainsFunc(fields, func(f jobschema.Field) bool { return c.fieldDiffers(&f, here, before, after, config) })
}

// secretDiffers compares a secret. Of a write-only value only the version is visible.
func (c comparison) secretDiffers(f *jobschema.Field, here jobschema.Path, state, plan, config tftypes.Value) bool {
	before, after := attribute(state, f.ID), attribute(plan, f.ID)
	wasWriteOnly := slices.Contains(c.writeOnly, here.String())
	isWriteOnly := isSet(attribute(config, f.ID+writeOnlySuffix))
	switch {
	case wasWriteOnly && isSet(after), isWriteOnly && isSet(before):
		// The form changed. Whether the value changed as well is not visible, and a virtual machine is not replaced on suspicion.
		return false
	case wasWriteOnly && isWriteOnly && !isSet(attribute(plan, f.ID+writeOnlyVersionSuffix)):
		return false // the version was removed, or there was none
	case wasWriteOnly || isWriteOnly:
		before, after = attribute(state, f.ID+writeOnlyVersionSuffix), attribute(plan, f.ID+writeOnlyVersionSuffix)
	}
	return !before.Equal(after) && !(c.imported && before.IsNull())
}

// untrackedWriteOnly returns the write-only values that were added without a version. Nothing in state and plan differs,
// so the host would never receive them.
func (c comparison) untrackedWriteOnly(s *jobschema.Schema) (paths []jobschema.Path) {
	if c.imported {
		return nil // which secrets an imported virtual machine has is unknown
	}
	for _, secret := range secrets(s.Fields, c.config) {
		before := valueAt(c.state, secret.owner)
		root, _ := s.Field(secret.path()[0].Field)
		if isSet(secret.writeOnly) && !isSet(secret.version) && isKnownValue(before) && !isSet(attribute(before, secret.field.ID)) &&
			!slices.Contains(c.writeOnly, secret.path().String()) && !c.differs(root) {
			paths = append(paths, secret.formPath(writeOnlySuffix))
		}
	}
	return paths
}

// requiresReplace reports whether the plan replaces the virtual machine. The plan modifiers of the attributes have decided
// the same by the time of ModifyPlan, but the framework does not pass their decision on.
func (c comparison) requiresReplace(s *jobschema.Schema) bool {
	if c.state.IsNull() {
		return false
	}
	return c.hostReplaced || len(c.guestReplaced) > 0 || slices.ContainsFunc(s.Fields, func(f jobschema.Field) bool {
		return f.Change == jobschema.ChangeReplace && c.differs(&f)
	})
}

// changedFields returns the IDs of the fields that differ and that an update job can change.
func (c comparison) changedFields(s *jobschema.Schema) (ids []string) {
	observed := c
	observed.imported = false // values that were missing after the import are set now
	for i := range s.Fields {
		f := &s.Fields[i]
		compared := c
		if f.Observed != "" {
			compared = observed
		}
		if f.Change != jobschema.ChangeReplace && compared.differs(f) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}
