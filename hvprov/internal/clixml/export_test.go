// SPDX-License-Identifier: MPL-2.0

package clixml

// SetLimit sets the maximum number of bytes of a record's text.
func SetLimit(d *Decoder, limit int) { d.limit = limit }
