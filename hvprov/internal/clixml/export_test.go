// SPDX-License-Identifier: MPL-2.0

package clixml

// SetLimit sets the number of bytes of one record's text, so that tests need less input.
func SetLimit(d *Decoder, limit int) { d.limit = limit }
