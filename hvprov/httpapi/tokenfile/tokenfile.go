// SPDX-License-Identifier: MPL-2.0

// Package tokenfile authenticates clients of package httpapi by bearer tokens whose hashes are kept in a file.
//
// A token is "hvp_" and 256 random bits. The file holds its SHA-256 hash, which needs no salt and no slow hash function: a random value of
// this size cannot be guessed. A change of the file, for example by another process that revokes a token, applies to the next request.
package tokenfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

// prefix begins each token, so that scanners for leaked secrets find it.
const prefix = "hvp_"

// Errors of [File], for [errors.Is].
var (
	ErrExists   = errors.New("a token with this name exists")
	ErrNotFound = errors.New("there is no token with this name")
)

// Token describes a token. It does not contain it.
type Token struct {
	Name    string    `json:"name"` // of its owner
	Role    string    `json:"role"` // reader, writer or admin
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	SHA256  string    `json:"sha256"`           // hexadecimal
}

// File is a file of tokens. Its methods are safe for concurrent use.
type File struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	stamp  stamp // of the version that was read
	byHash map[string]Token
}

// stamp identifies a version of a file.
type stamp struct {
	modified time.Time
	size     int64
	exists   bool
}

// content is the content of the file.
type content struct {
	Tokens []Token `json:"tokens"`
}

// Open returns the file with a path. It does not need to exist before [File.Create]. The error is about a file that cannot be read.
func Open(path string) (*File, error) {
	f := &File{path: path, now: time.Now}
	_, err := f.read()
	return f, err
}

// read returns the content of the file.
func (f *File) read() (c content, err error) {
	data, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read tokens: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("token file %s is not valid: %w", f.path, err)
	}
	for _, t := range c.Tokens {
		if _, err := httpapi.ParseRole(t.Role); err != nil {
			return c, fmt.Errorf("token file %s: token %q: %w", f.path, t.Name, err)
		}
	}
	return c, nil
}

// write replaces the file.
func (f *File) write(c content) (err error) {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.path), ".tokens-*") // accessible to the owner only
	if err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write tokens: %w", errors.Join(err, os.Remove(temporary.Name())))
		}
	}()
	_, err = temporary.Write(append(data, '\n'))
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), f.path)
}

// Create adds a token and returns it: it cannot be read again. A zero time means that it does not expire.
func (f *File) Create(name string, role httpapi.Role, expires time.Time) (token string, err error) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return "", fmt.Errorf("name %q of a token is empty or contains control characters", name)
	}
	if _, err := httpapi.ParseRole(role.String()); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.read()
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(c.Tokens, func(t Token) bool { return t.Name == name }) {
		return "", fmt.Errorf("%q: %w: revoke it, or choose another name", name, ErrExists)
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	token = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	c.Tokens = append(c.Tokens, Token{Name: name, Role: role.String(), Created: f.now().UTC().Truncate(time.Second), Expires: expires, SHA256: hash(token)})
	return token, f.write(c)
}

// Revoke removes a token. The error is [ErrNotFound] if there is none with the name.
func (f *File) Revoke(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.read()
	if err != nil {
		return err
	}
	before := len(c.Tokens)
	c.Tokens = slices.DeleteFunc(c.Tokens, func(t Token) bool { return t.Name == name })
	if len(c.Tokens) == before {
		return fmt.Errorf("%q: %w", name, ErrNotFound)
	}
	return f.write(c)
}

// List returns the tokens in the order of their creation.
func (f *File) List() ([]Token, error) {
	c, err := f.read()
	return c.Tokens, err
}

// Authenticate implements [httpapi.Authenticator]. It leaves bearer tokens of another form to others.
func (f *File) Authenticate(r *http.Request) (*httpapi.Identity, error) {
	token := httpapi.BearerToken(r)
	if !strings.HasPrefix(token, prefix) {
		return nil, nil
	}
	known, err := f.current()
	if err != nil {
		return nil, err
	}
	found, ok := known[hash(token)]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: unknown token", httpapi.ErrCredentials)
	case !found.Expires.IsZero() && !f.now().Before(found.Expires):
		return nil, fmt.Errorf("%w: token %q has expired", httpapi.ErrCredentials, found.Name)
	}
	role, err := httpapi.ParseRole(found.Role)
	return &httpapi.Identity{Name: found.Name, Role: role}, err
}

// current returns the tokens by hash. It reads the file if it has changed.
func (f *File) current() (map[string]Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var now stamp
	info, err := os.Stat(f.path)
	switch {
	case err == nil:
		now = stamp{info.ModTime(), info.Size(), true}
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	if f.byHash != nil && now == f.stamp {
		return f.byHash, nil
	}
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	f.byHash, f.stamp = make(map[string]Token, len(c.Tokens)), now
	for _, t := range c.Tokens {
		f.byHash[strings.ToLower(t.SHA256)] = t
	}
	return f.byHash, nil
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
