// SPDX-License-Identifier: MPL-2.0

package krbtest

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

// The first bytes of requests (RFC 4120 5.10).
const (
	tagASRequest  = 0x6a // [APPLICATION 10]
	tagTGSRequest = 0x6c // [APPLICATION 12]
)

// requestCounter forwards connections to a KDC and counts their requests. A connection carries one request.
type requestCounter struct {
	kdc string

	mu      sync.Mutex
	as, tgs int
}

func (c *requestCounter) counts() (as, tgs int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.as, c.tgs
}

func (c *requestCounter) count(tag byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch tag {
	case tagASRequest:
		c.as++
	case tagTGSRequest:
		c.tgs++
	}
}

func (c *requestCounter) relay(ctx context.Context, client net.Conn) {
	kdc, err := tcptest.Dial(ctx, c.kdc)
	if err != nil {
		return
	}
	defer func() { _ = kdc.Close() }()
	head := make([]byte, 5) // the length and the first byte of the request
	if _, err := io.ReadFull(client, head); err != nil {
		return
	}
	c.count(head[4])
	if _, err := kdc.Write(head); err != nil {
		return
	}
	tcptest.Relay(client, client, kdc)
}
