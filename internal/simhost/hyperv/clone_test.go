// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// fill sets every value in v to something other than its zero value.
func fill(v reflect.Value, n *int64) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(*n, 0).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		item := reflect.New(v.Type().Elem()).Elem()
		fill(item, n)
		v.SetMapIndex(reflect.ValueOf("key"), item)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case v.Kind() == reflect.String:
		v.SetString(time.Unix(*n, 0).UTC().String())
	case v.CanInt():
		v.SetInt(*n)
	case v.CanFloat():
		v.SetFloat(float64(*n))
	case v.Kind() == reflect.Bool:
		v.SetBool(*n%2 == 0)
	}
}

func text(t *testing.T, s *State) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestACloneIsEqualAndSharesNothing(t *testing.T) {
	t.Parallel()
	state, n := new(State), int64(0)
	fill(reflect.ValueOf(state).Elem(), &n)
	before := text(t, state)
	c := state.clone()
	if got := text(t, c); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
	overwrite(reflect.ValueOf(c).Elem())
	if after := text(t, state); after != before {
		t.Errorf("the original changed with its clone:\n%s, was\n%s", after, before)
	}
}

// overwrite changes everything that is reachable from v.
func overwrite(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			overwrite(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			overwrite(v.Index(i))
		}
	case reflect.Map:
		v.Clear()
	case reflect.Pointer:
		if !v.IsNil() {
			overwrite(v.Elem())
		}
	default:
		v.SetZero()
	}
}

func BenchmarkStateOfFiftyVMs(b *testing.B) {
	store, err := Create(filepath.Join(b.TempDir(), "state.json"), Seed{VMs: 50})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := store.Read(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := store.Update(func(s *State) error { s.NextMAC++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
