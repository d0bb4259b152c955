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

// The headers of a request.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far a request's time may be from the receiver's.
const Tolerance = 5 * time.Minute

// shortestKey is in bytes, as the specification has it.
const shortestKey = 24

// Errors that [Verify] wraps.
var (
	// ErrSignature means that a request was not signed with the secret, or was changed.
	ErrSignature = errors.New("the signature is wrong")
	// ErrTime means that a request was signed too long ago, or in the future.
	ErrTime = errors.New("the time of the signature is too far off")
)

// key gives the bytes of a secret.
func key(secret string) ([]byte, error) {
	raw := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if raw, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("the secret begins with whsec_ and goes on with what is no base64: copy it again") // and never show it
		}
	}
	if len(raw) < shortestKey {
		return nil, fmt.Errorf("the secret has %d bytes: use %d or more, from a random generator", len(raw), shortestKey)
	}
	return raw, nil
}

func sign(key []byte, id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(h, "%s.%s.%s", id, timestamp, body)
	return h.Sum(nil)
}

// setSignature signs a request as of a time.
func setSignature(h http.Header, key []byte, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(sign(key, id, timestamp, body)))
}

// Verify is for receivers: it tells whether a request was signed with the secret within [Tolerance] of now, and gives the id of its
// event. Whoever must not take one twice keeps the ids for twice that time. Errors are [ErrSignature], [ErrTime], or about the
// secret.
func Verify(secret string, header http.Header, body []byte, now time.Time) (id string, err error) {
	k, err := key(secret)
	if err != nil {
		return "", err
	}
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return "", fmt.Errorf("%w: the request has no %s, or no %s that is a number", ErrSignature, HeaderID, HeaderTimestamp)
	}
	want := sign(k, id, timestamp, body)
	valid := false
	for _, signature := range strings.Fields(header.Get(HeaderSignature)) {
		encoded, ok := strings.CutPrefix(signature, "v1,")
		if got, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil && hmac.Equal(got, want) {
			valid = true
		}
	}
	if !valid {
		return "", fmt.Errorf("%w: refuse the request, and compare the secrets of both sides", ErrSignature)
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > Tolerance || off < -Tolerance {
		return "", fmt.Errorf("%w: by %s: refuse the request, and compare the clocks of both sides", ErrTime, off.Round(time.Second))
	}
	return id, nil
}
