// SPDX-License-Identifier: MPL-2.0

package hyperv

import "errors"

// Store is the state file of one simulated host. Its methods may be called by many goroutines and processes at once.
type Store struct {
	path string
}

// Open gives the store at path, and makes it when it is not there: a host with one switch and two images.
func Open(path string) (*Store, error) { return &Store{path: path}, nil }

// Read gives what the host holds now.
func (s *Store) Read() (*State, error) { return nil, errors.ErrUnsupported }

// Update changes what the host holds. When change fails, nothing is changed, and its error is returned as it is.
func (s *Store) Update(change func(*State) error) error { return errors.ErrUnsupported }
