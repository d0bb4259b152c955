// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/numberdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// fieldAttribute holds what the attribute types have in common.
type fieldAttribute struct {
	schema                       *jobschema.Schema
	field                        *jobschema.Field
	description, deprecated      string
	required, optional, computed bool
	sensitive, replace           bool
	defaultValue                 any // nil if there is none
}

// constructors maps the types of the job schema to the attribute types of Terraform. Attributes have no validators:
// ValidateConfig validates all values together.
var constructors map[jobschema.Type]func(fieldAttribute) schema.Attribute

func init() { // listAttribute and objectAttribute refer to constructors
	constructors = map[jobschema.Type]func(fieldAttribute) schema.Attribute{
		jobschema.TypeString:    stringAttribute,
		jobschema.TypeSecret:    stringAttribute,
		jobschema.TypeMultiline: stringAttribute,
		jobschema.TypeIPv4:      stringAttribute,
		jobschema.TypeIPv6:      stringAttribute,
		jobschema.TypeIP:        stringAttribute,
		jobschema.TypeMAC:       stringAttribute,
		jobschema.TypeHostname:  stringAttribute,
		jobschema.TypeEnum:      stringAttribute,
		jobschema.TypeInteger:   numberAttribute,
		jobschema.TypeNumber:    numberAttribute,
		jobschema.TypeBoolean:   booleanAttribute,
		jobschema.TypeList:      listAttribute,
		jobschema.TypeObject:    objectAttribute,
	}
}

// elementTypes maps the item types of lists of scalars.
var elementTypes = map[jobschema.Type]attr.Type{
	jobschema.TypeString: types.StringType, jobschema.TypeMultiline: types.StringType, jobschema.TypeIPv4: types.StringType,
	jobschema.TypeIPv6: types.StringType, jobschema.TypeIP: types.StringType,
	jobschema.TypeMAC: types.StringType, jobschema.TypeHostname: types.StringType, jobschema.TypeEnum: types.StringType,
	jobschema.TypeInteger: types.NumberType, jobschema.TypeNumber: types.NumberType, jobschema.TypeBoolean: types.BoolType,
}

// fieldAttributes returns the attributes of the fields of one object; a secret has three. If a field is required only where
// it applies or cannot be inferred, ValidateConfig enforces that.
func fieldAttributes(s *jobschema.Schema, fields []jobschema.Field) map[string]schema.Attribute {
	return objectAttributes(s, fields, func(f *jobschema.Field) bool {
		return f.Required && f.Infer == nil && f.Applicability == nil && !forCreation(f)
	})
}

// itemAttributes returns the attributes of the objects of a list. None is required: the framework would report the attributes
// of an unknown object as missing (terraform-plugin-framework#186). ValidateConfig enforces it.
func itemAttributes(s *jobschema.Schema, fields []jobschema.Field) map[string]schema.Attribute {
	return objectAttributes(s, fields, func(*jobschema.Field) bool { return false })
}

func objectAttributes(s *jobschema.Schema, fields []jobschema.Field, required func(*jobschema.Field) bool) map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(fields)+8)
	for i := range fields {
		f := &fields[i]
		c := fieldAttribute{
			schema: s, field: f, description: f.Docs(), deprecated: f.Deprecated,
			required:     required(f) && !f.Secret(),
			computed:     f.Default != nil || f.Infer != nil || keepsObserved(f),
			defaultValue: f.Default, sensitive: f.Secret(), replace: f.Change == jobschema.ChangeReplace,
		}
		c.optional = !c.required
		switch {
		case !f.Required || c.required || f.Infer != nil:
		case f.Applicability != nil:
			c.description += " Required if applicable."
		case forCreation(f):
			c.description += " Required to create a virtual machine; an imported one does not need it."
		default:
			c.description += " Required."
		}
		if keepsObserved(f) {
			c.description += " If omitted, the value that the host has is kept and shown."
		}
		if f.Secret() {
			addWriteOnlyForms(attributes, c)
			c.description = secretDescription(f)
		}
		if f.Guest != "" {
			c.description += " A change is not applied in the guest: see `" + guestChangeAttribute + "`."
		}
		attributes[f.ID] = constructors[f.Type](c)
	}
	return attributes
}

