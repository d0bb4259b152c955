// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// jobInputs is the data source `hypervvm_job_inputs`: the job schema, whole. It needs no host.
type jobInputs struct {
	schema    *jobschema.Schema
	schemaErr error
}

var _ datasource.DataSource = (*jobInputs)(nil)

// Metadata names the data source.
func (*jobInputs) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = typeName + "_job_inputs"
}

// Schema describes the attributes.
func (d *jobInputs) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description, Computed: true}
	}
	flag := func(description string) schema.BoolAttribute {
		return schema.BoolAttribute{MarkdownDescription: description, Computed: true}
	}
	texts := func(description string) schema.ListAttribute {
		return schema.ListAttribute{MarkdownDescription: description, Computed: true, ElementType: types.StringType}
	}
	list := func(description string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
		return schema.ListNestedAttribute{
			MarkdownDescription: description, Computed: true,
			NestedObject: schema.NestedAttributeObject{Attributes: attributes},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The job schema that the provider works with: its own, or the one in the file that the variable `" +
			envSchemaFile + "` names. The attributes of the resource `hypervvm` follow from it. No host is asked.",
		Attributes: map[string]schema.Attribute{
			"id":          text("Id of the schema, such as `vm-provisioning`."),
			"version":     schema.Int64Attribute{MarkdownDescription: "Version of the schema, from 1.", Computed: true},
			"name":        text("Name of the schema, for people."),
			"description": text("What the schema is about."),
			"json":        text("The schema whole, as JSON in the shape of its file: all that is below, and validations, inference and migrations."),
			"fields": list("The fields in the schema's order. Those within an object or a list of objects come behind it.", map[string]schema.Attribute{
				"path":        text("Id of the field; within an object, `<field>.<id>`."),
				"label":       text("A few words."),
				"description": text("What the value is for."),
				"hint":        text("An example of a value."),
				"deprecated":  text("What to use instead; null for a field that is not deprecated."),
				"type":        text("Type of the value: `string`, `secret`, `multiline`, `integer`, `number`, `boolean`, `ipv4`, `hostname`, `enum`, `list` or `object`."),
				"item_type":   text("Type of a list's items; null for other types."),
				"required":    flag("Whether there must be a value."),
				"secret":      flag("Whether the value is never shown."),
				"default":     text("The value where none is given, as text; null for none."),
				"one_of":      texts("The values that an enum takes; null for other types."),
				"change":      text("How a new value reaches a machine that exists: `in_place`, `power_cycle` or `replace`. Null within an object."),
				"observed":    text("The property of the machine that shows the value on the host; null where none does."),
			}),
			"parameter_sets": list("What belongs together.", map[string]schema.Attribute{
				"id":          text("Id of the set."),
				"label":       text("A few words."),
				"description": text("What the fields are for together."),
				"variants": list("The ways to give the set: one of them, or nothing of it.", map[string]schema.Attribute{
					"id":       text("Id of the variant."),
					"label":    text("A few words."),
					"required": texts("Fields that must be given."),
					"optional": texts("Fields that may be given as well."),
				}),
			}),
		},
	}
}

type (
	jobInputsModel struct {
		ID          string       `tfsdk:"id"`
		Version     int64        `tfsdk:"version"`
		Name        string       `tfsdk:"name"`
		Description string       `tfsdk:"description"`
		JSON        string       `tfsdk:"json"`
		Fields      []fieldModel `tfsdk:"fields"`
		Sets        []setModel   `tfsdk:"parameter_sets"`
	}
	fieldModel struct {
		Path        string   `tfsdk:"path"`
		Label       *string  `tfsdk:"label"`
		Description *string  `tfsdk:"description"`
		Hint        *string  `tfsdk:"hint"`
		Deprecated  *string  `tfsdk:"deprecated"`
		Type        string   `tfsdk:"type"`
		ItemType    *string  `tfsdk:"item_type"`
		Required    bool     `tfsdk:"required"`
		Secret      bool     `tfsdk:"secret"`
		Default     *string  `tfsdk:"default"`
		OneOf       []string `tfsdk:"one_of"`
		Change      *string  `tfsdk:"change"`
		Observed    *string  `tfsdk:"observed"`
	}
	setModel struct {
		ID          string         `tfsdk:"id"`
		Label       string         `tfsdk:"label"`
		Description *string        `tfsdk:"description"`
		Variants    []variantModel `tfsdk:"variants"`
	}
	variantModel struct {
		ID       string   `tfsdk:"id"`
		Label    string   `tfsdk:"label"`
		Required []string `tfsdk:"required"`
		Optional []string `tfsdk:"optional"`
	}
)

// Read gives the schema.
func (d *jobInputs) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	if d.schemaErr != nil {
		resp.Diagnostics.AddError("Invalid job schema", sentence(d.schemaErr))
		return
	}
	text, err := d.schema.MarshalJSON()
	if err != nil {
		resp.Diagnostics.AddError("Unable to write the job schema as JSON", sentence(err))
		return
	}
	model := jobInputsModel{
		ID: d.schema.ID, Version: int64(d.schema.Version), Name: d.schema.Name, Description: d.schema.Description, JSON: string(text),
		Fields: fieldModels("", d.schema.Fields), Sets: []setModel{}, // an empty list can be gone through, null cannot
	}
	for i := range d.schema.ParameterSets {
		p := &d.schema.ParameterSets[i]
		set := setModel{ID: p.ID, Label: p.Label, Description: optional(p.Description)}
		for _, v := range p.Ways() {
			set.Variants = append(set.Variants, variantModel{v.ID, v.Label, v.Required, append([]string{}, v.Optional...)})
		}
		model.Sets = append(model.Sets, set)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func fieldModels(at string, fields []jobschema.Field) []fieldModel {
	models := make([]fieldModel, 0, len(fields))
	for i := range fields {
		f := &fields[i]
		m := fieldModel{
			Path: at + f.ID, Label: optional(f.Label), Description: optional(f.Description), Hint: optional(f.Hint),
			Deprecated: optional(f.Deprecated), Type: string(f.Type), Required: f.Required, Secret: f.Secret(),
			OneOf: f.Validations.OneOf, Change: optional(string(f.Change)), Observed: optional(f.Observed),
		}
		if f.Default != nil {
			m.Default = optional(fmt.Sprint(f.Default))
		}
		within := f.Fields
		if f.Items != nil {
			m.ItemType, within = optional(string(f.Items.Type)), f.Items.Fields
		}
		models = append(models, m)
		models = append(models, fieldModels(at+f.ID+".", within)...)
	}
	return models
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
