// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// Memory is a [Store] in memory. The zero value is empty and ready to use. Close empties it.
type Memory struct {
	mu      sync.Mutex
	records map[string]memoryRecord // by lower-case ID
}

type memoryRecord struct {
	version int64
	data    []byte
}

var _ Store = (*Memory)(nil)

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, r Record) (int64, error) {
	id, version := strings.ToLower(r.ID), r.Version
	r.Version++
	data, err := Encode(r)
	if err != nil {
		return 0, fmt.Errorf("encode record of job %s: %w", r.ID, err)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records[id].version != version {
		return 0, fmt.Errorf("job %s: %w", r.ID, ErrConflict)
	}
	if m.records == nil {
		m.records = map[string]memoryRecord{}
	}
	m.records[id] = memoryRecord{r.Version, data}
	return r.Version, nil
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, id string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	stored, ok := m.records[strings.ToLower(id)]
	m.mu.Unlock()
	if !ok {
		return Record{}, fmt.Errorf("job %s: %w", id, ErrNotFound)
	}
	return Decode(stored.data)
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, f Filter, p Page) ([]Record, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	var records []Record
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, stored := range m.records {
		r, err := Decode(stored.data)
		if err != nil {
			return nil, "", err
		}
		if f.Match(&r) {
			records = append(records, r)
		}
	}
	return p.Apply(records)
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, strings.ToLower(id))
	return nil
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = nil
	return nil
}
