// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Format is the version of the state file's format that this package reads and writes.
const Format = 1

// Store is the state file of one simulated host. Its methods may be called by many goroutines and processes at once.
type Store struct {
	path string

	// What the file held last, and what that means: to read a file and compare it is much faster than to parse it. The file's
	// lock is held as well, but is not one that other goroutines see.
	mu    sync.Mutex
	text  []byte
	state *State

	// Wait is how a call waits for the delay that [Behaviour] asks of it: for d, or until ctx ends, whose error it then
	// returns. It may be replaced before the store is used.
	Wait func(ctx context.Context, d time.Duration) error
}

// Open gives the store at path, and makes it when it is not there: a host with one switch and two images.
func Open(path string) (*Store, error) { return open(path, Seed{}) }

func open(path string, seed Seed) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	s := &Store{path: absolute, Wait: wait}
	if err := os.MkdirAll(filepath.Dir(absolute), 0o755); err != nil {
		return nil, fmt.Errorf("state file: %w", err)
	}
	unlock, err := lock(s.lockPath())
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", absolute, err)
	}
	defer unlock()
	if _, err := s.load(); !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	state, err := seed.make(absolute + ".d")
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", absolute, err)
	}
	return s, s.save(state)
}

// Path tells where the state file is, as an absolute path.
func (s *Store) Path() string { return s.path }

// Read gives what the host holds now.
func (s *Store) Read() (*State, error) {
	unlock, err := lock(s.lockPath())
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", s.path, err)
	}
	defer unlock()
	return s.load()
}

// Update changes what the host holds. When change fails, nothing is changed, and its error is returned as it is.
func (s *Store) Update(change func(*State) error) error {
	unlock, err := lock(s.lockPath())
	if err != nil {
		return fmt.Errorf("state file %s: %w", s.path, err)
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

func (s *Store) lockPath() string { return s.path + ".lock" }

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
	if state.Format != Format {
		return nil, fmt.Errorf("state file %s has format %d, not %d", s.path, state.Format, Format)
	}
	s.text, s.state = text, state
	return state.clone(), nil
}

// save writes beside the file and renames, so that a reader without the lock meets a whole file too.
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

// fill puts empty lists where there are none: PowerShell's null is not a list.
func (s *State) fill() {
	if s.Host.SharedVolumes == nil {
		s.Host.SharedVolumes = []SharedVolume{}
	}
	if s.Host.ClusterGroups == nil {
		s.Host.ClusterGroups = []string{}
	}
	if s.Switches == nil {
		s.Switches = []Switch{}
	}
	if s.VMs == nil {
		s.VMs = []VM{}
	}
	if s.Behaviour.Calls == nil {
		s.Behaviour.Calls = map[string]Call{}
	}
	for i := range s.VMs {
		vm := &s.VMs[i]
		if vm.Adapters == nil {
			vm.Adapters = []Adapter{}
		}
		if vm.Drives == nil {
			vm.Drives = []Drive{}
		}
		if vm.DVDs == nil {
			vm.DVDs = []DVD{}
		}
		if vm.StartupOrder == nil {
			vm.StartupOrder = []string{}
		}
		for j := range vm.Adapters {
			if vm.Adapters[j].ID == "" {
				vm.Adapters[j].ID = newID()
			}
			if vm.Adapters[j].IPAddresses == nil {
				vm.Adapters[j].IPAddresses = []string{}
			}
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// LockNames lets one caller at a time, of all processes, look for a name among the virtual machines and take it.
func (s *Store) LockNames() (unlock func(), err error) { return lock(s.path + ".names.lock") }
