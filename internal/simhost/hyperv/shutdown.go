// SPDX-License-Identifier: MPL-2.0

package hyperv

// Shutdown is how the shutdown service of a guest behaves. Without one, it works.
type Shutdown struct {
	NotReady   bool `json:"not_ready"`   // it does not respond
	ReadyAfter int  `json:"ready_after"` // number of queries that it does not respond to
	Disabled   bool `json:"disabled"`    // its integration service is disabled
	Ignored    bool `json:"ignored"`     // it responds, but the guest keeps running
}
