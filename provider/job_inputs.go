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

// jobInputs implements the data source `hypervvm_job_inputs`: the job schema. It needs no host.
type jobInputs struct {
	schema    *jobschema.Schema
	schemaErr error
}

var _ datasource.DataSource = (*jobInputs)(nil)

// Metadata sets the type name of the data source.
func (*jobInputs) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = typeName + "_job_inputs"
}

// Schema returns the attributes of the data source.
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
		MarkdownDescription: "The job schema that defines the attributes of the resource `hypervvm`: the default schema, or the file that the `" +
			envSchemaFile + "` environment variable names. Reading it contacts no host.",
		Attributes: map[string]schema.Attribute{
			"id":          text("ID of the schema, for example `vm-provisioning`."),
			"version":     schema.Int64Attribute{MarkdownDescription: "Version of the schema. Starts at 1.", Computed: true},
			"name":        text("Display name of the schema."),
			"description": text("Description of the schema."),
			"json":        text("The complete schema as JSON, in the structure of its file: includes validations, inference and migrations."),
			"fields": list("Fields in the order of the schema. The fields of an object or a list of objects follow it.", map[string]schema.Attribute{
				"path":        text("ID of the field; within an object, `<field>.<id>`."),
				"label":       text("Display name of the field."),
				"description": text("Description of the field."),
				"hint":        text("Example of a value."),
				"deprecated":  text("What to use instead. Null if the field is not deprecated."),
				"type":        text("Type of the value: `string`, `secret`, `multiline`, `integer`, `number`, `boolean`, `ipv4`, `ipv6`, `ip`, `mac`, `hostname`, `enum`, `list` or `object`."),
				"item_type":   text("Type of the items of a list. Null for other types."),
				"required":    flag("Whether a value is required."),
				"secret":      flag("Whether the value is a secret."),
				"default":     text("Default value, as text. Null if there is none."),
				"one_of":      texts("Values of an enum. Null for other types."),
				"change":      text("How a change is applied to an existing virtual machine: `in_place`, `power_cycle` or `replace`. Null within an object."),
				"observed":    text("Property of the virtual machine that shows the value on the host. Null if there is none."),
				"guest":       text("Role of the value in the guest, such as `hostname`. Null if there is none."),
			}),
			"parameter_sets": list("Fields that are only valid together.", map[string]schema.Attribute{
				"id":          text("ID of the set."),
				"label":       text("Display name."),
				"description": text("Description of the set."),
				"variants": list("Valid combinations: set the fields of one variant, or none of the set.", map[string]schema.Attribute{
					"id":       text("ID of the variant."),
					"label":    text("Display name."),
					"required": texts("Fields that the variant requires."),
					"optional": texts("Fields that the variant permits."),
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
		Guest       *string  `tfsdk:"guest"`
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

// Read returns the job schema.
func (d *jobInputs) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	if d.schemaErr != nil {
		resp.Diagnostics.AddError(invalidSchema, sentence(d.schemaErr))
		return
	}
	text, err := d.schema.MarshalJSON()
	if err != nil {
		resp.Diagnostics.AddError("Unable to encode the job schema", sentence(err))
		return
	}
	model := jobInputsModel{
		ID: d.schema.ID, Version: int64(d.schema.Version), Name: d.schema.Name, Description: d.schema.Description, JSON: string(text),
		Fields: fieldModels("", d.schema.Fields), Sets: []setModel{}, // configurations iterate over it: not null
	}
	for i := range d.schema.ParameterSets {
		p := &d.schema.ParameterSets[i]
		set := setModel{ID: p.ID, Label: p.Label, Description: stringOrNil(p.Description)}
		for _, v := range p.AllVariants() {
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
			Path: at + f.ID, Label: stringOrNil(f.Label), Description: stringOrNil(f.Description), Hint: stringOrNil(f.Hint),
			Deprecated: stringOrNil(f.Deprecated), Type: string(f.Type), Required: f.Required, Secret: f.Secret(),
			OneOf: f.Validations.OneOf, Change: stringOrNil(string(f.Change)), Observed: stringOrNil(f.Observed),
			Guest: stringOrNil(f.Guest),
		}
		if f.Default != nil {
			m.Default = stringOrNil(fmt.Sprint(f.Default))
		}
		within := f.Fields
		if f.Items != nil {
			m.ItemType, within = stringOrNil(string(f.Items.Type)), f.Items.Fields
		}
		models = append(models, m)
		models = append(models, fieldModels(at+f.ID+".", within)...)
	}
	return models
}

// stringOrNil returns nil for an empty string.
func stringOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
