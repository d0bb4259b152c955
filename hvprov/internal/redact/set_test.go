// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"fmt"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

func TestASetHasTheSecretsOfWhatRuns(t *testing.T) {
	t.Parallel()
	var set redact.Set
	want := func(when, text string) {
		t.Helper()
		if got := set.String("first second shared"); got != text {
			t.Errorf("%s: %q, want %q", when, got, text)
		}
	}
	want("with none", "first second shared")
	releaseFirst := set.Add("first", "shared")
	want("with one", "****** second ******")
	releaseSecond := set.Add("second", "shared")
	want("with two", "****** ****** ******")
	releaseFirst()
	releaseFirst()
	want("when the first has ended, though told twice", "first ****** ******")
	releaseSecond()
	want("when both have ended", "first second shared")
}

func TestASetMakesARedactorOnlyWhenSecretsChange(t *testing.T) {
	t.Parallel()
	var set redact.Set
	release := set.Add("secret")
	r := set.Redactor()
	again := set.Add("secret")
	if set.Redactor() != r {
		t.Error("it was made again for a secret that was there")
	}
	release()
	if set.Redactor() != r {
		t.Error("it was made again for a secret that stays")
	}
	again()
	if set.Redactor() == r {
		t.Error("it was not made again")
	}
}

func TestASetKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	var set redact.Set
	secrets := []string{"secret"}
	release := set.Add(secrets...)
	secrets[0] = "other"
	release()
	if got := set.String("secret other"); got != "secret other" {
		t.Errorf("after the release: %q", got)
	}
}

func TestANilSetReplacesNothing(t *testing.T) {
	t.Parallel()
	var set *redact.Set
	if got := set.String("text"); got != "text" {
		t.Errorf("got %q", got)
	}
}

func ExampleSet() {
	var set redact.Set
	release := set.Add("S3cret!") // when a job begins
	fmt.Println(set.String("the host said: S3cret! is too short"))
	release() // when its last line is told
	fmt.Println(set.String("the host said: S3cret! is too short"))
	// Output:
	// the host said: ****** is too short
	// the host said: S3cret! is too short
}
