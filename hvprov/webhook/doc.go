// SPDX-License-Identifier: MPL-2.0

// Package webhook sends the events of a [notify.Source] to a URL.
//
// A [Sender] posts one event at a time, in order, as JSON (see [Message]), and retries transient failures. It never delays the
// publisher of events: events wait in a subscription, and when its buffer overflows the oldest ones are replaced by an event of kind
// gap.
//
// Requests are signed as defined by the Standard Webhooks specification (standardwebhooks.com), so that its libraries can verify
// them, as [Verify] does. The header Webhook-Id identifies the event, Webhook-Timestamp is the time of the attempt in seconds since
// 1970, and Webhook-Signature is "v1," followed by the base64 form of the HMAC-SHA256 of "<id>.<timestamp>.<body>". All attempts to
// send one event have the same ID: a receiver that remembers the IDs of the last minutes handles each event once and rejects
// replayed requests.
package webhook
