// SPDX-License-Identifier: MPL-2.0

package ntlm

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"fmt"
)

// SignatureSize is the length of a message signature in bytes.
const SignatureSize = 16

// ErrSealing is wrapped by errors of messages that were not sealed in this session, or not in this order.
var ErrSealing = errors.New("message not sealed in this session")

type side bool

const (
	clientSide side = false
	serverSide side = true
)

// Session seals and opens messages, one at a time, since their order matters.
type Session struct {
	seals    bool
	exchange bool
	out, in  half
}

// half is one direction of a session.
type half struct {
	sign   []byte
	cipher *rc4.Cipher
	seq    uint32
}

func newSession(key []byte, flags uint32, as side) (*Session, error) {
	toServer, err1 := newHalf(key, flags, "client-to-server")
	toClient, err2 := newHalf(key, flags, "server-to-client")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	s := &Session{seals: flags&flagSeal != 0, exchange: flags&flagKeyExchange != 0, out: toServer, in: toClient}
	if as == serverSide {
		s.out, s.in = toClient, toServer
	}
	return s, nil
}

func newHalf(key []byte, flags uint32, direction string) (half, error) {
	derive := func(key []byte, purpose string) []byte {
		magic := "session key to " + direction + " " + purpose + " key magic constant\x00"
		sum := md5.Sum(append(append([]byte(nil), key...), magic...))
		return sum[:]
	}
	weak := key[:5]
	switch {
	case flags&flag128 != 0:
		weak = key
	case flags&flag56 != 0:
		weak = key[:7]
	}
	cipher, err := rc4.NewCipher(derive(weak, "sealing"))
	return half{sign: derive(key, "signing"), cipher: cipher}, err
}

// Seals reports whether both sides agreed to encrypt messages.
func (s *Session) Seals() bool { return s.seals }

// Seal returns the signature and the encrypted form of a message of this side.
func (s *Session) Seal(plain []byte) []byte {
	sealed := make([]byte, SignatureSize+len(plain))
	s.out.cipher.XORKeyStream(sealed[SignatureSize:], plain)
	copy(sealed, s.out.signature(plain, s.exchange))
	s.out.seq++
	return sealed
}

// Open decrypts a message of the other side that starts with its signature.
func (s *Session) Open(sealed []byte) ([]byte, error) {
	if len(sealed) < SignatureSize {
		return nil, fmt.Errorf("message of %d bytes: %w", len(sealed), ErrSealing)
	}
	plain := make([]byte, len(sealed)-SignatureSize)
	s.in.cipher.XORKeyStream(plain, sealed[SignatureSize:])
	want := s.in.signature(plain, s.exchange)
	if !hmac.Equal(want, sealed[:SignatureSize]) {
		return nil, fmt.Errorf("message %d: %w", s.in.seq, ErrSealing)
	}
	s.in.seq++
	return plain, nil
}

// signature computes the signature of MS-NLMP 3.4.4.2 with extended session security.
func (h *half) signature(plain []byte, exchange bool) []byte {
	seq := binary.LittleEndian.AppendUint32(nil, h.seq)
	sum := mac(h.sign, seq, plain)[:8]
	if exchange {
		h.cipher.XORKeyStream(sum, sum)
	}
	return append(append([]byte{1, 0, 0, 0}, sum...), seq...)
}
