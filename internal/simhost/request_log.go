// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"maps"
	"sync"
	"time"
)

// defaultLogEntries is the default number of log entries; the oldest are dropped first.
const defaultLogEntries = 1 << 16

// LogEntry is an HTTP request that a server received.
type LogEntry struct {
	Time       time.Time // arrival, by the server's clock
	Connection int       // counts connections, from 1
	User       string    // empty before authentication
	Action     string    // one of the Action constants; empty for a request of the authentication
	MessageID  string
	ShellID    string
	CommandID  string
	Sealed     bool   // the body was encrypted with NTLM
	BodyIn     int    // bytes of the request body
	BodyOut    int    // bytes of the answer body
	Status     int    // HTTP status; 0 without an answer
	FaultCode  uint32 // WS-Management code of a fault
	Fault      Fault  // injected fault
	Note       string // reason of a rejection
}

type requestLog struct {
	limit int

	mu      sync.Mutex
	entries []LogEntry
}

func (l *requestLog) add(e LogEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= l.limit {
		l.entries = append(l.entries[:0], l.entries[l.limit/4+1:]...)
	}
	l.entries = append(l.entries, e)
}

// Log returns the requests in the order of their answers, those without an answer included. A client that has received an answer
// finds it in the log.
func (s *Server) Log() []LogEntry {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]LogEntry(nil), s.log.entries...)
}

// Counters counts the requests to a server since its start.
type Counters struct {
	POSTs            int            // HTTP requests, with those for authentication and rejected ones
	ByAction         map[string]int // authenticated requests by action
	Faults           int            // answers with a WS-Management fault, with those of silent long polls
	Shells           int            // created
	OpenShells       int
	Processes        int // started
	RunningProcesses int
	Connections      int // accepted
	OpenConnections  int
	BytesIn          int64 // on the wire, with TLS and HTTP
	BytesOut         int64
}

// counts is the part of Counters that is not derived. Server.mu guards it.
type counts struct {
	posts, faults, shells, processes, running int
	bytesIn, bytesOut                         int64
}

// Counters returns the counts so far.
func (s *Server) Counters() Counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counters{
		POSTs: s.counts.posts, ByAction: maps.Clone(s.actions), Faults: s.counts.faults,
		Shells: s.counts.shells, OpenShells: len(s.shells),
		Processes: s.counts.processes, RunningProcesses: s.counts.running,
		Connections: s.connCount, OpenConnections: len(s.conns),
		BytesIn: s.counts.bytesIn, BytesOut: s.counts.bytesOut,
	}
}

func (s *Server) count(f func(*counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.counts)
}
