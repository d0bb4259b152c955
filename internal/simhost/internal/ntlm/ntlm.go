// SPDX-License-Identifier: MPL-2.0

// Package ntlm implements the server side of NTLMv2 (MS-NLMP): the challenge, the verification of the client's response, and the
// session that signs and seals messages.
package ntlm

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //nolint:staticcheck // NTLM requires it
)

// Flags of MS-NLMP 2.2.2.5 that a server uses.
const (
	flagUnicode         = 1 << 0
	flagRequestTarget   = 1 << 2
	flagSign            = 1 << 4
	flagSeal            = 1 << 5
	flagNTLM            = 1 << 9
	flagAlwaysSign      = 1 << 15
	flagTargetServer    = 1 << 17
	flagExtendedSession = 1 << 19
	flagTargetInfo      = 1 << 23
	flagVersion         = 1 << 25
	flag128             = 1 << 29
	flagKeyExchange     = 1 << 30
	flag56              = 1 << 31

	offered = flagUnicode | flagSign | flagSeal | flagAlwaysSign | flagExtendedSession |
		flagVersion | flag128 | flagKeyExchange | flag56
	always = flagRequestTarget | flagNTLM | flagTargetServer | flagTargetInfo
)

var signature = []byte("NTLMSSP\x00")

// ErrMessage is wrapped by errors of messages that are not NTLM, or not of the expected type.
var ErrMessage = errors.New("unexpected or malformed NTLM message")

// ErrRefused is wrapped by errors of wrong credentials.
var ErrRefused = errors.New("credentials refused")

// Kind returns the type of message b: 1 (negotiate), 3 (authenticate), or 0 for anything else.
func Kind(b []byte) int {
	if len(b) < 12 || string(b[:8]) != string(signature) {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b[8:]))
}

// Challenge is the state of a handshake between its two requests.
type Challenge struct {
	nonce     [8]byte
	flags     uint32
	negotiate []byte // message 1, for the integrity code
	message   []byte // message 2
}

// NewChallenge returns the challenge that answers a negotiate message on behalf of a host.
func NewChallenge(negotiate []byte, host string, now time.Time) (*Challenge, error) {
	if Kind(negotiate) != 1 || len(negotiate) < 16 {
		return nil, fmt.Errorf("negotiate: %w", ErrMessage)
	}
	asked := binary.LittleEndian.Uint32(negotiate[12:])
	if asked&flagUnicode == 0 || asked&flagExtendedSession == 0 {
		return nil, fmt.Errorf("negotiate: only Unicode with extended session security is supported: %w", ErrMessage)
	}
	c := &Challenge{flags: asked&offered | always, negotiate: append([]byte(nil), negotiate...)}
	if _, err := rand.Read(c.nonce[:]); err != nil {
		return nil, err
	}
	name, info := encodeUTF16(strings.ToUpper(host)), targetInfo(host, now)
	const header = 56
	m := append([]byte(nil), signature...)
	m = binary.LittleEndian.AppendUint32(m, 2)
	m = appendField(m, len(name), header)
	m = binary.LittleEndian.AppendUint32(m, c.flags)
	m = append(m, c.nonce[:]...)
	m = append(m, make([]byte, 8)...)
	m = appendField(m, len(info), header+len(name))
	m = append(m, 10, 0, 0x7c, 0x4f, 0, 0, 0, 15) // version 10.0.20348, NTLM revision 15
	m = append(append(m, name...), info...)
	c.message = m
	return c, nil
}

// Message returns the challenge message.
func (c *Challenge) Message() []byte { return c.message }

// Identity holds the claims of an authenticate message.
type Identity struct {
	User   string
	Domain string
	// ChannelBinding is the MD5 of the client's channel binding, or nil.
	ChannelBinding []byte

	proof, blob, encryptedKey []byte
	raw                       []byte
	flags                     uint32
	integrity                 bool // the message has an integrity code
}

