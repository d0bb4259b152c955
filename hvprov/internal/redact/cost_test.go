// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// password returns a secret that differs for each i, also in its first character.
func password(i int) string { return fmt.Sprintf("%c7q-Tr0ub4dor&%d", 'A'+i%50, i*7919) }

// queueJobs does what a service does when jobs are queued: each adds its secrets, and each of its events and log lines is
// redacted with the secrets of all jobs so far.
func queueJobs(jobs int, secret func(int) string) time.Duration {
	const lines = 3
	start := time.Now()
	all := redact.New()
	releases := make([]func(), jobs)
	for i := range releases {
		releases[i] = all.Add(secret(i))
		for range lines {
			all.String("job 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11 is queued on host hv01, 17 jobs are before it")
		}
	}
	for _, release := range releases {
		release()
		all.String("job 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11 has ended on host hv01")
	}
	return time.Since(start)
}

// TestTheCostOfASecretDoesNotGrowWithTheNumberOfSecrets compares both kinds in the same run, so that a busy machine slows both.
// Rebuilding an index of all secrets for each job would make the ratio more than 1,000.
func TestTheCostOfASecretDoesNotGrowWithTheNumberOfSecrets(t *testing.T) {
	t.Parallel()
	const jobs, attempts = 1000, 20
	shared := func(int) string { return password(1) }
	ratio := 0.0
	for range attempts { // the best of several runs: a pause of the process must not fail the test
		ratio = float64(queueJobs(jobs, password)) / float64(queueJobs(jobs, shared))
		if ratio <= 2 {
			t.Logf("%d jobs with a secret each cost %.2f times as much as with one shared secret", jobs, ratio)
			return
		}
	}
	t.Errorf("%d jobs with a secret each cost %.1f times as much as with one shared secret, want at most 2", jobs, ratio)
}

func BenchmarkQueuedJobs(b *testing.B) {
	for name, secret := range map[string]func(int) string{"shared secret": func(int) string { return password(1) }, "secret each": password} {
		b.Run("1000 jobs, "+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				queueJobs(1000, secret)
			}
		})
	}
}

func pemKey(tb testing.TB) string {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// It is not parallel: testing.Benchmark counts the allocations of all goroutines.
func TestAPrivateKeyTakesLittleMemory(t *testing.T) {
	key := pemKey(t)
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			redact.New(key)
		}
	})
	t.Logf("a key of 2048 bits: %v and %d KiB", time.Duration(result.NsPerOp()), result.AllocedBytesPerOp()>>10)
	if limit := int64(1 << 20); result.AllocedBytesPerOp() > limit {
		t.Errorf("a key of 2048 bits allocates %d bytes, want at most %d", result.AllocedBytesPerOp(), limit)
	}
}

func BenchmarkPrivateKey(b *testing.B) {
	key := pemKey(b)
	b.ReportAllocs()
	for b.Loop() {
		redact.New(key)
	}
}

// BenchmarkString redacts 64 KiB of a log that contains no secret.
func BenchmarkString(b *testing.B) {
	line := "2026-01-02T03:04:05.678Z 17 log [3/6] disk: C:\\VMs\\web-01\\disk0.vhdx of 42 GB was copied from ubuntu-24.04 {\"ok\":true}\n"
	text := strings.Repeat(line, 64<<10/len(line))
	for _, n := range []int{1, 20, 1000} {
		secrets := make([]string, n)
		for i := range secrets {
			secrets[i] = password(i)
		}
		r := redact.New(secrets...)
		b.Run(fmt.Sprintf("%d secrets", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if r.String(text) != text {
					b.Fatal("text without a secret was changed")
				}
			}
		})
	}
}
