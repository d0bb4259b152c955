// SPDX-License-Identifier: MPL-2.0

package protocol_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

func TestBootstrapFitsOnACommandLineAndCanBeParsed(t *testing.T) {
	t.Parallel()
	want := protocol.BootstrapInfo{Token: strings.Repeat("a1", 16), SHA256: strings.Repeat("0f", 32)}
	script, err := protocol.Bootstrap(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(script) > protocol.MaxBootstrap {
		t.Errorf("bootstrap has %d characters, more than %d", len(script), protocol.MaxBootstrap)
	}
	line := protocol.CommandLine(script)
	if len(line) > protocol.MaxCommandLine {
		t.Errorf("command line has %d characters, more than %d", len(line), protocol.MaxCommandLine)
	}
	decoded, ok := protocol.DecodeCommand(line)
	if !ok || decoded != script {
		t.Fatalf("decoded %q, %v", decoded, ok)
	}
	if got, ok := protocol.ParseBootstrap(decoded); !ok || got != want {
		t.Errorf("parsed %+v, %v, want %+v", got, ok, want)
	}
}

func TestBootstrapRejectsParametersThatCouldEndTheQuotedString(t *testing.T) {
	t.Parallel()
	for _, info := range []protocol.BootstrapInfo{
		{Token: "short", SHA256: strings.Repeat("0", 64)},
		{Token: "quote'quote'", SHA256: strings.Repeat("0", 64)},
		{Token: "12345678", SHA256: "abc"},
	} {
		if _, err := protocol.Bootstrap(info); err == nil {
			t.Errorf("%+v was accepted", info)
		}
	}
}

func TestPayloadsSurviveEncodingAndDecoding(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"a short payload is plain JSON": 10, "a long payload is compressed": 100_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := protocol.Request{ID: "1", Request: strings.Repeat("é<", size)}
			payload, err := protocol.Encode(in)
			if err != nil {
				t.Fatal(err)
			}
			if compressed := payload[0] != '{'; compressed != (size > 1000) {
				t.Errorf("compressed: %v", compressed)
			}
			var out protocol.Request
			if err := protocol.Decode(payload, &out); err != nil {
				t.Fatal(err)
			}
			if out.Request != in.Request {
				t.Error("the text changed")
			}
		})
	}
}

func TestDecompressRejectsMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	if _, err := protocol.Decompress(protocol.Compress(make([]byte, 1000)), 999); err == nil {
		t.Error("1,000 bytes passed a limit of 999")
	}
}

func TestFindFrameFindsTheTokenAnywhereInALine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct{ before, payload string }{
		"tok12345 {}\r\n":                {"", "{}"},
		"\ufefftok12345 {}":              {"", "{}"},
		"tok12345":                       {"tok12345", ""},
		"tok12345{}":                     {"tok12345{}", ""},
		"False False tok12345 {}":        {"False False ", "{}"},
		"\x1b[0mtok12345 {}":             {"\x1b[0m", "{}"},
		"10%\r100%\rtok12345 {}\r":       {"10%\r100%\r", "{}"},
		"tok12346 {}":                    {"tok12346 {}", ""},
		"tok12345  {\"a\":1}\n":          {"", " {\"a\":1}"},
		"tok12345 {\"a\":\"tok12345 \"}": {"", "{\"a\":\"tok12345 \"}"},
	} {
		before, payload, ok := protocol.FindFrame([]byte(line), "tok12345")
		if string(before) != want.before || string(payload) != want.payload || ok != (want.payload != "") {
			t.Errorf("%q: %q, %q, %v", line, before, payload, ok)
		}
	}
}
