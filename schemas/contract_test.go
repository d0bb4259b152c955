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

// A released version of the schema must not change: Terraform states and agents on hosts depend on it. testdata has a copy of each.
const remedy = `A released version must not change. In schemas/job-inputs.yaml, raise "version", and add the changed fields to
"migrations"; then add a copy as schemas/testdata/%s-<version>.yaml.
Texts may change without a new version; so may a version that is not released yet, together with its copy.`

func TestTheSchemaIsCompatibleWithEveryReleasedVersion(t *testing.T) {
	t.Parallel()
	s, err := schemas.Load()
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
			t.Errorf("%s must be named %s", path, want)
		}
		if err := s.CheckCompatible(old); err != nil {
			t.Errorf("the schema is not compatible with %s:\n%v\n\n"+remedy, path, err, s.ID)
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
