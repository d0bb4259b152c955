// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// TestWriterFindsASecretWhereverItIsSplit writes each form of a secret in two pieces, at each place, and byte by byte.
func TestWriterFindsASecretWhereverItIsSplit(t *testing.T) {
	t.Parallel()
	const secret = `p'w"<d>&\ü/_x` + "\t$1"
	r := redact.New(secret, "abc")
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			text := "before abc " + f.write(secret) + f.write(secret) + " after\nabc"
			want := r.String(text)
			if strings.Count(want, redact.Mask) < 3 {
				t.Fatalf("in one piece it is %q", want)
			}
			for at := range text {
				if got := written(t, r, text[:at], text[at:]); got != want {
					t.Fatalf("split at %d it is %q, want %q", at, got, want)
				}
			}
			if got := written(t, r, strings.Split(text, "")...); got != want {
				t.Errorf("byte by byte it is %q, want %q", got, want)
			}
		})
	}
}

func TestWriterHoldsBackOnlyWhatMayBeginASecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, told string }{
		{"a line that begins none is told at once", "an ordinary line of a log\n", "an ordinary line of a log\n"},
		{"the beginning of one is held", "password S3c", "password "},
		{"the beginning of an escape is held", `say \u00`, "say "},
		{"what is a secret already is told", "S3cret! ", redact.Mask + " "},
		{"the beginning of another within it is held", "S3cret!S3cr", redact.Mask},
		{"a number is no word yet", "in 42", "in "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			w := redact.NewWriter(&b, redact.New("S3cret!", "42"))
			if n, err := w.Write([]byte(tt.text)); n != len(tt.text) || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			if b.String() != tt.told {
				t.Errorf("told %q, want %q", b.String(), tt.told)
			}
		})
	}
}

// TestWriterHoldsBackNoMoreThanASecret has text that is the beginning of a secret again and again, for ever.
func TestWriterHoldsBackNoMoreThanASecret(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"aaa", `\`, "aaaab", "\x00", "a\x1b[0m", "%25", "&amp;"} {
		var c counter
		w := redact.NewWriter(&c, redact.New("aaaaaaab", `\\\\\\`))
		total := 0
		for range 500 {
			n, err := w.Write([]byte(piece))
			if err != nil {
				t.Fatal(err)
			}
			total += n
			if held := total - c.n; held > 400 && piece != "aaaab" && piece != `\` {
				t.Fatalf("of %q, %d bytes are held", piece, held)
			}
		}
	}
}

func TestWriterTellsTheErrorOfTheWriterBehind(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is full")
	w := redact.NewWriter(&counter{err: failure}, redact.New("secret"))
	if n, err := w.Write([]byte("a line\n")); n != 0 || !errors.Is(err, failure) {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, failure) {
		t.Errorf("then %v", err)
	}
	if err := w.Close(); !errors.Is(err, failure) {
		t.Errorf("in the end %v", err)
	}
}

func TestWriterServesManyAtOnce(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	var set redact.Set
	w := redact.NewWriter(&b, &set)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			secret := fmt.Sprintf("secret number %d", i)
			defer set.Add(secret)()
			for range 100 {
				if _, err := w.Write([]byte(secret + "\n")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), strings.Repeat(redact.Mask+"\n", 800); got != want {
		t.Errorf("got %q", got)
	}
}

type counter struct {
	n   int
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	return len(p), c.err
}

func written(t *testing.T, r *redact.Redactor, pieces ...string) string {
	t.Helper()
	var b strings.Builder
	w := redact.NewWriter(&b, r)
	for _, piece := range pieces {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func ExampleWriter() {
	w := redact.NewWriter(os.Stdout, redact.New("S3cret!"))
	defer func() { _ = w.Close() }()
	for _, piece := range []string{"net user admin S3c", "ret", "! /add\n"} {
		_, _ = w.Write([]byte(piece))
	}
	// Output: net user admin ****** /add
}
