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

// CompressOver is the length of JSON text in bytes above which a frame is sent compressed.
const CompressOver = 2048

// MaxFrame is the greatest length of one frame's JSON text in bytes.
const MaxFrame = 64 << 20

// Encode gives v as the payload of a frame: JSON on one line, or base64 of its gzip when it is long.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimRight(b.Bytes(), "\n")
	if len(text) <= CompressOver {
		return text, nil
	}
	return Compress(text), nil
}

// maxTogether is how many requests go into one line.
const maxTogether = 64

// Lines gives requests, as Encode made them, as lines for the agent. Short ones that follow each other share a line, as a
// JSON array: the agent then gives what it can answer at once in one piece, which takes one round trip and not one each.
func Lines(requests [][]byte) []byte {
	var b []byte
	for len(requests) > 0 {
		n := 0
		for n < min(len(requests), maxTogether) && requests[n][0] == '{' {
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

// Requests gives the texts of the requests in a line: of one, or of an array of them.
func Requests(line []byte) ([]json.RawMessage, error) {
	if len(line) == 0 || line[0] != '[' {
		text, err := Text(line)
		return []json.RawMessage{text}, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(line, &list); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return list, nil
}

// Compress gives base64 of gzip of data, on one line.
func Compress(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a bytes.Buffer does not fail
	_ = z.Close()
	return base64.StdEncoding.AppendEncode(nil, b.Bytes())
}

// Decompress undoes [Compress]. More than limit bytes is an error.
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
	if err != nil {
		return nil, fmt.Errorf("frame is not gzip: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("frame holds more than %d bytes", limit)
	}
	return text, nil
}

// Text gives the JSON text of a frame's payload.
func Text(payload []byte) ([]byte, error) {
	if len(payload) > 0 && payload[0] != '{' {
		return Decompress(payload, MaxFrame)
	}
	return payload, nil
}

// Decode reads the payload of a frame into v.
func Decode(payload []byte, v any) error {
	text, err := Text(payload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("frame: %w", err)
	}
	return nil
}

// Cut takes the payload out of a line of the agent's output. A line that does not begin with the token is not a frame.
func Cut(line []byte, token string) (payload []byte, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	line = bytes.TrimPrefix(line, []byte("\ufeff")) // .NET writers may begin a stream with a byte order mark
	if len(line) <= len(token) || line[len(token)] != ' ' || string(line[:len(token)]) != token {
		return nil, false
	}
	return line[len(token)+1:], true
}
