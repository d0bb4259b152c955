// SPDX-License-Identifier: MPL-2.0

// Package winrm is a connection to one Windows host over WinRM: it opens remote shells, starts commands in them and carries
// their standard streams.
//
// The envelopes and parsers are those of github.com/masterzen/winrm where they fit; the transport is this package's own. A
// [Client] keeps a few TCP connections ("lanes"). Authentication by NTLM and Kerberos belongs to a connection, so each lane
// authenticates once and then carries any number of requests, one at a time. Work that comes one request after the other stays
// on one lane.
//
// # Ways of authenticating
//
//   - [winrm.AuthNTLM], over TLS with a channel binding, or over HTTP with each message sealed.
//   - [winrm.AuthKerberos], over TLS, with a channel binding. A client logs in once, and keeps its tickets for all connections until
//     two minutes before their end. The host has to prove itself by its answer to the first request of each connection; a fault
//     (HTTP 500) without that proof is believed as TLS vouches for it. Messages are not sealed, so HTTP is refused. Tickets for
//     hosts in other realms are followed; krb5.conf's include directives, keytabs and PKINIT are not supported. KDCs are asked
//     over TCP.
//   - [winrm.AuthCertificate], over TLS 1.2, in which the host may ask for the certificate after the first request, as Windows does.
//   - [winrm.AuthBasic], over TLS, or in clear where [winrm.Config] says so.
//
// The certificate of the host is verified always, unless [winrm.Config] says otherwise, in TLS 1.2 or later.
//
// # What is repeated
//
// Each request is bound to its context and is never sent again once its context has ended. Otherwise one rule holds for
// each class of failure:
//
//   - The answer was lost ([transport.ErrConnectionLost]). Receive, Command, Signal and Delete are sent again, a bounded number of
//     times with a growing pause, as the same message: a command has an identifier of the client's own, so that the host
//     refuses to start it twice (fault 2150859222, which then means that it runs); the others change nothing when they are
//     repeated. A repeated Receive may bring output twice: frames carry sequence numbers for that, and the caller drops
//     what it has seen. Create and Send are not repeated: the caller is told, and decides. Where not even a connection was made
//     ([transport.ErrUnreachable]) nothing was lost, and Send is repeated as well.
//   - The host is busy ([transport.ErrBusy]: faults 170 and 2150859177, HTTP 503). The host says that it did nothing: the request is
//     sent again, whatever it is, a bounded number of times with a growing pause.
//   - A poll's time is up ([transport.ErrTimeout], fault 2150858793). For Receive it means "nothing to tell yet", for Send that the
//     data was taken; neither is an error. Command is sent again, as above. For all others it is an error.
//   - The shell or command is gone ([transport.ErrProcessLost]). For Terminate and Delete this is success; else an error at once.
//   - A quota of the host is used up ([transport.ErrQuota]). An error at once: only the caller knows which shells it can give back.
//   - The credentials are refused ([transport.ErrAuth]), by the host, a KDC or a proxy. An error at once and never tried again by this
//     client, since each attempt counts towards locking the account. Until one attempt has succeeded, attempts are made one at
//     a time. A KDC that does not answer is no refusal, but a host that cannot be reached.
//
// # What never happens
//
// A body never travels in clear before the host has accepted the credentials; NTLM over plain HTTP is always sealed, with no
// fall-back; no way of authenticating stands in for another; no environment variable redirects traffic to a proxy; passwords and
// keys, those in a proxy's URL too, are in no error and no printed value.
package wsman
