// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// bundle is the agent's text in the form that a session sends.
type bundle struct {
	line   []byte
	sha256 string // of the text
}

// lastBundle caches the last compressed bundle. All hosts of a program use the same one, and one copy for each of hundreds of
// hosts would cost more memory than everything else that they need.
var lastBundle struct {
	mu sync.Mutex
	bundle
}

func compressBundle(text []byte) bundle {
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	lastBundle.mu.Lock()
	defer lastBundle.mu.Unlock()
	if lastBundle.sha256 != digest {
		lastBundle.bundle = bundle{protocol.EncodeText(text), digest}
	}
	return lastBundle.bundle
}
