// SPDX-License-Identifier: MPL-2.0

package jobregistry

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// KeySize is the key length of a [Cipher] in bytes.
const KeySize = 32

// ErrDecrypt is returned for values that cannot be decrypted: another key or job was used, or the data was changed.
var ErrDecrypt = errors.New("values cannot be decrypted")

// Cipher encrypts the submitted values of jobs that their hosts do not have yet. It uses AES-256 in Galois/Counter Mode (NIST SP
// 800-38D) with random 96-bit nonces, which are safe for 2^32 jobs per key.
type Cipher struct{ aead cipher.AEAD }

// NewCipher returns a cipher for a key of [KeySize] random bytes. The key must not be kept in the job store.
func NewCipher(key []byte) (*Cipher, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("key has %d bytes; use %d random bytes", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &Cipher{aead}, err
}

// Encrypt encrypts plaintext for one job: it cannot be decrypted for another one.
func (c *Cipher) Encrypt(jobID string, plaintext []byte) []byte {
	nonce := make([]byte, c.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return c.aead.Seal(nonce, nonce, plaintext, []byte(jobID))
}

// Decrypt reverses [Cipher.Encrypt].
func (c *Cipher) Decrypt(jobID string, ciphertext []byte) ([]byte, error) {
	n := c.aead.NonceSize()
	if len(ciphertext) < n {
		return nil, ErrDecrypt
	}
	plaintext, err := c.aead.Open(nil, ciphertext[:n], ciphertext[n:], []byte(jobID))
	if err != nil {
		return nil, ErrDecrypt
	}
	return plaintext, nil
}
