// SPDX-License-Identifier: MPL-2.0

// Package protocol defines the messages of a session between a client and the agent on a host: the bootstrap script that starts
// the session, the frames on its streams, and the requests and answers in them.
package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"unicode/utf16"
)

// MaxBootstrap is the maximum length of a bootstrap script in characters: the 8,191 characters of a cmd.exe command line, less
// the switches, divided by the 2.667 characters that base64 of UTF-16 needs for each.
const MaxBootstrap = 3000

// MaxCommandLine is the maximum length of a cmd.exe command line in characters.
const MaxCommandLine = 8191

// BootstrapInfo holds the parameters of a bootstrap script.
type BootstrapInfo struct {
	Token  string // prefix of each frame of the agent: 8 to 64 letters and digits
	SHA256 string // of the agent's text: 64 hexadecimal digits
}

// The script runs the agent's text from the agent's folder on the host when its SHA-256 is the one that the client expects. Otherwise it
// answers each line with [TypeNeedText] until it has read the text from standard input; the client repeats the requests in those lines.
// It is short, since it is sent with each session, so that the text comes with the script that decodes it. The text consists of script
// blocks that form feeds separate. The session keeps the reader, which may have buffered bytes of the next request. The encodings have
// no byte order mark, since .NET Framework would write it into the streams of child processes.
const bootstrapText = `$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
Import-Module Microsoft.PowerShell.Utility
$m="$($ExecutionContext.SessionState.LanguageMode)";if($m -ne 'FullLanguage'){throw "` + LanguageModePrefix + `$m"}
$u=New-Object Text.UTF8Encoding $false
try{[Console]::InputEncoding=$u;[Console]::OutputEncoding=$u}catch{$null=$_}
$r=New-Object IO.StreamReader([Console]::OpenStandardInput(),$u)
$h=New-Object Security.Cryptography.SHA256CryptoServiceProvider
function T($b){if([BitConverter]::ToString($h.ComputeHash($b)).Replace('-','') -eq '{sha256}'){$u.GetString($b)}}
$d="$env:HOME/.";if($env:ProgramData){$d="$env:ProgramData/"}
$s='';$n=0
try{foreach($f in [IO.Directory]::GetFiles($d+'hypervvm/agent','agent.ps1','AllDirectories')){if($f -match '{key}'){$s=T ([IO.File]::ReadAllBytes($f))}}}catch{$null=$_}
while(!$s){$l=$r.ReadLine()
if($null -eq $l){throw 'hypervvm: standard input ended before the agent text'}
$p=$l.Split('|')
try{if($p[0] -eq 'text'){$n++;$s=T (&([scriptblock]::Create($p[1])) $p[2])}}catch{$null=$_}
if($n -gt 2){throw 'hypervvm: the agent text is damaged: SHA-256 mismatch'}
if($l -and !$s){[Console]::Out.Write('{token} {"type":"{need}","damaged":'+($p[0] -eq 'text').ToString().ToLower()+'}'+[char]10)}}
foreach($b in $s.Split([char]12)){. ([scriptblock]::Create($b))}
Start-AgentSession -Token '{token}' -Reader $r -Bundle $s
`

// LanguageModePrefix begins the error of a PowerShell that restricts scripts, in front of its language mode. The agent needs FullLanguage.
const LanguageModePrefix = "hypervvm: language mode "

var (
	tokenPattern     = regexp.MustCompile(`^[0-9A-Za-z]{8,64}$`)
	bootstrapPattern = regexp.MustCompile(`-eq '([0-9a-f]{64})'(?s:.*)Start-AgentSession -Token '([0-9A-Za-z]{8,64})'`)
	encodedPattern   = regexp.MustCompile(`(?i)\s-EncodedCommand\s+([A-Za-z0-9+/=]+)\s*$`)
)

// Bootstrap returns the script that finds the agent on the host or reads it from standard input, verifies its SHA-256 and starts a
// session.
func Bootstrap(info BootstrapInfo) (string, error) {
	if !tokenPattern.MatchString(info.Token) {
		return "", errors.New("session token must be 8 to 64 letters and digits")
	}
	if len(info.SHA256) != 64 {
		return "", errors.New("SHA-256 must be 64 hexadecimal digits")
	}
	sum := strings.ToLower(info.SHA256)
	return strings.NewReplacer("{sha256}", sum, "{key}", sum[:16], "{token}", info.Token, "{need}", TypeNeedText).Replace(bootstrapText), nil
}

// CommandLine returns the command line that runs script in Windows PowerShell, for a shell that uses cmd.exe.
func CommandLine(script string) string {
	return "powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand " + EncodeCommand(script)
}

// EncodeCommand returns script in the form of -EncodedCommand: base64 of UTF-16LE.
func EncodeCommand(script string) string {
	units := utf16.Encode([]rune(script))
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = binary.LittleEndian.AppendUint16(raw, u)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// DecodeCommand returns the script of a command line that ends in -EncodedCommand.
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

// ParseBootstrap reports whether script is a bootstrap script, and returns its parameters. Simulated hosts use it.
func ParseBootstrap(script string) (info BootstrapInfo, ok bool) {
	m := bootstrapPattern.FindStringSubmatch(script)
	if m == nil {
		return BootstrapInfo{}, false
	}
	return BootstrapInfo{SHA256: m[1], Token: m[2]}, true
}
