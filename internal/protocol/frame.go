// SPDX-License-Identifier: MPL-2.0

package protocol

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
)

// compressOver is the length of JSON text, in bytes, above which a payload is sent compressed.
const compressOver = 2048

// Encode returns v as the payload of a frame: JSON on one line, or base64 of gzip when the JSON is longer than 2,048 bytes.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimRight(b.Bytes(), "\n")
	if len(text) <= compressOver {
		return text, nil
	}
	return Compress(text), nil
}

// maxBatch is the maximum number of requests on one line.
const maxBatch = 64

// EncodeBatch returns requests, encoded by [Encode], as lines for the agent. Consecutive uncompressed requests share a line as a
// JSON array: the agent answers all that it can at once, which takes one round trip instead of one for each.
func EncodeBatch(requests [][]byte) []byte {
	var b []byte
	for len(requests) > 0 {
		n := 0
		for n < min(len(requests), maxBatch) && requests[n][0] == '{' {
			n++
		}
		if n < 2 {
			b = append(append(b, requests[0]...), '\n')
			requests = requests[1:]
			continue
		}
		b = append(b, '[')
		b = append(b, bytes.Join(requests[:n], []byte{','})...)
		b = append(b, ']', '\n')
		requests = requests[n:]
	}
	return b
}

// DecodeBatch returns the JSON texts of the requests on a line, which holds one request or an array.
func DecodeBatch(line []byte) ([]json.RawMessage, error) {
	if len(line) == 0 || line[0] != '[' {
		text, err := DecodePayload(line)
		return []json.RawMessage{text}, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(line, &list); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return list, nil
}

// The line with the agent's text: textPrefix, a script that returns the bytes of the text from its argument, a bar, and the argument. No
// other line begins with the prefix: they are JSON or base64.
const (
	textPrefix = "text|"
	textScript = "param($t)$o=New-Object IO.MemoryStream;(New-Object IO.Compression.GZipStream((New-Object IO.MemoryStream(," +
		"[Convert]::FromBase64String($t))),[IO.Compression.CompressionMode]::Decompress)).CopyTo($o);,$o.ToArray()"
)

// EncodeText returns the line, without its end, that sends the agent's text.
func EncodeText(text []byte) []byte {
	return append([]byte(textPrefix+textScript+"|"), Compress(text)...)
}

// DecodeText returns the agent's text from a line. It reports whether the line holds such a text, also when it is damaged.
func DecodeText(line []byte) (text []byte, ok bool, err error) {
	payload, ok := bytes.CutPrefix(line, []byte(textPrefix))
	if !ok {
		return nil, false, nil
	}
	_, payload, _ = bytes.Cut(payload, []byte{'|'})
	text, err = Decompress(bytes.TrimSpace(payload), MaxPayload)
	return text, true, err
}

// Compress returns base64 of gzip of data, on one line.
func Compress(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a bytes.Buffer does not fail
	_ = z.Close()
	return base64.StdEncoding.AppendEncode(nil, b.Bytes())
}

// Decompress reverses [Compress]. More than limit bytes of data are an error, with which it returns the first of them.
func Decompress(payload []byte, limit int64) ([]byte, error) {
	raw, err := base64.StdEncoding.AppendDecode(nil, payload)
	if err != nil {
		return nil, fmt.Errorf("frame is neither JSON nor base64: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("frame is not gzip: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, limit+1))
	if int64(len(text)) > limit {
		return text[:limit], limitError("it holds more than %d bytes", limit)
	}
	if err != nil {
		return text, fmt.Errorf("frame is not gzip: %w", err)
	}
	return text, nil
}

// DecodePayload returns the JSON text of a payload, and with an error as much of it as there is.
func DecodePayload(payload []byte) ([]byte, error) {
	if len(payload) > 0 && payload[0] != '{' {
		return Decompress(payload, MaxPayload)
	}
	if len(payload) > MaxPayload {
		return payload[:MaxPayload], limitError("it holds more than %d bytes", MaxPayload)
	}
	return payload, nil
}

// Decode decodes a payload into v.
func Decode(payload []byte, v any) error {
	text, err := DecodePayload(payload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	return nil
}

// byteOrderMark is what a .NET writer may start a stream with.
var byteOrderMark = []byte("\ufeff")

// FindFrame returns the payload of a line of the agent's output, and the text in front of the frame. The token is random and long, so
// that it marks a frame anywhere in a line: a native program, or a script of the host, may write text without a line end just before
// it. A line without the token is not a frame.
func FindFrame(line []byte, token string) (before, payload []byte, ok bool) {
	before, payload, ok = bytes.Cut(line, []byte(token+" "))
	if !ok {
		return bytes.TrimPrefix(line, byteOrderMark), nil, false
	}
	return bytes.TrimPrefix(before, byteOrderMark), bytes.TrimRight(payload, "\r\n"), true
}
