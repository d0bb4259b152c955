// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// schemaDocuments are the job schema in the forms that the API serves.
type schemaDocuments struct {
	own        json.RawMessage // the form of a schema file, as JSON
	jsonSchema json.RawMessage // JSON Schema of the values of a provision
}

func newSchemaDocuments(s *jobschema.Schema) (d schemaDocuments, err error) {
	if d.own, err = json.Marshal(s); err != nil {
		return d, fmt.Errorf("job schema: %w", err)
	}
	if d.jsonSchema, err = json.Marshal(jsonSchemaOf(s)); err != nil {
		return d, fmt.Errorf("job schema as JSON Schema: %w", err)
	}
	return d, nil
}

// getSchema returns the job schema.
func (h *Handler) getSchema(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r, "format")
	if err != nil {
		return err
	}
	switch values.Get("format") {
	case "", "fields":
		return replyTagged(w, r, "application/json", h.schema.own)
	case "json-schema":
		return replyTagged(w, r, "application/schema+json", h.schema.jsonSchema)
	}
	return newProblem("invalid_request", "query parameter format must be fields or json-schema")
}

// object is a JSON object.
type object = map[string]any

// jsonSchemaOf returns the values of a provision as JSON Schema 2020-12. It accepts nothing that the service refuses by its types, and
// leaves to the service what JSON Schema cannot express, such as values that are inferred from others and rules between values.
func jsonSchemaOf(s *jobschema.Schema) object {
	root := objectSchema(s.Fields, s.ParameterSets)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = fmt.Sprintf("urn:hvprov:job-schema:%s:%d", s.ID, s.Version)
	root["title"] = s.Name
	if s.Description != "" {
		root["description"] = s.Description
	}
	return root
}

// objectSchema returns the schema of an object with fields and parameter sets.
func objectSchema(fields []jobschema.Field, sets []jobschema.ParameterSet) object {
	properties := object{}
	var required []string
	var rules []any
	for i := range fields {
		f := &fields[i]
		properties[f.ID] = fieldSchema(f)
		if f.Required && f.Infer == nil && f.Applicability == nil {
			required = append(required, f.ID)
		}
		for _, other := range slices.Sorted(maps.Keys(f.Applicability)) { // the field must be absent if the other has another value
			condition := object{"required": []string{other}}
			if values := f.Applicability[other]; len(values) > 0 {
				condition["properties"] = object{other: object{"not": object{"enum": values}}}
			}
			rule := object{"if": condition, "then": object{"properties": object{f.ID: false}}}
			if f.Required && len(f.Applicability) == 1 && len(f.Applicability[other]) == 0 {
				rule["else"] = object{"required": []string{f.ID}}
			}
			rules = append(rules, rule)
		}
	}
	for i := range sets {
		rules = append(rules, setRules(&sets[i])...)
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	if len(rules) > 0 {
		schema["allOf"] = rules
	}
	return schema
}

// jsonTypes are the JSON types of the types of fields.
var jsonTypes = map[jobschema.Type]string{jobschema.TypeInteger: "integer", jobschema.TypeNumber: "number", jobschema.TypeBoolean: "boolean"}

// formats are the formats of the types of fields.
var formats = map[jobschema.Type]string{jobschema.TypeIPv4: "ipv4", jobschema.TypeIPv6: "ipv6", jobschema.TypeHostname: "hostname", jobschema.TypeSecret: "password"}

func fieldSchema(f *jobschema.Field) object {
	var schema object
	switch f.Type {
	case jobschema.TypeList:
		schema = object{"type": "array", "items": fieldSchema(f.Items)}
	case jobschema.TypeObject:
		schema = objectSchema(f.Fields, f.ParameterSets)
	case jobschema.TypeEnum:
		schema = object{"enum": f.Validations.OneOf}
	default:
		schema = object{"type": "string"}
		if kind, ok := jsonTypes[f.Type]; ok {
			schema["type"] = kind
		}
	}
	add := func(name string, value any, set bool) {
		if set {
			schema[name] = value
		}
	}
	v := &f.Validations
	add("title", f.Label, f.Label != "")
	add("description", f.Description, f.Description != "")
	add("deprecated", true, f.Deprecated != "")
	add("default", f.Default, f.Default != nil)
	add("examples", []any{f.Hint}, f.Hint != "" && schema["type"] == "string" && f.Type != jobschema.TypeSecret)
	add("format", formats[f.Type], formats[f.Type] != "")
	add("writeOnly", true, f.Secret())
	add("minLength", v.MinLength, v.MinLength != nil)
	add("maxLength", v.MaxLength, v.MaxLength != nil)
	add("maximum", v.Maximum, v.Maximum != nil)
	add("minimum", v.Minimum, v.Minimum != nil && !v.ZeroIsNone)
	if v.Minimum != nil && v.ZeroIsNone {
		schema["anyOf"] = []any{object{"const": 0}, object{"minimum": v.Minimum}}
	}
	add("multipleOf", v.MultipleOf, v.MultipleOf != nil)
	add("minItems", v.MinItems, v.MinItems != nil)
	add("maxItems", v.MaxItems, v.MaxItems != nil)
	add("uniqueItems", true, v.Unique)
	add("pattern", "^(?:"+v.Pattern+")$", v.Pattern != "" && isPortable(v.Pattern))
	return schema
}

// goOnly matches what regular expressions of Go (RE2) have and those of ECMAScript, which JSON Schema uses, do not.
var goOnly = regexp.MustCompile(`\(\?[^:=!<]|\\[AzQEC]|\[\[:`)

func isPortable(pattern string) bool { return !goOnly.MatchString(pattern) }

// setRules returns the rules of a parameter set: if one of its fields is set, one of its variants matches.
func setRules(p *jobschema.ParameterSet) []any {
	var all []string
	for _, v := range p.AllVariants() {
		all = slices.Concat(all, v.Required, v.Optional)
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	all = slices.Compact(all)
	var variants []any
	for _, v := range p.AllVariants() {
		variant := object{"required": v.Required}
		if title := strings.TrimSpace(v.Label); title != "" {
			variant["title"] = title
		}
		absent := object{} // a field of the set that the variant does not have
		for _, id := range all {
			if !slices.Contains(v.Required, id) && !slices.Contains(v.Optional, id) {
				absent[id] = false
			}
		}
		if len(absent) > 0 {
			variant["properties"] = absent
		}
		variants = append(variants, variant)
	}
	anySet := make([]any, len(all))
	for i, id := range all {
		anySet[i] = object{"required": []string{id}}
	}
	return []any{object{"if": object{"anyOf": anySet}, "then": object{"anyOf": variants}}}
}
