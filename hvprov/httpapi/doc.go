// SPDX-License-Identifier: MPL-2.0

// Package httpapi serves a [hvprov.Service] over HTTP: the job schema, jobs, hosts, inventory, notifications, and live events as a
// websocket and as server-sent events.
//
// [New] returns an [http.Handler] that any Go server can mount. The OpenAPI document that it serves at /api/v1/openapi.json describes
// all routes. Errors are problems as defined in RFC 9457, with the stable codes of [hvprov.Code].
//
// Requests are authenticated by the [Authenticator] values of the options: package tokenfile has bearer tokens, package oidcauth OpenID
// Connect, and [ClientCertificates] mutual TLS. Without any, the handler serves loopback connections only.
package httpapi
