// SPDX-License-Identifier: MPL-2.0

// Package webhook sends the events of a bus to a URL.
//
// A [Sender] posts one event at a time, in order, as JSON (see [Message]), and tries again where that helps. It never makes
// whoever publishes wait: events that come faster than the receiver takes them wait in a subscription of the bus, and when there
// are too many the oldest are replaced by an event of kind gap.
//
// Requests are signed as the Standard Webhooks specification (standardwebhooks.com) has it, so that its libraries can verify
// them, and so does [Verify]: the header webhook-id names the event, webhook-timestamp is the time of the try, in seconds since
// 1970, and webhook-signature is "v1," and the base64 of the HMAC-SHA256 of "<id>.<timestamp>.<body>". An event that was tried
// again has the same id: a receiver that remembers the ids of the last minutes does nothing twice, and refuses what somebody
// replays.
//
// It is a package of its own so that users of notify do not carry an HTTP client.
package webhook
