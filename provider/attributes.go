// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// common is what every kind of attribute is told of its field.
type common struct {
	description                             string
	required, optional, computed, sensitive bool
	fallback                                any  // the default; nil for none
	replace                                 bool // a change makes another virtual machine
}

// constructors makes the attribute of a field by its type. It is the only place that knows both.
var constructors = map[jobschema.Type]func(common) schema.Attribute{
	jobschema.TypeString:    stringAttribute,
	jobschema.TypeSecret:    stringAttribute,
	jobschema.TypeMultiline: stringAttribute,
	jobschema.TypeIPv4:      stringAttribute,
	jobschema.TypeHostname:  stringAttribute,
	jobschema.TypeEnum:      stringAttribute,
	jobschema.TypeInteger:   integerAttribute,
	jobschema.TypeNumber:    numberAttribute,
	jobschema.TypeBoolean:   booleanAttribute,
}

// newAttribute makes the attribute of a field. Whether a value is right is not the attribute's business but that of
// ValidateConfig, which sees all of them.
func newAttribute(f *jobschema.Field) (schema.Attribute, bool) {
	construct, ok := constructors[f.Type]
	if !ok {
		return nil, false
	}
	return construct(common{
		description: f.Docs(),
		required:    f.Required && f.Default == nil,
		optional:    !f.Required || f.Default != nil,
		computed:    f.Default != nil,
		sensitive:   f.Type == jobschema.TypeSecret,
		fallback:    f.Default,
		replace:     f.Change == jobschema.ChangeReplace,
	}), true
}

func stringAttribute(c common) schema.Attribute {
	a := schema.StringAttribute{
		MarkdownDescription: c.description, Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if s, ok := c.fallback.(string); ok {
		a.Default = stringdefault.StaticString(s)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.String{replaceOnChange{}}
	}
	return a
}

func integerAttribute(c common) schema.Attribute {
	a := schema.Int64Attribute{
		MarkdownDescription: c.description, Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if n, ok := c.fallback.(int64); ok {
		a.Default = int64default.StaticInt64(n)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Int64{replaceOnChange{}}
	}
	return a
}

func numberAttribute(c common) schema.Attribute {
	a := schema.Float64Attribute{
		MarkdownDescription: c.description, Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if n, ok := c.fallback.(float64); ok {
		a.Default = float64default.StaticFloat64(n)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Float64{replaceOnChange{}}
	}
	return a
}

func booleanAttribute(c common) schema.Attribute {
	a := schema.BoolAttribute{
		MarkdownDescription: c.description, Required: c.required, Optional: c.optional, Computed: c.computed, Sensitive: c.sensitive,
	}
	if b, ok := c.fallback.(bool); ok {
		a.Default = booldefault.StaticBool(b)
	}
	if c.replace {
		a.PlanModifiers = []planmodifier.Bool{replaceOnChange{}}
	}
	return a
}

// ownAttributes are those that the provider itself adds; jobschema keeps their names from fields.
func ownAttributes(ctx context.Context) map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{
			MarkdownDescription: "GUID of the virtual machine.",
			Computed:            true, PlanModifiers: keep,
		},
		"host": schema.StringAttribute{
			MarkdownDescription: "Name of the Hyper-V host, one of the provider's `hosts`. It may be left out where the provider has only one. Another host makes another virtual machine.",
			Optional:            true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), replaceOnChange{}},
		},
		"job_id": schema.StringAttribute{
			MarkdownDescription: "Id of the job that made the virtual machine, and name of its log file. Null for one that was imported and made otherwise.",
			Computed:            true, PlanModifiers: keep,
		},
		"state": schema.StringAttribute{
			MarkdownDescription: "What the host last said of the virtual machine: `running`, `off`, `paused`, `saved`, `starting`, `stopping` or `other`.",
			Computed:            true,
		},
		"ip_addresses": schema.ListAttribute{
			MarkdownDescription: "IP addresses that the guest reports, without link-local ones. Empty until its integration services run.",
			ElementType:         types.StringType, Computed: true,
		},
		"allow_power_cycle": schema.BoolAttribute{
			MarkdownDescription: "Whether a running virtual machine may be shut down and started for a change that needs it. Without it such a change is an error of the plan. Default: `false`.",
			Optional:            true, Computed: true, Default: booldefault.StaticBool(false),
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, CreateDescription: "Time for making the virtual machine, such as `45m`; then the job is cancelled and undone. Default: `30m`.",
			Read: true, ReadDescription: "Time for asking the host. Default: `2m`.",
			Update: true, UpdateDescription: "Time for changing it. Default: `30m`.",
			Delete: true, DeleteDescription: "Time for removing it. Default: `15m`.",
		}),
	}
}

// resourceAttributes gives all attributes of the resource.
func resourceAttributes(ctx context.Context, s *jobschema.Schema) (map[string]schema.Attribute, []string) {
	attributes := make(map[string]schema.Attribute, len(s.Fields)+8)
	var unfit []string
	for i := range s.Fields {
		f := &s.Fields[i]
		if a, ok := newAttribute(f); ok {
			attributes[f.ID] = a
		} else {
			unfit = append(unfit, f.ID)
		}
	}
	maps.Copy(attributes, ownAttributes(ctx))
	return attributes, unfit
}
