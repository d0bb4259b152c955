// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

// decode decodes chunks of input with one decoder.
func decode(chunks ...[]byte) []clixml.Record { return decodeWith(func(*clixml.Decoder) {}, chunks...) }

func decodeWith(setUp func(*clixml.Decoder), chunks ...[]byte) []clixml.Record {
	var records []clixml.Record
	d := clixml.NewDecoder(func(r clixml.Record) { records = append(records, r) })
	setUp(d)
	for _, c := range chunks {
		if n, err := d.Write(c); n != len(c) || err != nil {
			panic(fmt.Sprint("Write returned ", n, err))
		}
	}
	d.Close()
	return records
}

func bytewise(input []byte) [][]byte {
	return slices.Collect(chunks(input, 1))
}

// eachSplit calls check with the records of the input as a whole, byte by byte, and split at every position.
func eachSplit(t *testing.T, input []byte, check func(how string, records []clixml.Record)) {
	t.Helper()
	check("whole", decode(input))
	check("byte by byte", decode(bytewise(input)...))
	for i := range input {
		check(fmt.Sprintf("split at %d", i), decode(input[:i], input[i:]))
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
	return fromBase64(t, v.Bytes)
}

// show formats a record as the test vectors do.
func show(r clixml.Record) string {
	s := fmt.Sprintf("%s %q", r.Stream, r.Text)
	if r.Truncated {
		s += " TRUNC"
	}
	return s
}

// normalized has the expected records of the vectors whose expected records contain the strings as they were written.
var normalized = map[string][]string{
	"hard-wrapped error, one S per line": { // the lines of one error are one record
		`error "Get-VM : A parameter cannot be found that matches parameter name \r\n'Nam'.\r\nAt line:1 char:8\r\n \r\n"`,
	},
	"escape: NUL, ESC, DEL, C1": {`error "\x00\x7f\u0085"`}, // colors are removed
}

// progressFields matches the fields of a progress record in the vectors, of which the activity is the text of the Record.
var progressFields = regexp.MustCompile(`\{activity=("(?:[^"\\]|\\.)*") .*\}`)

func TestVectors(t *testing.T) {
	t.Parallel()
	var vectors []vector
	load(t, "clixml_vectors.json", &vectors)
	if len(vectors) == 0 {
		t.Fatal("no vectors found")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			want, ok := normalized[v.Name]
			if !ok {
				for _, record := range v.Expect {
					want = append(want, progressFields.ReplaceAllString(record, "$1"))
				}
			}
			checkEachSplit(t, string(v.input(t)), want)
		})
	}
}

// checkEachSplit compares the records of each split, formatted by show, with want.
func checkEachSplit(t *testing.T, input string, want []string) {
	t.Helper()
	eachSplit(t, []byte(input), func(how string, records []clixml.Record) {
		var got []string
		for _, r := range records {
			got = append(got, show(r))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s:\n got %q\nwant %q", how, got, want)
		}
	})
}

type recording struct {
	Name    string         `json:"name"`
	Stderr  string         `json:"stderr_base64"`
	Stdout  string         `json:"stdout_base64"`
	Decoded map[string]any `json:"decoded"`
}

// flatten replaces the objects of a recorded summary by their texts.
func (r recording) flatten() {
	objects, _ := r.Decoded["objects"].([]any)
	delete(r.Decoded, "objects")
	for _, o := range objects {
		object := o.(map[string]any)
		stream := object["stream"].(string)
		if stream == "error" {
			r.Decoded[stream] = r.Decoded[stream].(string) + object["text"].(string)
			continue
		}
		texts, _ := r.Decoded[stream].([]any)
		r.Decoded[stream] = append(texts, object["text"])
	}
	progress, _ := r.Decoded["progress"].([]any)
	for i, p := range progress {
		progress[i] = p.(map[string]any)["activity"]
	}
}

// recordings returns recorded output of PowerShell 7.
func recordings(t testing.TB) []recording {
	t.Helper()
	var file struct{ Cases []recording }
	load(t, "clixml_recorded.json", &file)
	if len(file.Cases) == 0 {
		t.Fatal("no recordings found")
	}
	return file.Cases
}

