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

// maxReply bounds an answer. It is far more than any ticket: Windows' own limit is 64 KB.
const maxReply = 1 << 20

// exchange sends a message to the KDCs of a realm, one after the other until one answers. An answer that is an error of
// Kerberos is returned as such. All goes over TCP, which RFC 4120 7.2.2 has every KDC accept.
func (c *Client) exchange(ctx context.Context, realm string, message []byte) (answer []byte, refused *messages.KRBError, err error) {
	addresses, err := c.kdcs(ctx, realm)
	if err != nil {
		return nil, nil, err
	}
	end, _ := ctx.Deadline()
	var failures []error
	for i, address := range addresses {
		// A KDC that is silent must leave time for those after it.
		share := time.Until(end) / time.Duration(len(addresses)-i)
		answer, err := c.exchangeWith(ctx, share, address, message)
		if err == nil {
			var e messages.KRBError
			isError := e.Unmarshal(answer) == nil
			if isError && e.ErrorCode == errorcode.KDC_ERR_SVC_UNAVAILABLE {
				err = errors.New("it has no capacity")
			} else if isError {
				return nil, &e, nil
			} else {
				return answer, nil, nil
			}
		}
		failures = append(failures, fmt.Errorf("%s: %w", address, err))
	}
	return nil, nil, &UnreachableError{Realm: realm, Errs: failures}
}

// kdcs gives the addresses of a realm's KDCs: those that the configuration names, or else, where it allows that, those that
// the DNS knows, as Windows' domains have it.
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
		return nil, &Error{By: c.file, Reason: "it names no KDC for realm " + realm, Remedy: "add kdc to the realm, or set dns_lookup_kdc = true"}
	}
	records, err := c.lookup(ctx, realm)
	if err == nil && len(records) == 0 {
		err = errors.New("the DNS knows none")
	}
	if err != nil {
		return nil, &UnreachableError{Realm: realm, Errs: []error{err}}
	}
	for _, record := range records {
		addresses = append(addresses, net.JoinHostPort(strings.TrimSuffix(record.Target, "."), strconv.Itoa(int(record.Port))))
	}
	return addresses, nil
}

func (c *Client) exchangeWith(ctx context.Context, limit time.Duration, address string, message []byte) (answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("no answer within %v: %w", limit.Round(time.Millisecond), ctx.Err())
		}
	}()
	conn, err := c.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	// A deadline in the past ends reads and writes that are under way.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	framed := binary.BigEndian.AppendUint32(nil, uint32(len(message))) //nolint:gosec // a message is some kilobytes long
	if _, err := conn.Write(append(framed, message...)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("it closed the connection: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxReply {
		return nil, fmt.Errorf("it does not speak Kerberos: an answer of %d bytes", n)
	}
	answer = make([]byte, n)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, fmt.Errorf("it closed the connection: %w", err)
	}
	return answer, nil
}
