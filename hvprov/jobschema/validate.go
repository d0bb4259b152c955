// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Validate holds values to the schema.
func (s *Schema) Validate(values map[string]any) (job.Fields, error) { return nil, nil }

// ValidatePartial is Validate while some values are not known yet.
func (s *Schema) ValidatePartial(values map[string]any, unknown map[string]bool) []Fault { return nil }

// Check holds one value to the field's type and validations.
func (f *Field) Check(v any) (any, *Fault) { return nil, nil }

// Docs gives what people need to know of the field, as Markdown.
func (f *Field) Docs() string { return "" }

func quote(s string) string { return s }
