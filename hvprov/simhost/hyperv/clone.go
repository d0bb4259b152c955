// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"reflect"
	"time"
)

// clone gives a copy of a state that shares nothing with it that can be changed. It looks at the fields themselves, so that
// none which is added later is forgotten.
func (s *State) clone() *State {
	c := *s
	detach(reflect.ValueOf(&c).Elem())
	return &c
}

// detach replaces what v shares with the value that it was copied from.
func detach(v reflect.Value) {
	if !shares(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(list, v)
		v.Set(list)
		if shares(v.Type().Elem()) {
			for i := range v.Len() {
				detach(v.Index(i))
			}
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		all := reflect.MakeMapWithSize(v.Type(), v.Len())
		for at := v.MapRange(); at.Next(); {
			item := reflect.New(v.Type().Elem()).Elem()
			item.Set(at.Value())
			detach(item)
			all.SetMapIndex(at.Key(), item)
		}
		v.Set(all)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		item := reflect.New(v.Elem().Type())
		item.Elem().Set(v.Elem())
		detach(item.Elem())
		if v.Kind() == reflect.Interface {
			item = item.Elem()
		}
		v.Set(item)
	case reflect.Struct:
		for i := range v.NumField() {
			detach(v.Field(i))
		}
	default: // an array: a state has none
		for i := range v.Len() {
			detach(v.Index(i))
		}
	}
}

var timeType = reflect.TypeFor[time.Time]()

// shares tells whether copies of a type's values share something.
func shares(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return true
	case reflect.Array:
		return shares(t.Elem())
	case reflect.Struct:
		if t == timeType { // which nothing can change
			return false
		}
		for i := range t.NumField() {
			if shares(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
