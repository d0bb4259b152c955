// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const modulePath = "github.com/hypervvm/terraform-provider-hypervvm/"

// TestThePublicAPIMentionsNoInternalType walks the exported API of all public packages of the library.
func TestThePublicAPIMentionsNoInternalType(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-trimpath", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Name}}", "./...").Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	exports := map[string]string{}
	var public []string
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSpace(line), "\t")
		path, export, name := parts[0], parts[1], parts[2]
		exports[path] = export
		if strings.HasPrefix(path, modulePath+"hvprov") && !isInternal(path) && name != "main" {
			public = append(public, path)
		}
	}
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, path := range public {
		pkg, err := imports.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range pkg.Scope().Names() {
			if token.IsExported(name) {
				for _, problem := range internalTypes(pkg.Scope().Lookup(name)) {
					t.Errorf("%s.%s%s", strings.TrimPrefix(path, modulePath), name, problem)
				}
			}
		}
	}
	if len(public) < 10 {
		t.Errorf("only %d public packages were checked: %q", len(public), public)
	}
}

// TestThePublicAPIIsSmall counts the exported functions, methods and types of the library. What no program outside this repository needs
// belongs in an internal package; so do the methods with which an unexported type implements an interface.
func TestThePublicAPIIsSmall(t *testing.T) {
	t.Parallel()
	const limit = 350
	exported := regexp.MustCompile(`(?m)^func (\([^)]*\) )?[A-Z]|^type [A-Z]`)
	count, report := 0, ""
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); name == "internal" || name == "cmd" || name == "testdata" {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if n := len(exported.FindAllIndex(text, -1)); n > 0 {
			count += n
			report += fmt.Sprintf("\n%4d %s", n, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if count >= limit || count < limit/2 {
		t.Errorf("the public packages have %d exported functions, methods and types, want fewer than %d:%s", count, limit, report)
	}
}

func isInternal(path string) bool { return strings.Contains(path+"/", "/internal/") }

// internalTypes returns a text for each internal type that the declaration of an exported object mentions.
func internalTypes(obj types.Object) []string {
	switch obj := obj.(type) {
	case *types.TypeName:
		if alias, ok := obj.Type().(*types.Alias); ok {
			return walkType(" is an alias of", alias.Rhs())
		}
		problems := walkType(" is", obj.Type().Underlying())
		methods := types.NewMethodSet(types.NewPointer(obj.Type()))
		for i := range methods.Len() {
			if m := methods.At(i).Obj(); m.Exported() && len(methods.At(i).Index()) == 1 {
				problems = append(problems, walkType("."+m.Name(), m.Type())...)
			}
		}
		return problems
	}
	return walkType("", obj.Type())
}

// walkType returns a text for each internal type that a type mentions where a caller can see it.
func walkType(at string, t types.Type) (problems []string) {
	switch t := t.(type) {
	case *types.Named:
		if pkg := t.Obj().Pkg(); pkg != nil && strings.HasPrefix(pkg.Path(), modulePath) && isInternal(pkg.Path()) {
			problems = append(problems, fmt.Sprintf("%s mentions the internal type %s", at, t))
		}
		for i := range t.TypeArgs().Len() {
			problems = append(problems, walkType(at, t.TypeArgs().At(i))...)
		}
	case *types.Alias:
		return walkType(at, types.Unalias(t))
	case interface{ Elem() types.Type }: // array, slice, pointer, map, channel
		problems = walkType(at, t.Elem())
		if m, ok := t.(*types.Map); ok {
			problems = append(problems, walkType(at, m.Key())...)
		}
	case *types.Tuple:
		for i := range t.Len() {
			problems = append(problems, walkType(at, t.At(i).Type())...)
		}
	case *types.Signature:
		return append(walkType(at, t.Params()), walkType(at, t.Results())...)
	case *types.Struct:
		for i := range t.NumFields() {
			if f := t.Field(i); f.Exported() {
				problems = append(problems, walkType(at+"."+f.Name(), f.Type())...)
			}
		}
	case *types.Interface:
		for i := range t.NumMethods() {
			if m := t.Method(i); m.Exported() {
				problems = append(problems, walkType(at+"."+m.Name(), m.Type())...)
			}
		}
	}
	return problems
}
