// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// common is what every kind of attribute is told of its field.
type common struct {
	schema                       *jobschema.Schema
	field                        *jobschema.Field
	description, deprecated      string
	required, optional, computed bool
	sensitive, replace           bool
	fallback                     any // the default; nil for none
}

// constructors makes the attribute of a field by its type. It is the only place that knows both. Whether a value is right
// is not the attribute's business but that of ValidateConfig, which sees all of them.
var constructors map[jobschema.Type]func(common) schema.Attribute

func init() { // the constructors of lists and objects need the others
	constructors = map[jobschema.Type]func(common) schema.Attribute{
		jobschema.TypeString:    stringAttribute,
		jobschema.TypeSecret:    stringAttribute,
		jobschema.TypeMultiline: stringAttribute,
		jobschema.TypeIPv4:      stringAttribute,
		jobschema.TypeHostname:  stringAttribute,
		jobschema.TypeEnum:      stringAttribute,
		jobschema.TypeInteger:   integerAttribute,
		jobschema.TypeNumber:    numberAttribute,
		jobschema.TypeBoolean:   booleanAttribute,
		jobschema.TypeList:      listAttribute,
		jobschema.TypeObject:    objectAttribute,
	}
}

// elementTypes are the types of the items of lists of single values.
var elementTypes = map[jobschema.Type]attr.Type{
	jobschema.TypeString: types.StringType, jobschema.TypeMultiline: types.StringType, jobschema.TypeIPv4: types.StringType,
	jobschema.TypeHostname: types.StringType, jobschema.TypeEnum: types.StringType,
	jobschema.TypeInteger: types.Int64Type, jobschema.TypeNumber: types.Float64Type, jobschema.TypeBoolean: types.BoolType,
}

// fieldAttributes makes the attributes of fields that stand side by side. A secret has three. What is only required where
// it applies, or where nothing infers it, is for ValidateConfig to ask for.
func fieldAttributes(s *jobschema.Schema, fields []jobschema.Field) map[string]schema.Attribute {
	return siblings(s, fields, func(f *jobschema.Field) bool { return f.Required && f.Infer == nil && f.Applicability == nil })
}

// itemAttributes makes those of the objects of a list. None of them is required: the framework would take what an object
// that is not known yet does not have for missing (terraform-plugin-framework#186). ValidateConfig asks for it.
func itemAttributes(s *jobschema.Schema, fields []jobschema.Field) map[string]schema.Attribute {
	return siblings(s, fields, func(*jobschema.Field) bool { return false })
}

func siblings(s *jobschema.Schema, fields []jobschema.Field, required func(*jobschema.Field) bool) map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(fields)+8)
	for i := range fields {
		f := &fields[i]
		c := common{
			schema: s, field: f, description: f.Docs(), deprecated: f.Deprecated,
			required: required(f) && !f.Secret(),
			computed: f.Default != nil || f.Infer != nil,
			fallback: f.Default, sensitive: f.Secret(), replace: f.Change == jobschema.ChangeReplace,
		}
		c.optional = !c.required
		switch {
		case !f.Required || c.required || f.Infer != nil:
		case f.Applicability != nil:
			c.description += " Required where it applies."
		default:
			c.description += " Required."
		}
		if f.Secret() {
			addTwins(attributes, c)
			c.description = secretDescription(f)
		}
		attributes[f.ID] = constructors[f.Type](c)
	}
	return attributes
}

// addTwins adds the write-only form of a secret, and the number that tells that it has changed.
func addTwins(attributes map[string]schema.Attribute, c common) {
	id := c.field.ID
	attributes[id+writeOnlySuffix] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("The value of `%s`, given so that Terraform keeps it nowhere: neither in the plan nor in the state. "+
			"It needs Terraform or OpenTofu 1.11 or later, and may come from an ephemeral value. Not beside `%[1]s`.", id),
		Optional: true, Sensitive: true, WriteOnly: true, DeprecationMessage: c.deprecated,
	}
	version := c
	version.sensitive = false
	version.description = fmt.Sprintf("Any number; another one says that `%s%s` has another value. Without it a new value is not noticed.", id, writeOnlySuffix)
	attributes[id+writeOnlyVersionSuffix] = integerAttribute(version)
}

func secretDescription(f *jobschema.Field) string {
	text := f.Docs()
	if f.Required {
		text += fmt.Sprintf(" Required, here or as `%s%s`.", f.ID, writeOnlySuffix)
	}
	return text + " Terraform keeps it in its state as plain text."
}

func stringAttribute(c common) schema.Attribute {
	a := schema.StringAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if s, ok := c.fallback.(string); ok {
		a.Default = stringdefault.StaticString(s)
	}
	if c.field.Infer != nil {
		a.PlanModifiers = append(a.PlanModifiers, inferred{c.field.Infer})
	}
	if c.replace {
		a.PlanModifiers = append(a.PlanModifiers, replaceOnChange{c.schema, c.field})
	}
	return a
}

func integerAttribute(c common) schema.Attribute {
	a := schema.Int64Attribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if n, ok := c.fallback.(int64); ok {
		a.Default = int64default.StaticInt64(n)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Int64{replaceOnChange{c.schema, c.field}}
	}
	return a
}

func numberAttribute(c common) schema.Attribute {
	a := schema.Float64Attribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if n, ok := c.fallback.(float64); ok {
		a.Default = numberDefault(n)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Float64{replaceOnChange{c.schema, c.field}}
	}
	return a
}

func booleanAttribute(c common) schema.Attribute {
	a := schema.BoolAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated,
		Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if b, ok := c.fallback.(bool); ok {
		a.Default = booldefault.StaticBool(b)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Bool{replaceOnChange{c.schema, c.field}}
	}
	return a
}

func listAttribute(c common) schema.Attribute {
	var modifiers []planmodifier.List
	if c.replace {
		modifiers = []planmodifier.List{replaceOnChange{c.schema, c.field}}
	}
	if c.field.Items.Type == jobschema.TypeObject {
		return schema.ListNestedAttribute{
			MarkdownDescription: c.description, DeprecationMessage: c.deprecated, Required: c.required, Optional: c.optional,
			NestedObject:  schema.NestedAttributeObject{Attributes: itemAttributes(c.schema, c.field.Items.Fields)},
			PlanModifiers: modifiers,
		}
	}
	return schema.ListAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated, Required: c.required, Optional: c.optional,
		ElementType: elementTypes[c.field.Items.Type], PlanModifiers: modifiers,
	}
}

func objectAttribute(c common) schema.Attribute {
	a := schema.SingleNestedAttribute{
		MarkdownDescription: c.description, DeprecationMessage: c.deprecated, Required: c.required, Optional: c.optional,
		Attributes: fieldAttributes(c.schema, c.field.Fields),
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Object{replaceOnChange{c.schema, c.field}}
	}
	return a
}
