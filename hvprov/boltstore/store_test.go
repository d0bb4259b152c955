// SPDX-License-Identifier: MPL-2.0

package boltstore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest"
)

func open(t *testing.T, path string) jobstore.Store {
	t.Helper()
	s, err := boltstore.Open(t.Context(), boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheFileImplementsStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "jobs.db")
	storetest.Run(t, true, func(t *testing.T) jobstore.Store { return open(t, path) })
}

func TestOnlyTheOwnerCanAccessTheFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	path := filepath.Join(t.TempDir(), "state", "jobs.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", name, got, want)
		}
	}
}

func TestUnusableFilesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		create func(t *testing.T, path string)
		want   error
		text   string
	}{
		{"locked", func(t *testing.T, path string) {
			s := open(t, path)
			t.Cleanup(func() { _ = s.Close() })
		}, boltstore.ErrLocked, "locked by another process"},
		{"a text file", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("not a database\n", 10_000)))
		}, boltstore.ErrInvalid, "not a valid job store file"},
		{"a file of another program", func(t *testing.T, path string) {
			change(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("volumes")); return err })
		}, boltstore.ErrInvalid, "written by another program"},
		{"a file of a later version", func(t *testing.T, path string) {
			_ = open(t, path).Close()
			change(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("hvprov")).Put([]byte("format"), []byte("2")) })
		}, boltstore.ErrInvalid, `its format is "2"`},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, "open job store file"},
		{"a path below a file", func(t *testing.T, path string) { write(t, filepath.Dir(path), nil) }, nil, "create job store file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state", "jobs.db")
			if c.name != "a path below a file" {
				if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			c.create(t, path)
			_, first := boltstore.Open(t.Context(), boltstore.Options{Path: path, LockTimeout: time.Millisecond})
			_, err := boltstore.Open(t.Context(), boltstore.Options{Path: path, LockTimeout: time.Millisecond})
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
			if first == nil || err == nil || first.Error() != err.Error() { // the first attempt must not leave the file locked
				t.Errorf("first %v, then %v", first, err)
			}
		})
	}
	if _, err := boltstore.Open(t.Context(), boltstore.Options{}); err == nil || !strings.Contains(err.Error(), "set Options.Path") {
		t.Errorf("no path: got %v", err)
	}
}

// A full disk or an incomplete copy truncates a file.
func TestATruncatedFileIsAnErrorAndNoCrash(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	refused := 0
	for size := 1; size < len(whole); size += 1021 {
		cut := filepath.Join(t.TempDir(), "cut.db")
		write(t, cut, whole[:size])
		s, err := boltstore.Open(t.Context(), boltstore.Options{Path: cut})
		if err != nil {
			refused++
			continue
		}
		if list, _, err := s.List(t.Context(), jobstore.Filter{}, jobstore.Page{}); err != nil || len(list) != 50 { // only unused pages were cut off
			t.Errorf("%d of %d bytes: %d records, %v", size, len(whole), len(list), err)
		}
		_ = s.Close()
	}
	if refused < 8 {
		t.Errorf("only %d truncated files were refused", refused)
	}
}

func TestAnInvalidPageIsAnErrorAndNoCrash(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	found := 0
	for page := 2 * os.Getpagesize(); page < len(whole); page += os.Getpagesize() {
		broken := bytes.Clone(whole)
		broken[page+8], broken[page+9] = 0xff, 0xff // the page type
		path := filepath.Join(t.TempDir(), "broken.db")
		write(t, path, broken)
		s, err := boltstore.Open(t.Context(), boltstore.Options{Path: path})
		if err == nil {
			if _, putErr := s.Put(t.Context(), sample(99)); putErr != nil && !errors.Is(putErr, boltstore.ErrInvalid) {
				t.Errorf("put: %v", putErr)
			}
			_, _, err = s.List(t.Context(), jobstore.Filter{}, jobstore.Page{})
			_ = s.Close()
		}
		if err != nil {
			found++
			if !errors.Is(err, boltstore.ErrInvalid) || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("got %v", err)
			}
		}
	}
	if found == 0 {
		t.Error("no invalid page was detected")
	}
}

// filled returns the content of a file with 50 records.
func filled(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path)
	for i := range 50 {
		if _, err := s.Put(t.Context(), sample(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

func TestTheErrorNamesADamagedRecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jobs.db")
	_ = open(t, path).Close()
	change(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put([]byte("j7"), []byte("{")) })
	s := open(t, path)
	defer func() { _ = s.Close() }()
	_, _, listErr := s.List(t.Context(), jobstore.Filter{}, jobstore.Page{})
	_, getErr := s.Get(t.Context(), "j7")
	for _, err := range []error{listErr, getErr} {
		if err == nil || !strings.Contains(err.Error(), "record of job j7 is damaged") || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	}
	if err := s.Delete(t.Context(), "j7"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestAClosedStoreReturnsErrors(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"))
	if _, err := s.Put(t.Context(), jobstore.Record{}); err == nil {
		t.Error("a record without an ID is stored")
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, putErr := s.Put(t.Context(), sample(1))
	_, getErr := s.Get(t.Context(), "1")
	_, _, listErr := s.List(t.Context(), jobstore.Filter{}, jobstore.Page{})
	for name, err := range map[string]error{"Put": putErr, "Get": getErr, "List": listErr, "Delete": s.Delete(t.Context(), "1")} {
		if err == nil || errors.Is(err, jobstore.ErrNotFound) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestOpenHonoursItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jobs.db")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := boltstore.Open(ctx, boltstore.Options{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	s := open(t, path)
	defer func() { _ = s.Close() }()
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := boltstore.Open(ctx, boltstore.Options{Path: path, LockTimeout: time.Hour}); !errors.Is(err, boltstore.ErrLocked) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a locked file and a deadline: %v", err)
	}
}

// writerFile is the environment variable that turns the test below into the process to be killed.
const writerFile = "BOLTSTORE_TEST_FILE"

func TestStoredRecordsSurviveAKilledProcess(t *testing.T) {
	if path := os.Getenv(writerFile); path != "" {
		s := open(t, path)
		for i := 0; ; i++ {
			if _, err := s.Put(t.Context(), sample(i)); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("stored %d\n", i)
		}
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jobs.db")
	writer := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	writer.Env = append(os.Environ(), writerFile+"="+path)
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "stored ") {
			stored++
		}
		if stored == 25 {
			_ = writer.Process.Kill() // during the next Put; earlier output is still read
		}
	}
	_ = writer.Wait()
	if stored < 25 {
		t.Fatalf("the process stored %d records", stored)
	}
	s := open(t, path)
	defer func() { _ = s.Close() }()
	for i := range stored {
		if got, err := s.Get(t.Context(), sample(i).ID); err != nil || got.VMName != sample(i).VMName {
			t.Errorf("job %d: %+v, %v", i, got, err)
		}
	}
}

func sample(i int) jobstore.Record {
	return jobstore.Record{ID: fmt.Sprintf("j%d", i), Host: "hv01", Operation: job.OperationDelete, VMName: fmt.Sprintf("web-%d", i), State: jobstore.Queued}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// change modifies a file without this package.
func change(t *testing.T, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}
