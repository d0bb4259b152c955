// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// observation holds the inventory properties of a virtual machine by their JSON names, which `observed` refers to.
type observation map[string]any

func observe(vm *job.VM) (observation, error) {
	text, err := json.Marshal(vm)
	if err != nil {
		return nil, err
	}
	var o observation
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	if vm.DiskSizeGB == nil {
		delete(o, "disk_size_gb") // unknown to the host: not a difference
	}
	if vm.JobID == "" {
		o.addForeign(vm)
	}
	// A transient power state counts as the state that it leads to: the desired state is compared with it.
	switch o["power_state"] {
	case "starting":
		o["power_state"] = "running"
	case "stopping":
		o["power_state"] = "off"
	}
	return o, nil
}

// value returns the observed value of a field. It reports false if the host cannot determine it, as with a boolean that is
// null. An empty string and the number 0 mean "none", which is nil.
//
// An integer field cannot show a fraction, which somebody else has set: it shows the whole number below. Of memory it shows the one
// above where the one below is the value before, so that the difference is not lost. The size of a disk is different: it cannot be
// reduced, so that a fraction is no difference that a plan could undo. Less than 1 is nil: no configuration has a size of 0.
func (o observation) value(f *jobschema.Field, before any) (value any, ok bool) {
	if f.Observed == "" {
		return nil, false
	}
	value, ok = o[f.Observed]
	switch x := value.(type) {
	case nil:
		// For a boolean and a list, null means "unknown"; for other types it means "none".
		return nil, ok && f.Type != jobschema.TypeBoolean && f.Type != jobschema.TypeList
	case []any:
		if f.Items.Type != jobschema.TypeObject {
			return observedOrder(before, x), true
		}
		objects := observedObjects(f, before, x)
		if o["job_id"] == "" {
			return named(f, before, objects)
		}
		return objects, true
	case string:
		if x == "" {
			return nil, ok
		}
	case float64:
		if x == 0 {
			return nil, ok
		}
		whole := wholeNumber(f, x)
		switch {
		case whole != x && f.Observed == observedMemory && isNumber(before, whole):
			return math.Ceil(x), ok
		case whole == 0:
			return nil, ok
		}
		return whole, ok
	}
	return value, ok
}

// keepsObserved reports whether a field that the configuration omits keeps and shows the value of the virtual machine: it is observed, and
// neither required nor given by the schema.
func keepsObserved(f *jobschema.Field) bool {
	return f.Observed != "" && !f.Required && f.Default == nil && f.Infer == nil && !f.HoldsSecret()
}

// shownValue returns the value of an observed field in the state. A value that a configuration cannot have, which others have set, is not
// shown: a configuration that Terraform generates must be valid.
func shownValue(f *jobschema.Field, observed any) any {
	if observed == nil {
		return noneValue(f)
	}
	if _, fault := f.Check(observed); fault != nil && f.Type != jobschema.TypeList {
		return nil
	}
	return observed
}

// noneValue returns the value by which an observed field shows that the virtual machine has none: the one that a configuration can have
// as well. It is nil where there is no such value.
func noneValue(f *jobschema.Field) any {
	switch {
	case f.Validations.ZeroIsNone:
		return float64(0)
	case f.Type == jobschema.TypeEnum, f.Validations.MinLength != nil && *f.Validations.MinLength > 0:
		return nil
	case f.Type == jobschema.TypeString || f.Type == jobschema.TypeMultiline || f.Type == jobschema.TypeMAC || f.Type == jobschema.TypeHostname:
		return ""
	}
	return nil
}

// observedObjects returns a list of objects with the keys of the field's own objects. What a host does not report, such as the settings of
// the guest, is as in the object before, or has its default.
func observedObjects(f *jobschema.Field, before any, observed []any) []any {
	objects := make([]any, 0, len(observed))
	for _, one := range observed {
		properties, _ := one.(map[string]any)
		object := map[string]any{}
		for i := range f.Items.Fields {
			part := &f.Items.Fields[i]
			value := properties[part.ObservedPart()]
			if x, ok := value.(float64); ok {
				value = wholeNumber(part, x)
			}
			object[part.ID] = value
		}
		then := sameObject(f, before, object)
		for i := range f.Items.Fields {
			part := &f.Items.Fields[i]
			if _, reported := properties[part.ObservedPart()]; reported {
				continue
			}
			if object[part.ID] = part.Default; then != nil {
				object[part.ID] = then[part.ID]
			}
		}
		objects = append(objects, object)
	}
	return objects
}

// observedOrder returns an observed list of single values, or the list before if the observed one begins with its items, except those that
// the virtual machine does not have: what a definition leaves out of an order comes last.
func observedOrder(before any, observed []any) any {
	was, _ := before.([]any)
	has := slices.DeleteFunc(slices.Clone(was), func(item any) bool { return !slices.Contains(observed, item) })
	if len(was) > 0 && slices.Equal(has, observed[:len(has)]) {
		return before
	}
	return observed
}

// observedMemory is the property of the startup memory.
const observedMemory = "memory_gb"

// isNumber reports whether a value of a state, as [fromTerraform] returns it, is a number.
func isNumber(v any, want float64) bool {
	n, ok := v.(json.Number)
	if !ok {
		return false
	}
	x, err := n.Float64()
	return err == nil && x == want
}

// wholeNumber rounds down the value of an integer field.
func wholeNumber(f *jobschema.Field, x float64) float64 {
	if f.Type == jobschema.TypeInteger {
		return math.Floor(x)
	}
	return x
}

// keepSpellings returns an observed list of objects with the spellings of the values before where they mean the same, so that a change of
// one object shows no other. Other values are returned as they are.
func keepSpellings(f *jobschema.Field, before, observed any) any {
	is, isList := observed.([]any)
	if !isList || f.Items == nil {
		return observed
	}
	for _, item := range is {
		now, _ := item.(map[string]any)
		then := sameObject(f, before, now)
		if then == nil {
			continue
		}
		for i := range f.Items.Fields {
			if id := f.Items.Fields[i].ID; samePart(f, id, then, now) {
				now[id] = then[id]
			}
		}
	}
	return is
}

// sameObject returns the object of a list, before or after, that has the name of an object. It is nil if there is none.
func sameObject(f *jobschema.Field, list any, object map[string]any) map[string]any {
	objects, _ := list.([]any)
	for _, one := range objects {
		if other, _ := one.(map[string]any); f.Validations.UniqueBy != "" && samePart(f, f.Validations.UniqueBy, other, object) {
			return other
		}
	}
	return nil
}

// samePart reports whether a field of two objects of a list has the same value.
func samePart(f *jobschema.Field, id string, a, b map[string]any) bool {
	for i := range f.Items.Fields {
		if part := &f.Items.Fields[i]; part.ID == id {
			return part.Equal(a[id], b[id])
		}
	}
	return false
}
