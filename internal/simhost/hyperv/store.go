// SPDX-License-Identifier: MPL-2.0

// Package hyperv reads and writes the state of a simulated Hyper-V host: a JSON file that the fake agent and the PowerShell stand-in
// share. Tests and demonstrations use it to seed a host, to inspect it, and to inject faults.
package hyperv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// format is the version of the state file's format.
const format = 1

// Store is the state file of one simulated host. It is safe for concurrent use by goroutines and processes.
type Store struct {
	path string

	// The last content of the file and its meaning: comparing the content is much faster than parsing it. The lock on the file does
	// not exclude goroutines that read the cache.
	mu    sync.Mutex
	text  []byte
	state *State
}

// Open returns the store at path. If there is no file, it creates a host with one virtual switch and two images.
func Open(path string) (*Store, error) { return open(path, Seed{}) }

func open(path string, seed Seed) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	s := &Store{path: absolute}
	if err := os.MkdirAll(filepath.Dir(absolute), 0o755); err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := s.load(); !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	state, err := seed.create(absolute + ".d")
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", absolute, err)
	}
	return s, s.save(state)
}

// Path returns the absolute path of the state file.
func (s *Store) Path() string { return s.path }

// Read returns a copy of the state.
func (s *Store) Read() (*State, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return s.load()
}

// Update calls change with a copy of the state and saves it. If change fails, nothing is saved and its error is returned as it is.
func (s *Store) Update(change func(*State) error) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	state, err := s.load()
	if err != nil {
		return err
	}
	if err := change(state); err != nil {
		return err
	}
	return s.save(state)
}

// Calls returns how often each cmdlet was called since [Behaviour.RecordCalls] was set. The names are in a file beside the state file,
// one a line.
func (s *Store) Calls() (map[string]int, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	text, err := os.ReadFile(s.path + ".calls")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	calls := map[string]int{}
	for cmdlet := range strings.Lines(string(text)) {
		calls[strings.TrimSpace(cmdlet)]++
	}
	return calls, nil
}

func (s *Store) lock() (unlock func(), err error) {
	unlock, err = lock(s.path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", s.path, err)
	}
	return unlock, nil
}

func (s *Store) load() (*State, error) {
	text, err := os.ReadFile(s.path)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nil && bytes.Equal(text, s.text) {
		return s.state.clone(), nil
	}
	state := new(State)
	if err := json.Unmarshal(text, state); err != nil {
		return nil, fmt.Errorf("state file %s: %w", s.path, err)
	}
	if state.Format != format {
		return nil, fmt.Errorf("state file %s has format %d, not %d", s.path, state.Format, format)
	}
	s.text, s.state = text, state
	return state.clone(), nil
}

// save writes a temporary file and renames it, so that a reader without the lock never sees a partial file.
func (s *Store) save(state *State) error {
	state.fill()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(state); err != nil {
		return fmt.Errorf("state file %s: %w", s.path, err)
	}
	if err := os.WriteFile(s.path+".new", b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.state = b.Bytes(), state.clone()
	return nil
}
