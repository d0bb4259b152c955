// SPDX-License-Identifier: MPL-2.0

package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a request, as defined by Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// tolerance is the maximum difference between the clocks of sender and receiver.
const tolerance = 5 * time.Minute

// minKeyBytes is the minimum key length of Standard Webhooks.
const minKeyBytes = 24

// Errors that [Verify] wraps.
var (
	ErrSignature = errors.New("webhook signature is invalid")          // another secret, or a changed request
	ErrTime      = errors.New("webhook timestamp is out of tolerance") // signed too long ago, or in the future
)

// parseKey returns the bytes of a secret. Its errors do not contain the secret.
func parseKey(secret string) ([]byte, error) {
	raw := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if raw, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("secret with the prefix whsec_ is not valid base64: copy it again")
		}
	}
	if len(raw) < minKeyBytes {
		return nil, fmt.Errorf("secret has %d bytes: use %d or more random bytes", len(raw), minKeyBytes)
	}
	return raw, nil
}

func sign(key []byte, id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(h, "%s.%s.%s", id, timestamp, body)
	return h.Sum(nil)
}

// setSignature sets the headers of a request that is sent at the given time.
func setSignature(h http.Header, key []byte, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set(headerID, id)
	h.Set(headerTimestamp, timestamp)
	h.Set(headerSignature, "v1,"+base64.StdEncoding.EncodeToString(sign(key, id, timestamp, body)))
}

// Verify is for receivers: it checks that a request was signed with the secret within five minutes of now, and returns the ID of its
// event. To handle each event once, a receiver must remember IDs for ten minutes. The error is [ErrSignature], [ErrTime], or about
// the secret.
func Verify(secret string, header http.Header, body []byte, now time.Time) (id string, err error) {
	key, err := parseKey(secret)
	if err != nil {
		return "", fmt.Errorf("webhook: %w", err)
	}
	id, timestamp := header.Get(headerID), header.Get(headerTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return "", fmt.Errorf("%w: header %s is missing, or %s is not a number", ErrSignature, headerID, headerTimestamp)
	}
	want := sign(key, id, timestamp, body)
	valid := false
	for _, signature := range strings.Fields(header.Get(headerSignature)) {
		encoded, ok := strings.CutPrefix(signature, "v1,")
		if got, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil && hmac.Equal(got, want) {
			valid = true
		}
	}
	if !valid {
		return "", fmt.Errorf("%w: reject the request, and compare the secrets of sender and receiver", ErrSignature)
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > tolerance || off < -tolerance {
		return "", fmt.Errorf("%w by %s: reject the request, and compare the clocks of sender and receiver", ErrTime, off.Round(time.Second))
	}
	return id, nil
}
