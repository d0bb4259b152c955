// SPDX-License-Identifier: MPL-2.0

// Package pgtest starts a PostgreSQL server for tests, from the programs of an installation, on a Unix socket.
package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server with an empty cluster. Its methods are safe for concurrent use.
type Server struct {
	programs string   // folder of initdb and postgres
	account  []string // prefix of commands that run as the account of the server
	folder   string   // of the cluster and of the socket

	mu        sync.Mutex
	process   *exec.Cmd // nil: stopped
	databases int
}

// errMissing reports that a server cannot be started on this computer.
var errMissing = errors.New("no PostgreSQL server is installed")

// shared is the server of the tests of one process.
var shared struct {
	sync.Once
	server *Server
	err    error
}

// Main runs tests, and then stops the server that they have used. TestMain calls it.
func Main(m *testing.M) int {
	code := m.Run()
	if s := shared.server; s != nil {
		s.Stop()
		_ = os.RemoveAll(s.folder)
	}
	return code
}

// Shared returns the server of the tests of this process. It skips the test where PostgreSQL is not installed.
func Shared(t *testing.T) *Server {
	t.Helper()
	shared.Do(func() { shared.server, shared.err = start(context.WithoutCancel(t.Context())) })
	if errors.Is(shared.err, errMissing) {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// New returns a server that only one test uses. It skips the test where PostgreSQL is not installed.
func New(t *testing.T) *Server {
	t.Helper()
	s, err := start(context.WithoutCancel(t.Context()))
	if errors.Is(err, errMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(s.folder)
	})
	return s
}

func start(ctx context.Context) (*Server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pg") // short: the path of a socket has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, folder: folder}
	if err := s.create(ctx); err != nil {
		_ = os.RemoveAll(folder)
		return nil, err
	}
	return s, nil
}

// findPrograms returns the folder of the newest installation. Debian's programs are not in PATH.
func findPrograms() (string, error) {
	newest, found := 0, ""
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is valid
	for _, folder := range folders {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		if _, missing := os.Stat(filepath.Join(folder, "initdb")); err == nil && missing == nil && version >= 14 && version > newest {
			newest, found = version, folder
		}
	}
	if found != "" {
		return found, nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("%w: initdb is neither in /usr/lib/postgresql/*/bin nor in PATH", errMissing)
	}
	return filepath.Dir(initdb), nil
}

// create makes the cluster and starts the server. PostgreSQL does not run as root, so root runs it as its own account.
func (s *Server) create(ctx context.Context) error {
	if os.Geteuid() == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("%w: root cannot run it, and there is no account postgres", errMissing)
		}
		uid, _ := strconv.Atoi(account.Uid) // numbers on Unix
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(s.folder, uid, gid); err != nil {
			return err
		}
		s.account = []string{"setpriv", "--reuid", account.Uid, "--regid", account.Gid, "--clear-groups"}
	}
	out, err := s.command(ctx, "initdb", "--pgdata", s.cluster(), "--username", "postgres", "--auth", "trust", "--no-sync", "--no-instructions",
		"--encoding", "UTF8", "--no-locale").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s.start(ctx)
}

func (s *Server) cluster() string { return filepath.Join(s.folder, "data") }

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	line := append(append([]string{}, s.account...), append([]string{filepath.Join(s.programs, program)}, args...)...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Dir = s.folder
	return cmd
}

// start starts the server and returns when it accepts connections.
func (s *Server) start(ctx context.Context) error {
	cmd := s.command(ctx, "postgres", "-D", s.cluster(), "-k", s.folder, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB")
	log, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var text strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, log) }() // ends with the process
			s.process = cmd
			return nil
		}
	}
	return fmt.Errorf("postgres did not start: %w\n%s", cmd.Wait(), text.String())
}

// Stop stops the server: it ends all connections and waits for the process.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *Server) stop() {
	if s.process != nil {
		_ = s.process.Process.Signal(os.Interrupt) // "fast shutdown"
		_ = s.process.Wait()
		s.process = nil
	}
}

// Restart stops the server and starts it again.
func (s *Server) Restart(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	if err := s.start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// Database creates an empty database and returns its connection string.
func (s *Server) Database(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.databases++
	name := fmt.Sprintf("test%d", s.databases)
	conn, err := pgx.Connect(t.Context(), s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=postgres", database, s.folder)
}
