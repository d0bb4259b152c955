// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// maxReply is the maximum size of a reply in bytes, far more than any ticket: Windows limits tickets to 64 KB.
const maxReply = 1 << 20

// exchange sends a message to the KDCs of a realm, one after the other until one replies, and returns the reply or the KDC's error
// message. It uses TCP only, which every KDC must support (RFC 4120 7.2.2).
func (c *Client) exchange(ctx context.Context, realm string, message []byte) (reply []byte, refused *messages.KRBError, err error) {
	addresses, err := c.kdcs(ctx, realm)
	if err != nil {
		return nil, nil, err
	}
	end, _ := ctx.Deadline()
	var failures []error
	for i, address := range addresses {
		// A KDC that does not reply must leave time for those after it.
		timeout := time.Until(end) / time.Duration(len(addresses)-i)
		reply, err := c.exchangeWith(ctx, timeout, address, message)
		if err == nil {
			var e messages.KRBError
			isError := e.Unmarshal(reply) == nil
			if isError && e.ErrorCode == errorcode.KDC_ERR_SVC_UNAVAILABLE {
				err = errors.New("KDC has no capacity")
			} else if isError {
				return nil, &e, nil
			} else {
				return reply, nil, nil
			}
		}
		failures = append(failures, fmt.Errorf("%s: %w", address, err))
	}
	return nil, nil, &UnreachableError{Realm: realm, Errs: failures}
}

// kdcs returns the addresses of a realm's KDCs from the configuration, or else from the DNS if the configuration permits that.
// Windows domains register their KDCs there.
func (c *Client) kdcs(ctx context.Context, realm string) (addresses []string, err error) {
	for _, known := range c.config.Realms {
		if known.Realm != realm {
			continue
		}
		for _, kdc := range known.KDC {
			addresses = append(addresses, strings.TrimPrefix(kdc, "tcp/"))
		}
	}
	if len(addresses) > 0 {
		return addresses, nil
	}
	if !c.config.LibDefaults.DNSLookupKDC {
		return nil, &Error{By: c.file, Reason: "no KDC is configured for realm " + realm, Remedy: "add kdc to the realm, or set dns_lookup_kdc = true"}
	}
	records, err := c.lookupSRV(ctx, realm)
	if err == nil && len(records) == 0 {
		err = errors.New("no SRV records found in the DNS")
	}
	if err != nil {
		return nil, &UnreachableError{Realm: realm, Errs: []error{err}}
	}
	for _, record := range records {
		addresses = append(addresses, net.JoinHostPort(strings.TrimSuffix(record.Target, "."), strconv.Itoa(int(record.Port))))
	}
	return addresses, nil
}

// exchangeWith sends a message to one KDC and returns its reply.
func (c *Client) exchangeWith(ctx context.Context, timeout time.Duration, address string, message []byte) (reply []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("no answer within %v: %w", timeout.Round(time.Millisecond), ctx.Err())
		}
	}()
	conn, err := c.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	// A deadline in the past interrupts pending reads and writes.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	framed := binary.BigEndian.AppendUint32(nil, uint32(len(message))) //nolint:gosec // messages have some kilobytes
	if _, err := conn.Write(append(framed, message...)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("KDC closed the connection: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxReply {
		return nil, fmt.Errorf("response is not Kerberos: length of %d bytes", n)
	}
	reply = make([]byte, n)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, fmt.Errorf("KDC closed the connection: %w", err)
	}
	return reply, nil
}
