// SPDX-License-Identifier: MPL-2.0

package jobregistry_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
)

func TestEncryptedValuesCanBeDecryptedForTheirJobOnly(t *testing.T) {
	t.Parallel()
	key := make([]byte, jobregistry.KeySize)
	c, err := jobregistry.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext := c.Encrypt("a", []byte("text"))
	if text, err := c.Decrypt("a", ciphertext); err != nil || string(text) != "text" {
		t.Errorf("got %q, %v", text, err)
	}
	changed := slices.Clone(ciphertext)
	changed[len(changed)-1] ^= 1
	other, err := jobregistry.NewCipher(append(key[1:], 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, decrypt := range map[string]func() ([]byte, error){
		"another job": func() ([]byte, error) { return c.Decrypt("b", ciphertext) },
		"changed":     func() ([]byte, error) { return c.Decrypt("a", changed) },
		"truncated":   func() ([]byte, error) { return c.Decrypt("a", ciphertext[:5]) },
		"another key": func() ([]byte, error) { return other.Decrypt("a", ciphertext) },
	} {
		if text, err := decrypt(); !errors.Is(err, jobregistry.ErrDecrypt) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := jobregistry.NewCipher([]byte("short")); err == nil {
		t.Error("a short key is accepted")
	}
}
