// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

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

// files are written to a folder, which takes the place of DIR in arguments and in what is printed.
var files = map[string]string{
	"inputs.yaml": string(schemas.JobInputs()),
	"lab.yaml":    lab,
	"lab1.yaml":   strings.Replace(strings.Replace(lab, "version: 2", "version: 1", 1), "id: memory", "id: ram", 1),
	"gone.yaml":   strings.Replace(lab, "maximum: 64", "maximum: 128", 1),
	"moved.yaml":  lab + "migrations:\n  - {from: 1, renamed: {ram: memory}}\n",
	"broken.yaml": "id: lab\nversion: one\nfields:\n  - {id: Count, type: string}\n",
	"alone.yaml":  "id: alone\nversion: 1\nfields:\n  - {id: vm_name, type: boolean}\n",
	"later.yaml":  strings.Replace(string(schemas.JobInputs()), "\nversion: 1\n", "\nversion: 2\n", 1),
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
		{"a sound schema", "check DIR/inputs.yaml", "", 0, "DIR/inputs.yaml: it is sound\n", ""},
		{"a sound schema, for programs", "check -json DIR/lab.yaml", "", 0, `{"valid":true,"faults":[]}` + "\n", ""},
		{"a schema in JSON", "check DIR/schema.json", "", 0, "DIR/schema.json: it is sound\n", ""},
		{
			"several schemas", "check DIR/lab.yaml DIR/broken.yaml DIR/inputs.yaml", "", 1,
			"DIR/lab.yaml: it is sound\nDIR/broken.yaml:2: version: it must be a whole number\n" +
				"DIR/broken.yaml:4: fields[0].id: \"Count\" is no id: use lower-case letters, digits and underscores, with a letter first\nDIR/inputs.yaml: it is sound\n", "",
		},
		{
			"several schemas, for programs", "check DIR/broken.yaml DIR/lab.yaml -json", "", 1,
			`{"valid":false,"faults":[{"file":"DIR/broken.yaml","line":2,"path":"version","reason":"it must be a whole number"},` +
				`{"file":"DIR/broken.yaml","line":4,"path":"fields[0].id","reason":"\"Count\" is no id: use lower-case letters, digits and underscores, with a letter first"}]}` + "\n", "",
		},
		{
			"a schema that hosts cannot serve", "check DIR/alone.yaml", "", 1,
			"DIR/alone.yaml: no field stands for image_name, which hosts need: give one stands_for: image_name\n" +
				"DIR/alone.yaml: no field stands for guest_la_uid, which hosts need: give one stands_for: guest_la_uid\n" +
				"DIR/alone.yaml: no field stands for guest_la_pw, which hosts need: give one stands_for: guest_la_pw\n" +
				"DIR/alone.yaml:4: vm_name: it is of type boolean, and vm_name, which it stands for, is of type string\n" +
				"DIR/alone.yaml:4: vm_name: it stands for vm_name, which hosts need: make it required, or give it a default\n", "",
		},
		{
			"another version of the schema that hosts know", "check -json DIR/later.yaml", "", 1,
			`{"valid":false,"faults":[{"file":"DIR/later.yaml","line":0,"path":"version","reason":"it is vm-provisioning version 2, and hosts know vm-provisioning version 1: give another schema an id of its own"}]}` + "\n", "",
		},
		{"the same version, unchanged", "check -against DIR/lab.yaml DIR/lab.yaml", "", 0, "DIR/lab.yaml: it is sound\n", ""},
		{
			"the same version, changed", "check DIR/gone.yaml -against DIR/lab.yaml", "", 1,
			"DIR/gone.yaml:8: memory: what it asks for has changed, and the version is still 2: raise it\n", "",
		},
		{
			"a later version without the way from the earlier one", "check -against=DIR/lab1.yaml DIR/lab.yaml", "", 1,
			"DIR/lab.yaml: ram: the field is gone, and migrations do not say what becomes of its value: name it in dropped, renamed or split\n", "",
		},
		{"a later version with it", "check -against DIR/lab1.yaml DIR/moved.yaml", "", 0, "DIR/moved.yaml: it is sound\n", ""},
		{"an older version with faults", "check -against DIR/broken.yaml DIR/lab.yaml", "", 2, "", "broken.yaml:2: version"},
		{"an older version that is not there", "check -against DIR/none.yaml DIR/lab.yaml", "", 2, "", "none.yaml"},
		{"a file that is not there", "check DIR/lab.yaml DIR/none.yaml", "", 2, "", "none.yaml"},
		{"no file", "check -json", "", 2, "", "no file is given: try jobschema -h"},
		{"an unknown flag", "check -xml DIR/lab.yaml", "", 2, "", "check: flag provided but not defined: -xml: try jobschema -h"},
		{"a file with a hyphen", "check -- -json", "", 2, "", "open -json"},
		{"help for check", "check -h", "", 0, "Usage: jobschema check [-json] [-against OLD] FILE...\n\nFlags:\n  -against file\n" +
			"    \tfile of an older schema whose place each one has to be fit to take\n  -json\n    \tprint one JSON object for programs\n", ""},
		{"help", "-h", "", 0, usage, ""},
		{"help, in a word", "help", "", 0, usage, ""},
		{"no command", "", "", 2, "", "no command is given"},
		{"an unknown command", "lint x", "", 2, "", `there is no command "lint"`},

		{"values that keep to a schema", "validate DIR/lab.yaml", fine, 0, "the values keep to lab version 2\n", ""},
		{"values that keep to a schema, for programs", "validate DIR/lab.yaml -json", fine, 0, `{"valid":true,"faults":[]}` + "\n", ""},
		{
			"values that do not", "validate DIR/lab.yaml", `{"memory": 65, "password": "short", "nam": 1, "ports": [1, 0]}`, 1,
			"(unknown_field): there is no field \"nam\": remove it, or write name\n" +
				"name (required): name is required: set name, for example web-01\n" +
				"password (min_length): password must have at least 8 characters, and has 5: use a longer value\n" +
				"memory (maximum): memory must be 64 or less, and is 65: use a value 64 or less\n" +
				"ports[1] (minimum): ports[1] must be 1 or more, and is 0: use a value 1 or more\n", "",
		},
		{
			"values that do not, for programs", "validate -json DIR/lab.yaml", `{"memory": 4.5, "name": "<a>", "password": "short"}`, 1,
			`{"valid":false,"faults":[{"path":"password","rule":"min_length","message":"password must have at least 8 characters, and has 5","remedy":"use a longer value"},` +
				`{"path":"memory","rule":"type","given":"4.5","message":"memory must be a whole number, and 4.5 is not","remedy":"give a whole number"}]}` + "\n", "",
		},
		{"a large number, exactly", "validate DIR/lab.yaml", `{"name": "a", "password": "12345678", "ports": [9007199254740993, 8.0]}`, 0, "the values keep to lab version 2\n", ""},
		{"a schema with faults", "validate DIR/broken.yaml", fine, 2, "", "broken.yaml:2: version"},
		{"two files", "validate DIR/lab.yaml DIR/lab.yaml", fine, 2, "", "2 files are given, and one is needed"},
		{"no file to validate by", "validate", fine, 2, "", "0 files are given"},
		{"a flag of the other command", "validate -against x DIR/lab.yaml", fine, 2, "", "not defined: -against"},
		{"values that are no JSON", "validate DIR/lab.yaml", `{"password": "s3cret!" s3cret!}`, 2, "", "standard input: it is not JSON, after byte"},
		{"half a list", "validate DIR/lab.yaml", `{"ports": [1`, 2, "", "it is not JSON"},
		{"a comma too many", "validate DIR/lab.yaml", `{"ports": [1,]}`, 2, "", "it is not JSON"},
		{"no values", "validate DIR/lab.yaml", ``, 2, "", "it is not JSON"},
		{"values that are a list", "validate DIR/lab.yaml", `["a"]`, 2, "", "it is not a JSON object"},
		{"values that are null", "validate DIR/lab.yaml", `null`, 2, "", "it is not a JSON object"},
		{"a key given twice", "validate DIR/lab.yaml", `{"name": "a", "name": "b"}`, 2, "", `the key "name" is given twice, before byte 20`},
		{"a nested key given twice", "validate DIR/lab.yaml", `{"ports": [{"a": 1, "\u0061": 2}]}`, 2, "", `the key "a" is given twice`},
		{"data after the end", "validate DIR/lab.yaml", fine + ` {}`, 2, "", "more behind the object"},
		{"rubbish after the end", "validate DIR/lab.yaml", fine + ` s3cret!`, 2, "", "more behind the object"},
		{"text that is not UTF-8", "validate DIR/lab.yaml", "{\"name\": \"\xff\"}", 2, "", "not UTF-8"},
		{"too many levels", "validate DIR/lab.yaml", `{"ports": ` + strings.Repeat("[", 99), 2, "", "more than 16 levels"},
		{"more than is read", "validate DIR/lab.yaml", strings.Repeat(" ", maxSize) + "{}", 2, "", "more than 16777216 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(strings.Fields(strings.ReplaceAll(tt.args, "DIR", dir)), strings.NewReader(tt.stdin), &stdout, &stderr)
			if got := strings.ReplaceAll(stdout.String(), dir, "DIR"); code != tt.code || got != tt.stdout {
				t.Errorf("exit code is %d, want %d\ngot  %s\nwant %s", code, tt.code, got, tt.stdout)
			}
			if (stderr.Len() > 0) != (tt.stderr != "") || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("stderr is %s, want %q", stderr.String(), tt.stderr)
			}
			if strings.Contains(stdout.String()+stderr.String(), "s3cret") || strings.Contains(stdout.String(), "short") {
				t.Errorf("a secret is in %s%s", stdout.String(), stderr.String())
			}
			if strings.Contains(tt.args, "-json") && code != exitTrouble && !json.Valid(stdout.Bytes()) {
				t.Errorf("it is not JSON: %s", stdout.String())
			}
		})
	}
}

func TestTroubleWithInputOrOutputIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(file, []byte(lab), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the pipe is broken")
	var out bytes.Buffer
	if code := run([]string{"validate", file}, iotest.ErrReader(broken), &out, &out); code != exitTrouble || !strings.Contains(out.String(), broken.Error()) {
		t.Errorf("input: %d, %s", code, out.String())
	}
	out.Reset()
	if code := run([]string{"check", file}, nil, failing{broken}, &out); code != exitTrouble || !strings.Contains(out.String(), broken.Error()) {
		t.Errorf("output: %d, %s", code, out.String())
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