// addWriteOnlyForms adds the write-only attribute of a secret and the attribute of its version.
func addWriteOnlyForms(attributes map[string]schema.Attribute, c fieldAttribute) {
	id := c.field.ID
	attributes[id+writeOnlySuffix] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Write-only form of `%s`: Terraform stores the value neither in the plan nor in the state. "+
			"Accepts ephemeral values. Requires Terraform or OpenTofu 1.11 or later. Conflicts with `%[1]s`.", id),
		Optional: true, Sensitive: true, WriteOnly: true, DeprecationMessage: c.deprecated,
	}
	version := c
	version.sensitive = false
	version.description = fmt.Sprintf("Version of `%s%s`: any number. Change it to apply a new value, which Terraform cannot detect otherwise.", id, writeOnlySuffix)
	attributes[id+writeOnlyVersionSuffix] = numberAttribute(version)
}

func secretDescription(f *jobschema.Field) string {
	text := f.Docs()
	if f.Required {
		need := "Required"
		if forCreation(f) {
			need = "Required to create a virtual machine"
		}
		text += fmt.Sprintf(" %s, unless `%s%s` is set.", need, f.ID, writeOnlySuffix)
	}
	return text + " Terraform stores it in the state as plain text."
}

func stringAttribute(c fieldAttribute) schema.Attribute {
	a := schema.StringAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if s, ok := c.defaultValue.(string); ok {
		a.Default = stringdefault.StaticString(s)
	}
	if keepsObserved(c.field) {
		a.PlanModifiers = append(a.PlanModifiers, keepObserved{})
	}
	if c.field.Observed != "" || c.field.IgnoreCase || hasSpellings(c.field.Type) {
		a.PlanModifiers = append(a.PlanModifiers, keepSpelling{c.field})
	}
	if c.field.Infer != nil {
		a.PlanModifiers = append(a.PlanModifiers, inferred{c.field.Infer})
	}
	if c.replace {
		a.PlanModifiers = append(a.PlanModifiers, replaceOnChange{c.schema, c.field})
	}
	return a
}

// hasSpellings reports whether a value of a type has several spellings.
func hasSpellings(t jobschema.Type) bool {
	switch t {
	case jobschema.TypeMAC, jobschema.TypeMultiline, jobschema.TypeIPv6, jobschema.TypeIP:
		return true
	}
	return false
}

// numberAttribute serves whole numbers as well: an Int64Attribute would report a fraction as an error in the provider, beside the
// message of the schema.
func numberAttribute(c fieldAttribute) schema.Attribute {
	a := schema.NumberAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if n, ok := numberOf(c.defaultValue); ok {
		a.Default = numberdefault.StaticBigFloat(n)
	}
	if keepsObserved(c.field) {
		a.PlanModifiers = append(a.PlanModifiers, keepObserved{})
	}
	if c.replace {
		a.PlanModifiers = append(a.PlanModifiers, replaceOnChange{c.schema, c.field})
	}
	return a
}

func booleanAttribute(c fieldAttribute) schema.Attribute {
	a := schema.BoolAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if b, ok := c.defaultValue.(bool); ok {
		a.Default = booldefault.StaticBool(b)
	}
	if keepsObserved(c.field) {
		a.PlanModifiers = append(a.PlanModifiers, keepObserved{})
	}
	if c.replace {
		a.PlanModifiers = append(a.PlanModifiers, replaceOnChange{c.schema, c.field})
	}
	return a
}

func listAttribute(c fieldAttribute) schema.Attribute {
	var modifiers []planmodifier.List
	if keepsObserved(c.field) {
		modifiers = append(modifiers, keepObserved{})
	}
	if c.replace {
		modifiers = append(modifiers, replaceOnChange{c.schema, c.field})
	}
	if c.field.Items.Type == jobschema.TypeObject {
		return schema.ListNestedAttribute{
			MarkdownDescription: c.description, DeprecationMessage: c.deprecated, Required: c.required, Optional: c.optional, Computed: c.computed,
			NestedObject:  schema.NestedAttributeObject{Attributes: itemAttributes(c.schema, c.field.Items.Fields)},
			PlanModifiers: modifiers,
		}
	}
	return schema.ListAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated, Required: c.required, Optional: c.optional, Computed: c.computed,
		ElementType: elementTypes[c.field.Items.Type], PlanModifiers: modifiers,
	}
}

func objectAttribute(c fieldAttribute) schema.Attribute {
	a := schema.SingleNestedAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated, Required: c.required, Optional: c.optional,
		Attributes: fieldAttributes(c.schema, c.field.Fields),
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Object{replaceOnChange{c.schema, c.field}}
	}
	return a
}
