// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// BenchmarkString redacts 64 KiB of a log with the secrets of few and of many jobs. Beside it stands a replacement of what the
// secrets are as they are, and in 30 forms: that is the least that a search form by form costs.
func BenchmarkString(b *testing.B) {
	line := "2026-01-02T03:04:05.678Z 17 log [3/6] disk: C:\\VMs\\web-01\\disk0.vhdx of 42 GB was copied from ubuntu-24.04 {\"ok\":true}\n"
	text := strings.Repeat(line, 64<<10/len(line))
	for _, n := range []int{1, 20, 200} {
		secrets := make([]string, n)
		var pairs []string
		for i := range secrets {
			secrets[i] = fmt.Sprintf("%c7q-Tr0ub4dor&%d", 'A'+i%50, i*7919)
			for form := range 30 {
				pairs = append(pairs, fmt.Sprintf("%c%s", 'A'+form, secrets[i]), redact.Mask)
			}
		}
		r := redact.New(secrets...)
		b.Run(fmt.Sprintf("%d secrets", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if r.String(text) != text {
					b.Fatal("changed")
				}
			}
		})
		b.Run(fmt.Sprintf("%d secrets, form by form", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				found := text
				for i := 0; i < len(pairs); i += 2 {
					found = strings.ReplaceAll(found, pairs[i], pairs[i+1])
				}
				if found != text {
					b.Fatal("changed")
				}
			}
		})
		b.Run(fmt.Sprintf("made of %d secrets", n), func(b *testing.B) {
			for b.Loop() {
				redact.New(secrets...)
			}
		})
	}
}