func fromBase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordedOutputOfPowerShell(t *testing.T) {
	t.Parallel()
	for _, c := range recordings(t) {
		c.flatten()
		if c.Name == "nested_encoded" { // the recorded summary ends with the first of two documents
			c.Decoded["error"] = c.Decoded["error"].(string) + "\x1b[31;1mWrite-Error: \x1b[31;1mouter\x1b[0m\n"
		}
		if text, ok := c.Decoded["error"].(string); ok { // the recorded summary contains the colors
			c.Decoded["error"] = color.ReplaceAllString(text, "")
		}
		t.Run(c.Name, func(t *testing.T) {
			whole := decode(fromBase64(t, c.Stderr))
			if got := summary(whole); !reflect.DeepEqual(got, c.Decoded) {
				t.Errorf("got %s\nwant %s", asJSON(got), asJSON(c.Decoded))
			}
			want := []string{}
			if text, _ := c.Decoded["error"].(string); text != "" {
				want = append(want, text)
			}
			if c.Name == "nested_encoded" {
				want = []string{"Write-Error: inner\n", strings.Split(want[0], "inner\n")[1], "Write-Error: outer\n"}
				want[1] = strings.TrimSuffix(want[1], want[2])
			}
			if got := errorTexts(whole); !slices.Equal(got, want) {
				t.Errorf("got errors %q, want %q", got, want)
			}
		})
	}
}

var color = regexp.MustCompile("\x1b\\[[0-9;]*m")

// errorTexts returns the texts of the errors that were written as lines.
func errorTexts(records []clixml.Record) []string {
	texts := []string{}
	for _, r := range records {
		if r.Stream == "error" {
			texts = append(texts, r.Text)
		}
	}
	return texts
}

func TestTheRecordsOfRecordedOutputDoNotDependOnTheSplit(t *testing.T) {
	t.Parallel()
	for _, c := range recordings(t) {
		for stream, input := range map[string][]byte{"stderr": fromBase64(t, c.Stderr), "stdout": fromBase64(t, c.Stdout)} {
			t.Run(c.Name+" "+stream, func(t *testing.T) {
				t.Parallel()
				whole := decode(input)
				if single := decode(bytewise(input)...); !slices.Equal(single, whole) {
					t.Errorf("byte by byte:\n got %+v\nwant %+v", single, whole)
				}
				step := 1 + len(input)/500
				if os.Getenv("HYPERVVM_TEST_FULL") != "" {
					step = 1
				}
				for i := 1; i < len(input); i += step {
					if split := decode(input[:i], input[i:]); !slices.Equal(split, whole) {
						t.Fatalf("split at %d:\n got %+v\nwant %+v", i, split, whole)
					}
				}
			})
		}
	}
}

// summary formats records like the recordings: the joined texts of the errors, and the texts of other streams.
func summary(records []clixml.Record) map[string]any {
	s := map[string]any{}
	errors := ""
	for _, r := range records {
		switch r.Stream {
		case "text":
			continue
		case "error":
			errors += r.Text
		default:
			texts, _ := s[r.Stream].([]any)
			s[r.Stream] = append(texts, r.Text)
		}
		s["error"] = errors
	}
	if len(s) == 0 {
		return nil
	}
	s["error"] = errors
	return s
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b[:min(len(b), 2000)])
}

func TestEscapesAreDecodedLikeInPowerShell(t *testing.T) {
	t.Parallel()
	var file struct{ Read, Written map[string]string }
	load(t, "clixml_escapes.json", &file)
	if len(file.Read) == 0 || len(file.Written) == 0 {
		t.Fatal("no escapes found")
	}
	check := func(escaped, want string) {
		checkEachSplit(t, "<Objs><S>"+escaped+"</S></Objs>", []string{fmt.Sprintf("output %q", want)})
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
		check(escaped, fromUTF16(units))
	}
	for plain, escaped := range file.Written {
		check(escaped, plain)
	}
}
