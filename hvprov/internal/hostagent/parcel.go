// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
)

// parcel is an agent's text as it travels.
type parcel struct {
	line   []byte
	sha256 string // of the text
}

// packed is the parcel that was made last: the hosts of a program have the same, and to make and keep it for each of hundreds
// takes more than all the rest of what they need.
var packed struct {
	mu sync.Mutex
	parcel
}

func pack(bundle []byte) parcel {
	sum := sha256.Sum256(bundle)
	digest := hex.EncodeToString(sum[:])
	packed.mu.Lock()
	defer packed.mu.Unlock()
	if packed.sha256 != digest {
		packed.parcel = parcel{protocol.Compress(bundle), digest}
	}
	return packed.parcel
}
