// SPDX-License-Identifier: MPL-2.0

package cause_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

func TestARestoredErrorMatchesTheSameSentinels(t *testing.T) {
	t.Parallel()
	all := []error{
		cause.ErrHostUnknown, cause.ErrHostUnreachable, cause.ErrHostNotReady, cause.ErrHostBusy, cause.ErrAuthentication, cause.ErrAccessDenied,
		cause.ErrVMNotFound, cause.ErrVMAmbiguous, cause.ErrVMElsewhere, cause.ErrNameTaken, cause.ErrVMBusy, cause.ErrTimeLimit, cause.ErrJobNotFound, cause.ErrJobFailed,
		cause.ErrJobUnknown, cause.ErrJobCancelled, cause.ErrClosed, transport.ErrQuota, transport.ErrConnectionLost,
	}
	for _, sentinel := range all {
		err := fmt.Errorf("host hv01: %w: %w", sentinel, transport.ErrConnectionLost)
		after := cause.Restore(err.Error(), cause.Codes(err))
		if after.Error() != err.Error() {
			t.Errorf("restored text is %q, want %q", after, err)
		}
		for _, target := range all {
			if errors.Is(err, target) != errors.Is(after, target) {
				t.Errorf("%v: restored error matches %v: %t", err, target, errors.Is(after, target))
			}
		}
	}
}

func TestCodesAreInOrderOfSignificance(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("%w: %w: %w", cause.ErrClosed, transport.ErrConnectionLost, cause.ErrJobUnknown)
	if got, want := cause.Codes(err), []string{"job_outcome_unknown", "connection_lost", "service_closed"}; !slices.Equal(got, want) {
		t.Errorf("codes are %q, want %q", got, want)
	}
	if got := cause.Code(errors.New("other")); got != "" {
		t.Errorf("code of an error without a sentinel is %q", got)
	}
	if err := cause.Restore("", nil); err != nil {
		t.Errorf("restored %v from nothing", err)
	}
	if err := cause.Restore("text", []string{"from_a_later_version"}); err == nil || err.Error() != "text" {
		t.Errorf("restored %v", err)
	}
}
