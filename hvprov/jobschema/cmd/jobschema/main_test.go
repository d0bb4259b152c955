// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema/schemaurl"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

const lab = `id: lab
version: 2
fields:
  - {id: name, type: string, required: true, hint: web-01, stands_for: vm_name, change: in_place}
  - {id: image, type: string, default: ubuntu-24.04, stands_for: image_name}
  - {id: admin, type: string, default: ops, stands_for: guest_la_uid}
  - {id: password, type: secret, required: true, stands_for: guest_la_pw, validations: {min_length: 8}}
  - {id: memory, type: integer, default: 4, stands_for: gb_ram, change: power_cycle, validations: {maximum: 64}}
  - {id: ports, type: list, items: {type: integer, validations: {minimum: 1}}}
`

// files are written to a folder. DIR stands for it in arguments and output.
var files = map[string]string{
	"inputs.yaml": string(schemas.JobInputs()),
	"lab.yaml":    lab,
	"lab1.yaml":   strings.Replace(strings.Replace(lab, "version: 2", "version: 1", 1), "id: memory", "id: ram", 1),
	"gone.yaml":   strings.Replace(lab, "maximum: 64", "maximum: 128", 1),
	"moved.yaml":  lab + "migrations:\n  - {from: 1, renamed: {ram: memory}}\n",
	"broken.yaml": "id: lab\nversion: one\nfields:\n  - {id: Count, type: string}\n",
	"alone.yaml":  "id: alone\nversion: 1\nfields:\n  - {id: vm_name, type: boolean}\n",
	"later.yaml":  strings.Replace(string(schemas.JobInputs()), "\nversion: 2\n", "\nversion: 3\n", 1),
	"schema.json": `{"id": "json", "version": 1, "fields": [{"id": "vm_name", "type": "string", "required": true, "change": "in_place"}, ` +
		`{"id": "image_name", "type": "string", "required": true}, {"id": "guest_la_uid", "type": "string", "required": true}, {"id": "guest_la_pw", "type": "secret", "required": true}]}`,
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const fine = `{"name": "web-01", "password": " s3cret! "}`
	for _, tt := range []struct {
		name   string
		args   string
		stdin  string
		code   int
		stdout string
		stderr string // a part of it
	}{
		{"a valid schema", "check DIR/inputs.yaml", "", 0, "DIR/inputs.yaml: valid\n", ""},
		{"a valid schema, for programs", "check -json DIR/lab.yaml", "", 0, `{"valid":true,"faults":[]}` + "\n", ""},
		{"a schema in JSON", "check DIR/schema.json", "", 0, "DIR/schema.json: valid\n", ""},
		{
			"several schemas", "check DIR/lab.yaml DIR/broken.yaml DIR/inputs.yaml", "", 1,
			"DIR/lab.yaml: valid\nDIR/broken.yaml:2: version: must be a whole number\n" +
				"DIR/broken.yaml:4: fields[0].id: \"Count\" is not a valid id: use lower-case letters, digits and underscores, starting with a letter\nDIR/inputs.yaml: valid\n", "",
		},
		{
			"several schemas, for programs", "check DIR/broken.yaml DIR/lab.yaml -json", "", 1,
			`{"valid":false,"faults":[{"file":"DIR/broken.yaml","line":2,"path":"version","reason":"must be a whole number"},` +
				`{"file":"DIR/broken.yaml","line":4,"path":"fields[0].id","reason":"\"Count\" is not a valid id: use lower-case letters, digits and underscores, starting with a letter"}]}` + "\n", "",
		},
		{
			"a schema that hosts cannot serve", "check DIR/alone.yaml", "", 1,
			"DIR/alone.yaml: no field stands for image_name, which is required on hosts: add stands_for: image_name to one\n" +
				"DIR/alone.yaml:4: vm_name: the field is of type boolean, but stands for vm_name of type string\n" +
				"DIR/alone.yaml:4: vm_name: the field stands for vm_name, which is required on hosts: make it required, or add a default\n", "",
		},
		{
			"another version of the schema that hosts know", "check -json DIR/later.yaml", "", 1,
			`{"valid":false,"faults":[{"file":"DIR/later.yaml","line":0,"path":"version","reason":"the schema is vm-provisioning version 3, but agents know vm-provisioning version 2: use another id for a custom schema"}]}` + "\n", "",
		},
		{"the same version, unchanged", "check -against DIR/lab.yaml DIR/lab.yaml", "", 0, "DIR/lab.yaml: valid\n", ""},
		{
			"the same version, changed", "check DIR/gone.yaml -against DIR/lab.yaml", "", 1,
			"DIR/gone.yaml:8: memory: the rules of the field were changed in version 2: raise the version\n", "",
		},
		{
			"a later version without migrations", "check -against=DIR/lab1.yaml DIR/lab.yaml", "", 1,
			"DIR/lab.yaml: ram: the field was removed, but not in migrations: name it in dropped, renamed or split\n", "",
		},
		{"a later version with migrations", "check -against DIR/lab1.yaml DIR/moved.yaml", "", 0, "DIR/moved.yaml: valid\n", ""},
		{"an older version that is invalid", "check -against DIR/broken.yaml DIR/lab.yaml", "", 2, "", "broken.yaml:2: version"},
		{"an older version that does not exist", "check -against DIR/none.yaml DIR/lab.yaml", "", 2, "", "none.yaml"},
		{"a file that does not exist", "check DIR/lab.yaml DIR/none.yaml", "", 2, "", "none.yaml"},
		{"no file", "check -json", "", 2, "", "check: no schema: run jobschema -h for help"},
		{"an unknown flag", "check -xml DIR/lab.yaml", "", 2, "", "check: flag provided but not defined: -xml: run jobschema -h for help"},
		{"a file with a hyphen", "check -- -json", "", 2, "", "open -json"},
		{"help for check", "check -h", "", 0, "Usage: jobschema check [-json] [-against OLD] SCHEMA...\n\nFlags:\n  -against schema\n" +
			"    \tolder schema that each schema must be able to replace\n  -json\n    \tprint a JSON object for programs\n", ""},
		{"help", "-h", "", 0, usage, ""},
		{"help as a command", "help", "", 0, usage, ""},
		{"no command", "", "", 2, "", "no command"},
		{"an unknown command", "lint x", "", 2, "", `unknown command "lint"`},

		{"valid values", "validate DIR/lab.yaml", fine, 0, "the values are valid for lab version 2\n", ""},
		{"valid values, for programs", "validate DIR/lab.yaml -json", fine, 0, `{"valid":true,"faults":[]}` + "\n", ""},
		{
			"invalid values", "validate DIR/lab.yaml", `{"memory": 65, "password": "short", "nam": 1, "ports": [1, 0]}`, 1,
			"(unknown_field): unknown field \"nam\": remove it, or use name\n" +
				"name (required): name is required: set name, for example web-01\n" +
				"password (min_length): password must have at least 8 characters, but has 5: use a longer value\n" +
				"memory (maximum): memory must be at most 64, but is 65: use a value of at most 64\n" +
				"ports[1] (minimum): ports[1] must be at least 1, but is 0: use a value of at least 1\n", "",
		},
		{
			"invalid values, for programs", "validate -json DIR/lab.yaml", `{"memory": 4.5, "name": "<a>", "password": "short"}`, 1,
			`{"valid":false,"faults":[{"path":"password","rule":"min_length","message":"password must have at least 8 characters, but has 5","remedy":"use a longer value"},` +
				`{"path":"memory","rule":"type","given":"4.5","message":"memory must be a whole number, but is 4.5","remedy":"use a whole number"}]}` + "\n", "",
		},
		{"a large number, exactly", "validate DIR/lab.yaml", `{"name": "a", "password": "12345678", "ports": [9007199254740993, 8.0]}`, 0, "the values are valid for lab version 2\n", ""},
		{"an invalid schema", "validate DIR/broken.yaml", fine, 2, "", "broken.yaml:2: version"},
		{"two files", "validate DIR/lab.yaml DIR/lab.yaml", fine, 2, "", "got 2 schemas, want one"},
		{"no schema", "validate", fine, 2, "", "got 0 schemas, want one"},
		{"a flag of the other command", "validate -against x DIR/lab.yaml", fine, 2, "", "not defined: -against"},
		{"values that are not JSON", "validate DIR/lab.yaml", `{"password": "s3cret!" s3cret!}`, 2, "", "standard input: not JSON after byte"},
		{"half a list", "validate DIR/lab.yaml", `{"ports": [1`, 2, "", "not JSON"},
		{"a trailing comma", "validate DIR/lab.yaml", `{"ports": [1,]}`, 2, "", "not JSON"},
		{"no values", "validate DIR/lab.yaml", ``, 2, "", "not JSON"},
		{"values that are a list", "validate DIR/lab.yaml", `["a"]`, 2, "", "not a JSON object"},
		{"values that are null", "validate DIR/lab.yaml", `null`, 2, "", "not a JSON object"},
		{"a repeated key", "validate DIR/lab.yaml", `{"name": "a", "name": "b"}`, 2, "", `the key "name" is repeated before byte 20`},
		{"a repeated nested key", "validate DIR/lab.yaml", `{"ports": [{"a": 1, "\u0061": 2}]}`, 2, "", `the key "a" is repeated`},
		{"data after the end", "validate DIR/lab.yaml", fine + ` {}`, 2, "", "more data after byte"},
		{"text after the end", "validate DIR/lab.yaml", fine + ` s3cret!`, 2, "", "more data after byte"},
		{"text that is not UTF-8", "validate DIR/lab.yaml", "{\"name\": \"\xff\"}", 2, "", "not valid UTF-8"},
		{"too many levels", "validate DIR/lab.yaml", `{"ports": ` + strings.Repeat("[", 99), 2, "", "more than 16 levels"},
		{"too many bytes", "validate DIR/lab.yaml", strings.Repeat(" ", maxSize) + "{}", 2, "", "more than 16777216 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			c := command{stdin: strings.NewReader(tt.stdin), stdout: &stdout, stderr: &stderr}
			code := c.run(t.Context(), strings.Fields(strings.ReplaceAll(tt.args, "DIR", dir)))
			if got := strings.ReplaceAll(stdout.String(), dir, "DIR"); code != tt.code || got != tt.stdout {
				t.Errorf("exit code is %d, want %d\ngot  %s\nwant %s", code, tt.code, got, tt.stdout)
			}
			if (stderr.Len() > 0) != (tt.stderr != "") || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stderr is %s, want %q", stderr.String(), tt.stderr)
			}
			if strings.Contains(stdout.String()+stderr.String(), "s3cret") || strings.Contains(stdout.String(), "short") {
				t.Errorf("a secret is in %s%s", stdout.String(), stderr.String())
			}
			if strings.Contains(tt.args, "-json") && code != exitUsage && !json.Valid(stdout.Bytes()) {
				t.Errorf("it is not JSON: %s", stdout.String())
			}
		})
	}
}

