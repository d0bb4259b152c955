// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"maps"
	"sync"
	"time"
)

// keptEntries bounds the log of a server that runs for long, unless its options say otherwise; the oldest entries go first.
const keptEntries = 1 << 16

// LogEntry is one HTTP request that a server answered, or did not.
type LogEntry struct {
	Time       time.Time // when it came, by the server's clock
	Connection int       // 1 for the server's first
	User       string    // empty while not authenticated
	Action     string    // one of the Action constants; empty for a request of the authentication alone
	MessageID  string
	ShellID    string
	CommandID  string
	Sealed     bool   // the body was encrypted by NTLM
	BodyIn     int    // bytes of the request's body
	BodyOut    int    // bytes of the answer's body
	Status     int    // HTTP status; 0 when there was no answer
	FaultCode  uint32 // WSMan's code, for an answer that is a fault
	Fault      Fault  // what the server was told to do wrong
	Note       string // why it was refused, for a person
}

type journal struct {
	limit int

	mu      sync.Mutex
	entries []LogEntry
}

func (j *journal) add(e LogEntry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) >= j.limit {
		j.entries = append(j.entries[:0], j.entries[j.limit/4+1:]...)
	}
	j.entries = append(j.entries, e)
}

// Log gives the requests that have been answered, or were left without an answer, in that order. A client that has seen
// an answer finds it there.
func (s *Server) Log() []LogEntry {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return append([]LogEntry(nil), s.log.entries...)
}

// Counters is what clients have asked of a server since it started.
type Counters struct {
	POSTs            int            // HTTP requests, those of authentication and those refused among them
	ByAction         map[string]int // authenticated requests by action
	Faults           int            // answers that were WSMan faults, those of silent long polls among them
	Shells           int            // ever created
	OpenShells       int
	Processes        int // ever started
	RunningProcesses int
	Connections      int // ever accepted
	OpenConnections  int
	BytesIn          int64 // on the wire, TLS and HTTP among them
	BytesOut         int64
}

// counts is the part of Counters that is not derived. The server's lock guards it.
type counts struct {
	posts, faults, shells, processes, running int
	bytesIn, bytesOut                         int64
}

// Counters gives what clients have asked so far.
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