// ParseAuthenticate parses an authenticate message.
func ParseAuthenticate(b []byte) (*Identity, error) {
	if Kind(b) != 3 || len(b) < 64 {
		return nil, fmt.Errorf("authenticate: %w", ErrMessage)
	}
	nt, err1 := field(b, 20)
	domain, err2 := field(b, 28)
	user, err3 := field(b, 36)
	key, err4 := field(b, 52)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("authenticate: %w", err)
	}
	if len(nt) < 16+28 {
		return nil, fmt.Errorf("authenticate: the response is not NTLMv2: %w", ErrRefused)
	}
	id := &Identity{
		User: decodeUTF16(user), Domain: decodeUTF16(domain), proof: nt[:16], blob: nt[16:], encryptedKey: key,
		raw: b, flags: binary.LittleEndian.Uint32(b[60:]),
	}
	for pairs := id.blob[28:]; len(pairs) >= 4; {
		kind, n := binary.LittleEndian.Uint16(pairs), int(binary.LittleEndian.Uint16(pairs[2:]))
		if kind == avEnd || len(pairs) < 4+n {
			break
		}
		switch value := pairs[4 : 4+n]; {
		case kind == avFlags && n == 4:
			id.integrity = binary.LittleEndian.Uint32(value)&avFlagIntegrity != 0
		case kind == avChannelBinding && n == 16 && string(value) != string(make([]byte, 16)):
			id.ChannelBinding = value
		}
		pairs = pairs[4+n:]
	}
	return id, nil
}

// Verify verifies id with the password of the account and returns the session of both sides.
func (c *Challenge) Verify(id *Identity, password string) (*Session, error) {
	hash := md4.New()
	hash.Write(encodeUTF16(password))
	key := mac(hash.Sum(nil), encodeUTF16(strings.ToUpper(id.User)+id.Domain))
	if !hmac.Equal(id.proof, mac(key, c.nonce[:], id.blob)) {
		return nil, fmt.Errorf("wrong password: %w", ErrRefused)
	}
	exported := mac(key, id.proof)
	flags := c.flags & (id.flags | always)
	if flags&flagKeyExchange != 0 {
		if len(id.encryptedKey) != 16 {
			return nil, fmt.Errorf("no session key: %w", ErrMessage)
		}
		cipher, err := rc4.NewCipher(exported)
		if err != nil {
			return nil, err
		}
		exported = make([]byte, 16)
		cipher.XORKeyStream(exported, id.encryptedKey)
	}
	if id.integrity {
		if len(id.raw) < 88 {
			return nil, fmt.Errorf("no integrity code: %w", ErrMessage)
		}
		bare := append([]byte(nil), id.raw...)
		clear(bare[72:88])
		if !hmac.Equal(id.raw[72:88], mac(exported, c.negotiate, c.message, bare)) {
			return nil, fmt.Errorf("wrong integrity code: %w", ErrRefused)
		}
	}
	return newSession(exported, flags, serverSide)
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Attributes of MS-NLMP 2.2.2.1.
const (
	avEnd, avComputer, avDomain, avDNSComputer, avDNSDomain = 0, 1, 2, 3, 4
	avFlags, avTimestamp, avChannelBinding                  = 6, 7, 10
	avFlagIntegrity                                         = 2
)

func targetInfo(host string, now time.Time) []byte {
	var b []byte
	pair := func(kind uint16, value []byte) {
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
	}
	upper, lower := encodeUTF16(strings.ToUpper(host)), encodeUTF16(strings.ToLower(host))
	pair(avDomain, upper)
	pair(avComputer, upper)
	pair(avDNSDomain, lower)
	pair(avDNSComputer, lower)
	const ticksTo1970 = 116444736000000000 // of 100 ns, from 1601
	pair(avTimestamp, binary.LittleEndian.AppendUint64(nil, uint64(now.UnixNano()/100+ticksTo1970)))
	pair(avEnd, nil)
	return b
}

func appendField(b []byte, length, offset int) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(length))
	b = binary.LittleEndian.AppendUint16(b, uint16(length))
	return binary.LittleEndian.AppendUint32(b, uint32(offset))
}

func field(b []byte, at int) ([]byte, error) {
	n, offset := int(binary.LittleEndian.Uint16(b[at:])), int(binary.LittleEndian.Uint32(b[at+4:]))
	if n == 0 {
		return nil, nil
	}
	if offset > len(b) || n > len(b)-offset {
		return nil, fmt.Errorf("a field lies outside the message: %w", ErrMessage)
	}
	return b[offset : offset+n], nil
}

func encodeUTF16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func decodeUTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
