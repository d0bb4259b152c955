// SPDX-License-Identifier: MPL-2.0

// Package transport is the interface between the session with an agent and the connection that carries it. A transport starts
// processes on one host and moves their standard streams. Package wsman is the transport for WinRM.
package transport

import (
	"context"
	"errors"
)

// Transport starts processes on one host. Its methods may be called from many goroutines.
type Transport interface {
	// Start starts a process. The process calls lost, from within Receive, when output may have been lost with a response that
	// did not arrive and Receive continues.
	Start(ctx context.Context, commandLine string, lost func()) (Process, error)
	// Stats returns what the transport has cost so far.
	Stats() Stats
	// Close releases idle connections. Processes that still run are not ended.
	Close()
}

// Process is a process on a host with its standard streams.
type Process interface {
	// Send writes data to the standard input of the process, and closes that if end is set.
	Send(ctx context.Context, data []byte, end bool) error
	// Receive waits for output for at most one poll interval. Empty output without an error means that nothing was written.
	Receive(ctx context.Context) (Output, error)
	// Close ends the process and frees what it held on the host.
	Close(ctx context.Context) error
}

// Output is the output of a process that one Receive returned.
type Output struct {
	// Stdout and Stderr are bytes as the process wrote them, cut anywhere.
	Stdout, Stderr []byte
	// Done reports whether the process has ended and no more output follows.
	Done bool
	// ExitCode is the exit code of the process once Done is set.
	ExitCode int32
}

// Stats counts the work of a transport since it was made.
type Stats struct {
	// Requests is the number of requests sent, those for authentication included. For WinRM these are HTTP requests.
	Requests int64
	// Connections is the number of TCP connections opened.
	Connections int64
	// BytesSent and BytesReceived count the bytes on the wire, TLS included.
	BytesSent, BytesReceived int64
}

// Error classes, matched with [errors.Is]. One error may belong to several.
var (
	// ErrProcessLost reports that the process, or the shell that holds it, does not exist on the host any more.
	ErrProcessLost = errors.New("process lost on the host")
	// ErrQuota reports that the host reached a limit on shells, operations or load.
	ErrQuota = errors.New("host quota exceeded")
	// ErrBusy reports that the host could not take the request now.
	ErrBusy = errors.New("host is busy")
	// ErrAuth reports that the host refused the credentials.
	ErrAuth = errors.New("host refused the credentials")
	// ErrDenied reports that the host accepted the credentials, but that the account lacks a right.
	ErrDenied = errors.New("access denied on the host")
	// ErrConnectionLost reports that no usable response arrived. Whether the host acted on the request is not known, unless the
	// error is [ErrUnreachable] as well.
	ErrConnectionLost = errors.New("connection lost")
	// ErrUnreachable reports that no connection could be made, so that the host did not act on the request.
	ErrUnreachable = errors.New("host unreachable")
	// ErrUntrusted reports that the host did not prove its identity: its certificate is not trusted, or it answered in clear text
	// where messages are encrypted. No retry succeeds until that is mended.
	ErrUntrusted = errors.New("host is not trusted")
	// ErrTimeout reports that a time limit passed, the host's or the client's.
	ErrTimeout = errors.New("time limit exceeded")
)
