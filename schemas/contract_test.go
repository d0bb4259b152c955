// SPDX-License-Identifier: MPL-2.0

package schemas_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// A version of the schema that is out does not change: states, and agents on hosts, hold it to what it was. testdata has
// a copy of each one.
const remedy = `A version that is out does not change. In schemas/job-inputs.yaml, raise "version", and say in "migrations"
what becomes of the values that states hold; then add a copy of it, as schemas/testdata/%s-<version>.yaml.
Texts for people may change as they are; so may a version that is not out yet, together with its copy.`

func TestTheSchemaSucceedsEveryOneThatIsOut(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load(schemas.JobInputsFile, schemas.JobInputs())
	if err != nil {
		t.Fatal(err)
	}
	copies, err := filepath.Glob(filepath.Join("testdata", s.ID+"-*.yaml"))
	if err != nil || len(copies) == 0 {
		t.Fatalf("there are no copies: %v", err)
	}
	for _, path := range copies {
		old := load(t, path)
		if want := fmt.Sprintf("%s-%d.yaml", old.ID, old.Version); filepath.Base(path) != want {
			t.Errorf("%s has to be called %s", path, want)
		}
		if err := s.CheckCompatible(old); err != nil {
			t.Errorf("%s is not kept:\n%v\n\n"+remedy, path, err, s.ID)
		}
	}
	own := filepath.Join("testdata", fmt.Sprintf("%s-%d.yaml", s.ID, s.Version))
	if _, err := os.Stat(own); errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is missing.\n\n"+remedy, own, s.ID)
	}
}

func load(t *testing.T, path string) *jobschema.Schema {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jobschema.Load(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
