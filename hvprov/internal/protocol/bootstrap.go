// SPDX-License-Identifier: MPL-2.0

// Package protocol is the language of the session between a client and the agent on a host: the bootstrap that
// starts it, the frames on its two streams, and the requests and answers within them.
package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"unicode/utf16"
)

// MaxBootstrap is the longest bootstrap, in characters, that cmd.exe still takes: its limit of 8,191 characters for a
// line, less the switches, over the 2.667 characters that base64 of UTF-16 makes of each.
const MaxBootstrap = 3000

// MaxCommandLine is the number of characters that cmd.exe takes on a line.
const MaxCommandLine = 8191

// BootstrapInfo is what a bootstrap carries.
type BootstrapInfo struct {
	Token  string // begins each line of the agent's answers
	SHA256 string // of the agent's text, 64 lower-case hex digits
}

// The reader is kept for the session: it may hold bytes of the request behind the agent's text. Encodings are set
// without a byte order mark, since .NET Framework would write one into the streams of child processes.
const bootstrapText = `$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
$u=New-Object Text.UTF8Encoding $false
try{[Console]::InputEncoding=$u;[Console]::OutputEncoding=$u}catch{$null=$_}
$r=New-Object IO.StreamReader([Console]::OpenStandardInput(),$u)
$l=$r.ReadLine()
if($null -eq $l){throw 'hypervvm: the agent did not arrive'}
$m=New-Object IO.MemoryStream(,[Convert]::FromBase64String($l))
$g=New-Object IO.Compression.GZipStream($m,[IO.Compression.CompressionMode]::Decompress)
$o=New-Object IO.MemoryStream
$g.CopyTo($o)
$a=$o.ToArray()
$h=New-Object Security.Cryptography.SHA256CryptoServiceProvider
if([BitConverter]::ToString($h.ComputeHash($a)).Replace('-','') -ne '{sha256}'){throw 'hypervvm: the agent arrived damaged'}
$s=$u.GetString($a)
. ([scriptblock]::Create($s))
Start-AgentSession -Token '{token}' -Reader $r -Bundle $s
`

var (
	tokenPattern     = regexp.MustCompile(`^[0-9A-Za-z]{8,64}$`)
	bootstrapPattern = regexp.MustCompile(`-ne '([0-9a-f]{64})'(?s:.*)Start-AgentSession -Token '([0-9A-Za-z]{8,64})'`)
	encodedPattern   = regexp.MustCompile(`(?i)\s-EncodedCommand\s+([A-Za-z0-9+/=]+)\s*$`)
)

// Bootstrap gives the script that reads the agent from standard input, checks it and starts its session.
func Bootstrap(info BootstrapInfo) (string, error) {
	if !tokenPattern.MatchString(info.Token) {
		return "", errors.New("a session's token is 8 to 64 letters and digits")
	}
	if len(info.SHA256) != 64 {
		return "", errors.New("a SHA-256 is 64 hexadecimal digits")
	}
	return strings.NewReplacer("{sha256}", strings.ToLower(info.SHA256), "{token}", info.Token).Replace(bootstrapText), nil
}

// CommandLine gives the command line that runs script, for a shell that starts commands through cmd.exe.
func CommandLine(script string) string {
	return "powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand " + EncodeCommand(script)
}

// EncodeCommand gives script as -EncodedCommand wants it: base64 of UTF-16LE.
func EncodeCommand(script string) string {
	units := utf16.Encode([]rune(script))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = binary.LittleEndian.AppendUint16(raw, u)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// DecodeCommand takes the script out of a command line that ends in -EncodedCommand, if it does.
func DecodeCommand(commandLine string) (script string, ok bool) {
	m := encodedPattern.FindStringSubmatch(commandLine)
	if m == nil {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil || len(raw)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units)), true
}

// ParseBootstrap recognises a bootstrap, as a simulated host has to.
func ParseBootstrap(script string) (info BootstrapInfo, ok bool) {
	m := bootstrapPattern.FindStringSubmatch(script)
	if m == nil {
		return BootstrapInfo{}, false
	}
	return BootstrapInfo{SHA256: m[1], Token: m[2]}, true
}
