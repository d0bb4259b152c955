// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func convertSchema(in *tfprotov6.Schema) (schema, error) {
	if in == nil || in.Block == nil {
		return schema{Block: block{DescriptionKind: "plain"}}, nil
	}
	b, err := convertBlock(in.Block)
	return schema{Version: in.Version, Block: b}, err
}

func convertBlock(in *tfprotov6.SchemaBlock) (block, error) {
	out := block{
		Description:     in.Description,
		DescriptionKind: descriptionKind(in.DescriptionKind),
		Deprecated:      in.Deprecated,
	}
	var err error
	if out.Attributes, err = convertAttributes(in.Attributes); err != nil {
		return out, err
	}
	for _, nested := range in.BlockTypes {
		if out.BlockTypes == nil {
			out.BlockTypes = map[string]blockType{}
		}
		b, err := convertBlock(nested.Block)
		if err != nil {
			return out, fmt.Errorf("block %s: %w", nested.TypeName, err)
		}
		out.BlockTypes[nested.TypeName] = blockType{
			NestingMode: strings.ToLower(nested.Nesting.String()),
			Block:       b,
			MinItems:    nested.MinItems,
			MaxItems:    nested.MaxItems,
		}
	}
	return out, nil
}

func convertAttributes(in []*tfprotov6.SchemaAttribute) (map[string]attribute, error) {
	out := make(map[string]attribute, len(in))
	for _, a := range in {
		converted := attribute{
			Description:     a.Description,
			DescriptionKind: descriptionKind(a.DescriptionKind),
			Deprecated:      a.Deprecated,
			Required:        a.Required,
			Optional:        a.Optional,
			Computed:        a.Computed,
			Sensitive:       a.Sensitive,
			WriteOnly:       a.WriteOnly,
		}
		var err error
		if a.NestedType != nil {
			converted.NestedType = &nestedType{NestingMode: strings.ToLower(a.NestedType.Nesting.String())}
			converted.NestedType.Attributes, err = convertAttributes(a.NestedType.Attributes)
		} else {
			converted.Type, err = convertType(a.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		out[a.Name] = converted
	}
	return out, nil
}

func descriptionKind(kind tfprotov6.StringKind) string {
	if kind == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}

// convertType gives a type in the JSON form that Terraform writes: "string", ["list","string"],
// ["object",{"name":"string"}].
func convertType(in tftypes.Type) (json.RawMessage, error) {
	form, err := typeForm(in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(form)
}

func typeForm(in tftypes.Type) (any, error) {
	switch {
	case in.Is(tftypes.String):
		return "string", nil
	case in.Is(tftypes.Number):
		return "number", nil
	case in.Is(tftypes.Bool):
		return "bool", nil
	case in.Is(tftypes.DynamicPseudoType):
		return "dynamic", nil
	}
	switch t := in.(type) {
	case tftypes.List:
		return collection("list", t.ElementType)
	case tftypes.Set:
		return collection("set", t.ElementType)
	case tftypes.Map:
		return collection("map", t.ElementType)
	case tftypes.Object:
		attributes := make(map[string]any, len(t.AttributeTypes))
		for name, of := range t.AttributeTypes {
			form, err := typeForm(of)
			if err != nil {
				return nil, err
			}
			attributes[name] = form
		}
		return []any{"object", attributes}, nil
	}
	return nil, fmt.Errorf("the type %s has no form that this program knows", in)
}

func collection(kind string, of tftypes.Type) (any, error) {
	element, err := typeForm(of)
	return []any{kind, element}, err
}
