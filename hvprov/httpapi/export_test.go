// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"slices"
	"strconv"
	"time"
)

// WithIntervals returns options with other intervals between heartbeats, and another time limit of a write to a stream.
func (o Options) WithIntervals(heartbeat, writeLimit time.Duration) Options {
	o.heartbeat, o.writeLimit = heartbeat, writeLimit
	return o
}

// WithStreamEnd returns options with a function that is called when a stream has ended.
func (o Options) WithStreamEnd(f func()) Options {
	o.onEnd = f
	return o
}

// Publish sends a message with a text to the subscribers of notifications.
func (h *Handler) Publish(text string) {
	h.hub.publish(message{Type: "notification", Action: "created", Topics: []string{topicNotifications}, Error: text})
}

// Problems returns the status codes of problems by code.
func Problems() map[string]string {
	all := map[string]string{}
	for code := range titles {
		all[code] = strconv.Itoa(newProblem(code, "").Status)
	}
	return all
}

// Routes returns the routes in the form "GET /path", sorted.
func (h *Handler) Routes() []string {
	all := make([]string, len(h.routes))
	for i, rt := range h.routes {
		all[i] = rt.method + " " + rt.path
	}
	slices.Sort(all)
	return all
}

// OpenAPI returns the OpenAPI document.
func OpenAPI() []byte { return openAPI }