func TestInputAndOutputErrorsAreReported(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(file, []byte(lab), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the pipe is broken")
	var out bytes.Buffer
	if code := (command{stdin: iotest.ErrReader(broken), stdout: &out, stderr: &out}).run(t.Context(), []string{"validate", file}); code != exitUsage || !strings.Contains(out.String(), broken.Error()) {
		t.Errorf("input: %d, %s", code, out.String())
	}
	out.Reset()
	if code := (command{stdout: failing{broken}, stderr: &out}).run(t.Context(), []string{"check", file}); code != exitUsage || !strings.Contains(out.String(), broken.Error()) {
		t.Errorf("output: %d, %s", code, out.String())
	}
}

func TestSchemasAreLoadedFromURLs(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		args   string
		code   int
		output string
	}{
		{"check URL/lab.yaml", 0, "URL/lab.yaml: valid\n"},
		{"check -against URL/lab.yaml URL/gone.yaml", 1, "URL/gone.yaml:8: memory: the rules of the field were changed in version 2: raise the version\n"},
		{"check URL/broken.yaml", 1, "URL/broken.yaml:2: version: must be a whole number\n" +
			"URL/broken.yaml:4: fields[0].id: \"Count\" is not a valid id: use lower-case letters, digits and underscores, starting with a letter\n"},
		{"validate URL/lab.yaml", 0, "the values are valid for lab version 2\n"},
		{"check URL/none.yaml", 2, "jobschema: unable to fetch the schema URL/none.yaml (attempts: 1): server returned status 404 Not Found: check the path of the URL\n"},
	} {
		var out bytes.Buffer
		c := command{
			stdin: strings.NewReader(`{"name": "a", "password": "12345678"}`), stdout: &out, stderr: &out, source: schemaurl.Source{Client: server.Client()},
		}
		code := c.run(t.Context(), strings.Fields(strings.ReplaceAll(tt.args, "URL", server.URL)))
		if got := strings.ReplaceAll(out.String(), server.URL, "URL"); code != tt.code || got != tt.output {
			t.Errorf("%s: exit code %d, want %d\ngot  %s\nwant %s", tt.args, code, tt.code, got, tt.output)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
