// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// ErrNotFound is returned for a job that is not known.
var ErrNotFound = errors.New("job is not known")

// Store keeps records. Its methods may be called from many goroutines. Once Put and Delete return nil, what they did lasts,
// whatever becomes of the process. [storetest.Run] holds a store to this.
//
// [storetest.Run]: https://pkg.go.dev/github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest#Run
type Store interface {
	// Put keeps a record in the place of what there is under its id, as a whole.
	Put(ctx context.Context, r Record) error
	// Get gives a record. One that is not there is [ErrNotFound].
	Get(ctx context.Context, id string) (Record, error)
	// List gives all records, in any order.
	List(ctx context.Context) ([]Record, error)
	// Delete removes a record. One that is not there is no error.
	Delete(ctx context.Context, id string) error
	// Close lets go of what the store holds. The store is not used after it.
	Close() error
}

// Memory is a [Store] that ends with its process. The zero value is empty and ready.
type Memory struct {
	mu      sync.Mutex
	records map[string][]byte
}

var _ Store = (*Memory)(nil)

// Put keeps a record.
func (m *Memory) Put(ctx context.Context, r Record) error {
	text, err := r.Marshal()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	m.records[r.ID] = text
	return nil
}

// Get gives a record.
func (m *Memory) Get(ctx context.Context, id string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	text, ok := m.records[id]
	m.mu.Unlock()
	if !ok {
		return Record{}, ErrNotFound
	}
	return Unmarshal(text)
}

// List gives all records.
func (m *Memory) List(ctx context.Context) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	texts := slices.Collect(maps.Values(m.records))
	m.mu.Unlock()
	records := make([]Record, 0, len(texts))
	for _, text := range texts {
		r, err := Unmarshal(text)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// Delete removes a record.
func (m *Memory) Delete(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, id)
	return nil
}

// Close empties the store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = nil
	return nil
}
