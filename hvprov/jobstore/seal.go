// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// KeySize is the length of a [Sealer]'s key in bytes.
const KeySize = 32

// ErrSeal is returned for what cannot be opened: it was sealed with another key, for another job, or was changed.
var ErrSeal = errors.New("what was sealed cannot be opened")

// Sealer encrypts what a job that waits needs to run, with AES-256 in Galois/Counter Mode (NIST SP 800-38D). A random nonce
// of 96 bits serves for four thousand million jobs a key.
type Sealer struct{ aead cipher.AEAD }

// NewSealer makes a sealer with a key of [KeySize] random bytes. It belongs to the owner of the store, and not into it.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes: use %d random ones", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Sealer{aead}, err
}

// Seal encrypts text for a job: it opens for no other.
func (s *Sealer) Seal(jobID string, text []byte) []byte {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return s.aead.Seal(nonce, nonce, text, []byte(jobID))
}

// Open gives what Seal was given.
func (s *Sealer) Open(jobID string, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrSeal
	}
	text, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(jobID))
	if err != nil {
		return nil, ErrSeal
	}
	return text, nil
}
