// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// The shape of a schema file.
type (
	schemaShape struct {
		ID            string           `json:"id"`
		Version       int              `json:"version"`
		Name          string           `json:"name,omitempty"`
		Description   string           `json:"description,omitempty"`
		Fields        []fieldShape     `json:"fields"`
		ParameterSets []setShape       `json:"parameter_sets,omitempty"`
		Migrations    []migrationShape `json:"migrations,omitempty"`
	}
	fieldShape struct {
		ID            string              `json:"id,omitempty"`
		Label         string              `json:"label,omitempty"`
		Description   string              `json:"description,omitempty"`
		Hint          string              `json:"hint,omitempty"`
		Deprecated    string              `json:"deprecated,omitempty"`
		Type          Type                `json:"type"`
		Required      bool                `json:"required,omitempty"`
		Default       any                 `json:"default,omitempty"`
		Validations   *validationShape    `json:"validations,omitempty"`
		Applicability map[string][]string `json:"applicability,omitempty"`
		Infer         *inferShape         `json:"infer,omitempty"`
		Change        Change              `json:"change,omitempty"`
		Observed      string              `json:"observed,omitempty"`
		StandsFor     string              `json:"stands_for,omitempty"`
		Items         *fieldShape         `json:"items,omitempty"`
		Fields        []fieldShape        `json:"fields,omitempty"`
	}
	validationShape struct {
		MinLength          *int     `json:"min_length,omitempty"`
		MaxLength          *int     `json:"max_length,omitempty"`
		Minimum            *float64 `json:"minimum,omitempty"`
		Maximum            *float64 `json:"maximum,omitempty"`
		Pattern            string   `json:"pattern,omitempty"`
		PatternDescription string   `json:"pattern_description,omitempty"`
		OneOf              []string `json:"one_of,omitempty"`
		MinItems           *int     `json:"min_items,omitempty"`
		MaxItems           *int     `json:"max_items,omitempty"`
		UniqueBy           string   `json:"unique_by,omitempty"`
	}
	inferShape struct {
		From  string      `json:"from"`
		Rules []ruleShape `json:"rules"`
	}
	ruleShape struct {
		Pattern string `json:"pattern"`
		Value   string `json:"value"`
	}
	setShape struct {
		ID          string              `json:"id"`
		Label       string              `json:"label,omitempty"`
		Description string              `json:"description,omitempty"`
		Members     []string            `json:"members,omitempty"`
		Mode        Mode                `json:"mode,omitempty"`
		Variants    []variantShape      `json:"variants,omitempty"`
		Rules       []map[string]string `json:"rules,omitempty"`
	}
	variantShape struct {
		ID       string   `json:"id"`
		Label    string   `json:"label,omitempty"`
		Required []string `json:"required"`
		Optional []string `json:"optional,omitempty"`
	}
	migrationShape struct {
		From    int                     `json:"from"`
		Dropped []string                `json:"dropped,omitempty"`
		Renamed map[string]string       `json:"renamed,omitempty"`
		Split   map[string]splitShape   `json:"split,omitempty"`
		Retyped map[string]retypedShape `json:"retyped,omitempty"`
	}
	splitShape struct {
		Pattern string `json:"pattern"`
	}
	retypedShape struct {
		From   Type              `json:"from"`
		Values map[string]string `json:"values,omitempty"`
	}
)

// MarshalJSON implements [json.Marshaler]: it gives the schema whole, in the shape of its file, which [Load] reads.
func (s *Schema) MarshalJSON() ([]byte, error) { return s.encode(s.shape()) }

func (*Schema) encode(shape schemaShape) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(shape); err != nil {
		return nil, err
	}
	return printable(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// printable escapes what JSON takes as it is and YAML does not: control characters, and some that stand for none. In JSON
// they are only ever within text.
func printable(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

func (s *Schema) shape() schemaShape {
	shape := schemaShape{ID: s.ID, Version: s.Version, Name: s.Name, Description: s.Description, Fields: shapes(s.Fields)}
	for _, p := range s.ParameterSets {
		shape.ParameterSets = append(shape.ParameterSets, p.shape())
	}
	for _, m := range s.Migrations {
		shape.Migrations = append(shape.Migrations, m.shape())
	}
	return shape
}

func shapes(fields []Field) []fieldShape {
	var list []fieldShape
	for i := range fields {
		list = append(list, fields[i].shape())
	}
	return list
}

func (f *Field) shape() fieldShape {
	shape := fieldShape{
		ID: f.ID, Label: f.Label, Description: f.Description, Hint: f.Hint, Deprecated: f.Deprecated, Type: f.Type,
		Required: f.Required && f.ID != "", // an item's is not in the file
		Default:  f.Default, Applicability: f.Applicability, Change: f.Change, Observed: f.Observed, StandsFor: f.StandsFor,
		Fields: shapes(f.Fields),
	}
	if v := f.Validations; v.MinLength != nil || v.MaxLength != nil || v.Minimum != nil || v.Maximum != nil ||
		v.Pattern != "" || v.OneOf != nil || v.MinItems != nil || v.MaxItems != nil || v.UniqueBy != "" {
		shape.Validations = &validationShape{
			v.MinLength, v.MaxLength, v.Minimum, v.Maximum, v.Pattern, v.PatternDescription, v.OneOf, v.MinItems, v.MaxItems, v.UniqueBy,
		}
	}
	if f.Infer != nil {
		shape.Infer = &inferShape{From: f.Infer.From}
		for _, r := range f.Infer.Rules {
			shape.Infer.Rules = append(shape.Infer.Rules, ruleShape{r.Pattern, r.Value})
		}
	}
	if f.Items != nil {
		items := f.Items.shape()
		shape.Items = &items
	}
	return shape
}

func (p *ParameterSet) shape() setShape {
	shape := setShape{ID: p.ID, Label: p.Label, Description: p.Description, Members: p.Members, Mode: p.Mode}
	for _, v := range p.Variants {
		shape.Variants = append(shape.Variants, variantShape(v))
	}
	for _, r := range p.Rules {
		rule := map[string]string{"kind": string(r.Kind)}
		for role, id := range r.Fields {
			rule[role] = id
		}
		shape.Rules = append(shape.Rules, rule)
	}
	return shape
}

func (m *Migration) shape() migrationShape {
	shape := migrationShape{From: m.From, Dropped: m.Dropped}
	if len(m.Renamed) > 0 {
		shape.Renamed = map[string]string{}
	}
	for _, r := range m.Renamed {
		shape.Renamed[r.From] = r.To
	}
	if len(m.Split) > 0 {
		shape.Split = map[string]splitShape{}
	}
	for _, split := range m.Split {
		shape.Split[split.From] = splitShape{split.Pattern}
	}
	if len(m.Retyped) > 0 {
		shape.Retyped = map[string]retypedShape{}
	}
	for _, r := range m.Retyped {
		shape.Retyped[r.Field] = retypedShape{r.From, r.Values}
	}
	return shape
}
