// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// hostData is a data source about hosts. The inventories of the library answer all of them: one request for each host.
type hostData struct {
	vmResource // for the connection

	name       string // without the name of the provider
	text       string // description in Markdown
	attributes map[string]schema.Attribute
	// read returns the values of the computed attributes, as toTerraform takes them.
	read func(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any
}

var _ datasource.DataSourceWithConfigure = (*hostData)(nil)

// Metadata sets the type name of the data source.
func (d *hostData) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = typeName + "_" + d.name
}

// Schema returns the attributes of the data source.
func (d *hostData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: d.text, Attributes: d.attributes}
}

// Configure receives the connection that [Provider.Configure] made.
func (d *hostData) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.conn, _ = req.ProviderData.(*connection)
}

// Read reads the data source.
func (d *hostData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	if !d.ready() {
		addNotReady(&resp.Diagnostics, "Unable to read "+typeName+"_"+d.name)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	read := d.read(ctx, d, req.Config.Raw, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	values := map[string]any{}
	for name := range d.attributes {
		v, err := fromTerraform(attribute(req.Config.Raw, name))
		if err != nil {
			resp.Diagnostics.AddError("Unable to read "+typeName+"_"+d.name, sentence(err))
			return
		}
		values[name] = v
	}
	maps.Copy(values, read)
	state, err := toTerraform(req.Config.Raw.Type(), values)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read "+typeName+"_"+d.name, sentence(err))
		return
	}
	resp.State.Raw = state
}

// host returns the configured name of the host that the configuration names, or of the only one. It is empty after an error.
func (d *hostData) host(config tftypes.Value, diags *diag.Diagnostics) string {
	return d.conn.requestedHost(stringOf(attribute(config, "host")), diags)
}

// Constructors of attributes.

func dataText(text string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: text}
}

func dataNumber(text string) schema.Attribute {
	return schema.NumberAttribute{Computed: true, MarkdownDescription: text}
}

func dataFlag(text string) schema.Attribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: text}
}

func dataTexts(text string) schema.Attribute {
	return schema.ListAttribute{Computed: true, MarkdownDescription: text, ElementType: types.StringType}
}

func dataObjects(text string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: text, NestedObject: schema.NestedAttributeObject{Attributes: attributes}}
}
