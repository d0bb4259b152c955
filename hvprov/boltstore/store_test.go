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

func open(t *testing.T, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "jobs.db")
	storetest.Run(t, true, func(t *testing.T) jobstore.Store { return open(t, path) })
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps rights otherwise")
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
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
}

func TestAFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		is   error
		says string
	}{
		{"is in use", func(t *testing.T, path string) {
			s := open(t, path)
			t.Cleanup(func() { _ = s.Close() })
		}, boltstore.ErrInUse, "in use"},
		{"is text", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("not a database\n", 10_000)))
		}, boltstore.ErrForeign, "not a file of job records"},
		{"is another program's", func(t *testing.T, path string) {
			change(t, path, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("volumes")); return err })
		}, boltstore.ErrForeign, "another program wrote it"},
		{"is a later version's", func(t *testing.T, path string) {
			_ = open(t, path).Close()
			change(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("hvprov")).Put([]byte("format"), []byte("2")) })
		}, boltstore.ErrForeign, `its format is "2"`},
		{"is a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, "cannot be"},
		{"lies below a file", func(t *testing.T, path string) { write(t, filepath.Dir(path), nil) }, nil, "cannot be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state", "jobs.db")
			if c.name != "lies below a file" {
				if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			c.make(t, path)
			_, first := boltstore.Open(boltstore.Options{Path: path, Wait: time.Millisecond})
			_, err := boltstore.Open(boltstore.Options{Path: path, Wait: time.Millisecond})
			if err == nil || (c.is != nil && !errors.Is(err, c.is)) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if first == nil || err == nil || first.Error() != err.Error() { // as if the first time had left it open
				t.Errorf("once %v, then %v", first, err)
			}
		})
	}
	if _, err := boltstore.Open(boltstore.Options{}); err == nil || !strings.Contains(err.Error(), "set Path") {
		t.Errorf("no path: got %v", err)
	}
}

// A file cut short, as a full disk or a bad copy leaves it, is an error and no crash, at whatever length.
func TestAFileThatWasCutShort(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	refused := 0
	for size := 1; size < len(whole); size += 1021 {
		cut := filepath.Join(t.TempDir(), "cut.db")
		write(t, cut, whole[:size])
		s, err := boltstore.Open(boltstore.Options{Path: cut})
		if err != nil {
			refused++
			continue
		}
		if list, err := s.List(t.Context()); err != nil || len(list) != 50 { // only what is unused was cut
			t.Errorf("%d of %d bytes: %d records, %v", size, len(whole), len(list), err)
		}
		_ = s.Close()
	}
	if refused < 8 {
		t.Errorf("only %d files were refused", refused)
	}
}

// A page that is not what it should be is an error when it is met, and no crash.
func TestAFileWithABrokenPage(t *testing.T) {
	t.Parallel()
	whole := filled(t)
	found := 0
	for page := 2 * os.Getpagesize(); page < len(whole); page += os.Getpagesize() {
		broken := bytes.Clone(whole)
		broken[page+8], broken[page+9] = 0xff, 0xff // the kind of the page
		path := filepath.Join(t.TempDir(), "broken.db")
		write(t, path, broken)
		s, err := boltstore.Open(boltstore.Options{Path: path})
		if err == nil {
			_, err = s.List(t.Context())
			_ = s.Close()
		}
		if err != nil {
			found++
			if !errors.Is(err, boltstore.ErrForeign) || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("got %v", err)
			}
		}
	}
	if found == 0 {
		t.Error("no page was missed")
	}
}

// filled gives a file of 50 records.
func filled(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path)
	for i := range 50 {
		if err := s.Put(t.Context(), sample(i)); err != nil {
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

func TestADamagedRecordIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jobs.db")
	_ = open(t, path).Close()
	change(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("jobs")).Put([]byte("j7"), []byte("{")) })
	s := open(t, path)
	defer func() { _ = s.Close() }()
	_, listErr := s.List(t.Context())
	_, getErr := s.Get(t.Context(), "j7")
	for _, err := range []error{listErr, getErr} {
		if err == nil || !strings.Contains(err.Error(), "record of job j7 is damaged") || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	}
	if err := s.Delete(t.Context(), "j7"); err != nil {
		t.Errorf("it can be deleted: %v", err)
	}
}

func TestAStoreThatIsClosedOrIsToldToStop(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	calls := func(ctx context.Context) map[string]error {
		_, getErr := s.Get(ctx, "1")
		_, listErr := s.List(ctx)
		return map[string]error{"Put": s.Put(ctx, sample(1)), "Delete": s.Delete(ctx, "1"), "Get": getErr, "List": listErr}
	}
	for name, err := range calls(ended) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s under a context that has ended: %v", name, err)
		}
	}
	if list, err := s.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("something was kept: %v, %v", list, err)
	}
	if err := s.Put(t.Context(), jobstore.Record{}); err == nil {
		t.Error("a record without an id was kept")
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range calls(t.Context()) {
		if err == nil || errors.Is(err, jobstore.ErrNotFound) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

// writerFile is the variable that makes the test below the process which is killed.
const writerFile = "BOLTSTORE_TEST_FILE"

func TestWhatWasPutOutlivesItsProcess(t *testing.T) {
	if path := os.Getenv(writerFile); path != "" {
		s := open(t, path)
		for i := 0; ; i++ {
			if err := s.Put(t.Context(), sample(i)); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("kept %d\n", i)
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
	kept := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "kept ") {
			kept++
		}
		if kept == 25 {
			_ = writer.Process.Kill() // in the midst of the next one; what it said before is still read
		}
	}
	_ = writer.Wait()
	if kept < 25 {
		t.Fatalf("it kept %d", kept)
	}
	s := open(t, path)
	defer func() { _ = s.Close() }()
	for i := range kept {
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

// change does to a file what this package would not.
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
