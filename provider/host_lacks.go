// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// reportedLacks remembers what was reported of hosts, such as missing rights: many resources share a host, and one warning is enough.
type reportedLacks struct {
	mu    sync.Mutex
	hosts map[string]bool
}

// first reports whether the host, or one text about it, was not reported yet.
func (r *reportedLacks) first(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hosts[host] {
		return false
	}
	if r.hosts == nil {
		r.hosts = map[string]bool{}
	}
	r.hosts[host] = true
	return true
}

// has reports whether the host was reported.
func (r *reportedLacks) has(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[host]
}

// addLacks reports what the account or the host lacks, once for each host. The session with the host has the answer already.
func (c *connection) addLacks(ctx context.Context, diags *diag.Diagnostics, host string) {
	if !c.lacks.first(strings.ToLower(host)) {
		return
	}
	info, err := c.service.HostInfo(ctx, host)
	if err != nil {
		return // the caller's next request to the host reports it
	}
	for i := range info.Lacks {
		info.Lacks[i].Field = "host"
	}
	addFindings(diags, "Host "+host+" is not set up completely", info.Lacks)
}
