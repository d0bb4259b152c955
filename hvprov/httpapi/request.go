// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// decode reads the JSON body of a request. Numbers in values keep their precision.
func decode(r *http.Request, to any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return newProblem("unsupported_media_type", "Content-Type is %q: send application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return newProblem("body_too_large", "the body has more than %d bytes", tooLarge.Limit)
	case err != nil:
		return newProblem("invalid_request", "the body could not be read")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return newProblem("invalid_request", "the body is not valid: %s", decodeError(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return newProblem("invalid_request", "the body has more than one JSON value")
	}
	return nil
}

// decodeError returns the text of an error of package json without values, which may be secret.
func decodeError(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return strings.TrimPrefix(kind.Field+" must not be a "+kind.Value[:strings.IndexByte(kind.Value+" ", ' ')], " ")
	case errors.As(err, &syntax):
		return "JSON syntax error at byte " + strconv.FormatInt(syntax.Offset, 10)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends early"
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return "it is not the JSON object that the OpenAPI document describes"
}

// query returns the parameters of a request. Unknown ones are refused, so that a misspelt filter does not select everything, and
// nothing like ?token= has an effect that would bring secrets into logs.
func query(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem("invalid_request", "the query of the URL is not valid")
	}
	for name := range values {
		if !slices.Contains(known, name) {
			return nil, newProblem("invalid_request", "unknown query parameter %q: use %s", name, oneOf(known))
		}
	}
	return values, nil
}

func oneOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// number returns a query parameter between low and high, or fallback if it is absent.
func number(values url.Values, name string, low, high, fallback int64) (int64, error) {
	text := values.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, newProblem("invalid_request", "query parameter %s must be a number between %d and %d", name, low, high)
	}
	return n, nil
}

// list returns the values of a query parameter that may be repeated or separated by commas.
func list(values url.Values, name string) []string {
	var all []string
	for _, text := range values[name] {
		for item := range strings.SplitSeq(text, ",") {
			if item != "" {
				all = append(all, item)
			}
		}
	}
	return all
}

// reply sends a value as JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON, which browsers do not render; an error means that the client is gone
	return nil
}

// replyTagged sends a value as JSON with an ETag, or 304 to a client that has it.
func replyTagged(w http.ResponseWriter, r *http.Request, contentType string, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
	header := w.Header()
	header.Set("ETag", tag)
	header.Set("Cache-Control", "private, no-cache")
	header.Add("Vary", "Authorization, Cookie")
	if matchesTag(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	header.Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:gosec // JSON, which browsers do not render
	}
	return nil
}

func matchesTag(headers []string, tag string) bool {
	for _, line := range headers {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimPrefix(strings.TrimSpace(item), "W/"); item == tag || item == "*" {
				return true
			}
		}
	}
	return false
}

func encode(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(true)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
