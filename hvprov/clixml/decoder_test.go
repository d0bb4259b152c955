// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/clixml"
)

// decode gives the pieces to a decoder one after the other.
func decode(pieces ...[]byte) []clixml.Record {
	var records []clixml.Record
	d := clixml.NewDecoder(func(r clixml.Record) { records = append(records, r) })
	for _, p := range pieces {
		if n, err := d.Write(p); n != len(p) || err != nil {
			panic(fmt.Sprint("Write gave ", n, err))
		}
	}
	d.Close()
	return records
}

func bytewise(input []byte) [][]byte {
	pieces := make([][]byte, len(input))
	for i := range input {
		pieces[i] = input[i : i+1]
	}
	return pieces
}

// eachSplit calls check with the records of the input whole, byte by byte, and cut in two at every place.
func eachSplit(t *testing.T, input []byte, check func(how string, records []clixml.Record)) {
	t.Helper()
	check("whole", decode(input))
	check("byte by byte", decode(bytewise(input)...))
	for i := range input {
		check(fmt.Sprintf("cut at %d", i), decode(input[:i], input[i:]))
	}
}

func load(t testing.TB, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

type vector struct {
	Name   string   `json:"name"`
	Bytes  string   `json:"bytes_base64"`
	Expect []string `json:"expect"`
}

func (v vector) input(t testing.TB) []byte {
	t.Helper()
	input, err := base64.StdEncoding.DecodeString(v.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return input
}

// show writes a record as the vectors do.
func show(r clixml.Record) string {
	s := fmt.Sprintf("%s %q", r.Stream, r.Text)
	if p := r.Progress; p != nil {
		s = fmt.Sprintf("%s {activity=%q status=%q op=%q id=%d parent=%d pct=%d sec=%d type=%s}",
			r.Stream, p.Activity, p.Status, p.Operation, p.ID, p.ParentID, p.Percent, p.Seconds, p.Type)
	}
	if r.Truncated {
		s += " TRUNC"
	}
	return s
}

func TestVectors(t *testing.T) {
	t.Parallel()
	var vectors []vector
	load(t, "clixml_vectors.json", &vectors)
	if len(vectors) == 0 {
		t.Fatal("there are no vectors")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			eachSplit(t, v.input(t), func(how string, records []clixml.Record) {
				var got []string
				for _, r := range records {
					got = append(got, show(r))
				}
				if !reflect.DeepEqual(got, v.Expect) {
					t.Fatalf("%s:\n got %q\nwant %q", how, got, v.Expect)
				}
			})
		})
	}
}

type recording struct {
	Name    string         `json:"name"`
	Stderr  string         `json:"stderr_base64"`
	Decoded map[string]any `json:"decoded"`
}

func TestRecordingsOfPowerShell(t *testing.T) {
	t.Parallel()
	var file struct{ Cases []recording }
	load(t, "clixml_recorded.json", &file)
	if len(file.Cases) == 0 {
		t.Fatal("there are no recordings")
	}
	for _, c := range file.Cases {
		if c.Name == "nested_encoded" { // what made the summary stopped at the end of the first of two documents
			c.Decoded["error"] = c.Decoded["error"].(string) + "\x1b[31;1mWrite-Error: \x1b[31;1mouter\x1b[0m\n"
		}
		t.Run(c.Name, func(t *testing.T) {
			input, err := base64.StdEncoding.DecodeString(c.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			whole := decode(input)
			if bytes := decode(bytewise(input)...); !reflect.DeepEqual(bytes, whole) {
				t.Errorf("byte by byte:\n got %+v\nwant %+v", bytes, whole)
			}
			if got := summary(whole); !reflect.DeepEqual(got, c.Decoded) {
				t.Errorf("got %s\nwant %s", asJSON(got), asJSON(c.Decoded))
			}
		})
	}
}

// summary writes records as the recordings do: error strings joined, other strings by stream, objects apart, progress by field.
func summary(records []clixml.Record) map[string]any {
	s := map[string]any{}
	list := func(name string, value any) {
		values, _ := s[name].([]any)
		s[name] = append(values, value)
	}
	errors := ""
	for _, r := range records {
		switch p := r.Progress; {
		case r.Stream == "text":
		case p != nil:
			list("progress", map[string]any{
				"activity": p.Activity, "id": float64(p.ID), "parent": float64(p.ParentID), "percent": float64(p.Percent),
				"type": p.Type, "seconds": float64(p.Seconds), "status": p.Status,
			})
		case r.Error != nil || r.Info != nil:
			list("objects", map[string]any{"stream": r.Stream, "text": r.Text})
		case r.Stream == "error":
			errors += r.Text
		default:
			list(r.Stream, r.Text)
		}
		if r.Stream != "text" {
			s["error"] = ""
		}
	}
	if _, have := s["error"]; have {
		s["error"] = errors
	}
	if len(s) == 0 {
		return nil
	}
	return s
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b[:min(len(b), 2000)])
}

func TestEscapesAsPowerShellReadsThem(t *testing.T) {
	t.Parallel()
	var file struct{ Read, Written map[string]string }
	load(t, "clixml_escapes.json", &file)
	if len(file.Read) == 0 || len(file.Written) == 0 {
		t.Fatal("there are no escapes")
	}
	text := func(escaped string) string {
		records := decode([]byte("<Objs><S>" + escaped + "</S></Objs>"))
		if len(records) != 1 {
			t.Fatalf("%q: %d records", escaped, len(records))
		}
		return records[0].Text
	}
	for escaped, points := range file.Read {
		var units []uint16
		for p := range strings.FieldsSeq(points) {
			var u uint16
			if _, err := fmt.Sscanf(p, "%X", &u); err != nil {
				t.Fatal(err)
			}
			units = append(units, u)
		}
		if got, want := text(escaped), fromUTF16(units); got != want {
			t.Errorf("%q: got %q, want %q", escaped, got, want)
		}
	}
	for plain, escaped := range file.Written {
		if got := text(escaped); got != plain {
			t.Errorf("%q: got %q, want %q", escaped, got, plain)
		}
	}
}
