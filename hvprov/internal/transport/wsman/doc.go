// SPDX-License-Identifier: MPL-2.0

// Package wsman implements a WinRM client for one Windows host: it creates remote shells, starts commands in them and transfers
// their standard streams.
//
// Envelopes and response parsers are those of github.com/masterzen/winrm where they fit. The HTTP transport is implemented here
// (docs/adr/0002-own-http-transport.md). A [Client] keeps a small pool of TCP connections. NTLM and Kerberos authenticate a
// connection, not a request, so each connection is authenticated once and then carries any number of requests, one at a time.
// Sequential requests use the same connection.
//
// # Authentication methods
//
//   - [winrm.AuthNTLM]: over TLS with a channel binding, or over HTTP with every message sealed.
//   - [winrm.AuthKerberos]: over TLS with a channel binding. A client logs in once and keeps its tickets for all connections until
//     two minutes before they expire. The host must authenticate itself in its response to the first request on each connection;
//     a fault (HTTP 500) without that proof is accepted, because TLS authenticates it. Messages are not sealed, so HTTP is not
//     allowed. Referrals to other realms are followed. The include directives of krb5.conf, keytabs and PKINIT are not supported.
//     KDCs are contacted over TCP.
//   - [winrm.AuthCertificate]: over TLS 1.2, in which the host may request the certificate after the first HTTP request, as
//     Windows does.
//   - [winrm.AuthBasic]: over TLS, or in clear text if [winrm.Config] permits it.
//
// TLS is version 1.2 or later. The host's certificate is verified unless [winrm.Config] disables that.
//
// # Retries
//
// Each request is bound to its context and is never retried once its context has ended. Otherwise each error class has one
// rule:
//
//   - The response was lost ([transport.ErrConnectionLost]). Receive, Command, Signal and Delete are retried as the same message, a
//     limited number of times with increasing delays. The client chooses the identifier of a command, so the host refuses to
//     start it twice (fault 2150859222, which then means that it is running). Receive, Signal and Delete are idempotent, except that a
//     retried Receive may return output twice: protocol frames carry sequence numbers, and the caller drops duplicates. Create and
//     Send are not retried; the caller decides. If no connection was made ([transport.ErrUnreachable]), nothing was lost, and
//     Send is retried as well.
//   - The host is busy ([transport.ErrBusy]: faults 170 and 2150859177, HTTP 503). The host did not act on the request. Every request
//     is retried a limited number of times with increasing delays.
//   - The operation timed out on the host ([transport.ErrTimeout], fault 2150858793). For Receive it means that there is no output yet,
//     for Send that the data was accepted: neither returns an error. Command, Signal and Delete are retried. All others fail.
//   - The shell or command does not exist ([transport.ErrProcessLost]). Terminate and Delete succeed; all others fail without a
//     retry.
//   - A quota of the host is exceeded ([transport.ErrQuota]). The request fails without a retry: only the caller knows which shells it
//     can delete.
//   - The credentials are refused ([transport.ErrAuth]) by the host, a KDC or a proxy. The request fails, and the client makes no further
//     attempts, since each one counts towards the lockout of the account. Until one attempt has succeeded, attempts are made
//     one at a time. A KDC that does not answer is an unreachable host, not a refusal.
//   - The account lacks a right ([transport.ErrDenied], fault 5). The request fails without a retry.
//
// # Guarantees
//
// Message bodies are not sent in clear text before the host has accepted the credentials. NTLM over HTTP is always sealed,
// without a fallback. No authentication method falls back to another. Proxy environment variables are ignored. Passwords and
// keys, including those in a proxy's URL, do not appear in errors or printed values.
package wsman
