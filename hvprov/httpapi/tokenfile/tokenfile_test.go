// SPDX-License-Identifier: MPL-2.0

package tokenfile_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/tokenfile"
)

func request(t *testing.T, authorization string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	return r
}

func open(t *testing.T, path string) *tokenfile.File {
	t.Helper()
	f, err := tokenfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestATokenAuthenticatesUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "tokens.json")
	server, command := open(t, path), open(t, path) // two processes
	token, err := command.Create("deploy", httpapi.RoleWriter, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := server.Authenticate(request(t, "bearer "+token)); err != nil || who.Name != "deploy" || who.Role != httpapi.RoleWriter {
		t.Errorf("got %+v, %v", who, err)
	}
	if _, err := command.Create("deploy", httpapi.RoleReader, time.Time{}); !errors.Is(err, tokenfile.ErrExists) {
		t.Errorf("the same name: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), token) {
		t.Errorf("the file contains the token: %s, error %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can read the file: %v, %v", info.Mode(), err)
	}
	if err := command.Revoke("deploy"); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Authenticate(request(t, "Bearer "+token)); !errors.Is(err, httpapi.ErrCredentials) {
		t.Errorf("a revoked token: %v", err)
	}
	if err := command.Revoke("deploy"); !errors.Is(err, tokenfile.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestOtherCredentialsAreLeftToOthers(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "tokens.json"))
	for _, authorization := range []string{"", "Basic abc", "Bearer", "Bearer eyJh.eyJz.x"} {
		if who, err := f.Authenticate(request(t, authorization)); who != nil || err != nil {
			t.Errorf("%q: %+v, %v", authorization, who, err)
		}
	}
	if _, err := f.Authenticate(request(t, "Bearer hvp_unknown")); !errors.Is(err, httpapi.ErrCredentials) {
		t.Errorf("an unknown token: %v", err)
	}
}

func TestATokenExpires(t *testing.T) {
	t.Parallel()
	f := open(t, filepath.Join(t.TempDir(), "tokens.json"))
	token, err := f.Create("ci", httpapi.RoleReader, time.Now().Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Authenticate(request(t, "Bearer "+token)); !errors.Is(err, httpapi.ErrCredentials) {
		t.Errorf("got %v", err)
	}
	if all, err := f.List(); err != nil || len(all) != 1 || all[0].Name != "ci" || all[0].Role != "reader" {
		t.Errorf("tokens are %+v, %v", all, err)
	}
}

func TestAFileThatIsNotValidIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{", `{"tokens":[{"name":"a","role":"root"}]}`} {
		path := filepath.Join(t.TempDir(), "tokens.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tokenfile.Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
