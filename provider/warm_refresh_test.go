// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// warmRefreshBytes limits what a refresh sends to a host that has the agent, without what each request has in common: about 1,600 bytes
// of SOAP and HTTP headers, TLS records included.
const (
	warmRefreshBytes = 10_000
	requestBytes     = 1_600
)

func TestARefreshSendsTheAgentOnlyToAHostThatLacksIt(t *testing.T) {
	t.Parallel()
	eachAgent(t, aRefreshSendsTheAgentOnlyToAHostThatLacksIt)
}

func aRefreshSendsTheAgentOnlyToAHostThatLacksIt(t *testing.T, server *simhost.Server) {
	var web resource
	t.Run("apply", func(t *testing.T) {
		h := connected(t, server)
		web = h.mustApply(h.none(), linux("web-01"))
	})
	before := server.Counters()
	t.Run("refresh", func(t *testing.T) {
		h := connected(t, server)
		if read, diags := h.read(web); hasError(diags) || read.value.IsNull() {
			t.Errorf("read: %s", render(diags))
		}
	})
	after := server.Counters()
	sent := after.BytesIn - before.BytesIn
	requests := int64(after.POSTs - before.POSTs)
	t.Logf("first run: %d bytes; refresh: %d bytes in %d requests", before.BytesIn, sent, requests)
	if sent -= requests * requestBytes; sent > warmRefreshBytes {
		t.Errorf("the refresh sent %d bytes besides headers, at most %d are expected", sent, warmRefreshBytes)
	}
}
