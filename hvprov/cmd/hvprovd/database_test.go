// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func TestTheJobsOfTheStateFolderAreImported(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	config := configFile(t, "state_dir: state\nstore_key_file: key\ndatabase: {url_file: url}\n")
	for name, text := range map[string]string{"url": url + "\n", "key": strings.Repeat("k", 32)} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(config), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := hvprovd(t, config, "import"); err == nil || !strings.Contains(err.Error(), "no jobs to import") {
		t.Errorf("without jobs: %v", err)
	}
	jobs, err := boltstore.Open(t.Context(), boltstore.Options{Path: filepath.Join(filepath.Dir(config), "state", "jobs.db")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.Put(t.Context(), jobstore.Record{ID: "j1", Host: "hv01", Operation: job.OperationProvision, VMName: "web", State: jobstore.Succeeded}); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 jobs were imported", "0 jobs were imported"} {
		if out, err := hvprovd(t, config, "import"); err != nil || !strings.Contains(out, want) {
			t.Errorf("got %q, %v, want %s", out, err, want)
		}
	}
}

func TestASharedDatabaseNeedsASharedKeyAndAValidURL(t *testing.T) {
	t.Parallel()
	config := configFile(t, "database: {url_file: url}\n")
	url := filepath.Join(filepath.Dir(config), "url")
	if err := os.WriteFile(url, []byte("postgres://hvprovd:hunter2@db.lab.example/hvprovd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hvprovd(t, config, "check-config"); err == nil || !strings.Contains(err.Error(), "store_key_file") {
		t.Errorf("without a key: %v", err)
	}
	config = configFile(t, "store_key_file: key\ndatabase: {url_file: "+url+"}\n")
	if _, err := hvprovd(t, config, "check-config"); err == nil || !strings.Contains(err.Error(), "store_key_file") {
		t.Errorf("with a key that does not exist: %v", err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "key"), []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hvprovd(t, config, "check-config"); err != nil {
		t.Errorf("a valid configuration: %v", err)
	}
	if err := os.WriteFile(url, []byte("host=db password=hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hvprovd(t, config, "check-config"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a URL that is none: %v", err)
	}
	if _, err := hvprovd(t, configFile(t, ""), "import"); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("import without a database: %v", err)
	}
}
