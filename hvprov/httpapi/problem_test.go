// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

func TestEachCodeIsInTheGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../templates/guides/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for code, status := range httpapi.Problems() {
		if row := "| <a id=\"" + code + "\"></a>`" + code + "` | " + status + " |"; !strings.Contains(string(guide), row) {
			t.Errorf("the guide lacks %q", row)
		}
	}
	if got := strings.Count(string(guide), `<a id="`); got != len(httpapi.Problems()) {
		t.Errorf("the guide has %d codes, want %d", got, len(httpapi.Problems()))
	}
}

func TestEachErrorOfARequestHasAStatus(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		hvprov.ErrHostUnknown, hvprov.ErrHostUnreachable, hvprov.ErrHostNotReady, hvprov.ErrHostBusy, hvprov.ErrAuthentication, hvprov.ErrAccessDenied,
		hvprov.ErrQuota, hvprov.ErrConnectionLost, hvprov.ErrVMNotFound, hvprov.ErrVMAmbiguous, hvprov.ErrVMElsewhere, hvprov.ErrNameTaken, hvprov.ErrVMBusy, hvprov.ErrJobNotFound,
		hvprov.ErrClosed,
	} {
		if status := httpapi.Problems()[hvprov.Code(err)]; status == "" || status == "500" {
			t.Errorf("%v has the code %s with the status %q", err, hvprov.Code(err), status)
		}
	}
}
