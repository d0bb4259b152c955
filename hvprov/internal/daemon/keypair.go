// SPDX-License-Identifier: MPL-2.0

package daemon

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// keyPair is the certificate of the server. It is read again when one of its files has changed. If the new one cannot be read, for
// example because only one of the files was replaced so far, the one before is used.
type keyPair struct {
	certFile, keyFile string

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]time.Time
}

func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var stamp [2]time.Time
	for i, path := range []string{p.certFile, p.keyFile} {
		if info, err := os.Stat(path); err == nil {
			stamp[i] = info.ModTime()
		}
	}
	if p.current != nil && stamp == p.stamp {
		return p.current, nil
	}
	pair, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	switch {
	case err == nil:
		p.current, p.stamp = &pair, stamp
	case p.current == nil:
		return nil, fmt.Errorf("tls: certificate %s with key %s: %w", p.certFile, p.keyFile, err)
	}
	return p.current, nil
}
