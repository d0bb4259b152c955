// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// TestMain runs the program itself in the processes that the tests start.
func TestMain(m *testing.M) {
	if os.Getenv("HVPROVD_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(pgtest.Main(m))
}

// replica is a process of hvprovd.
type replica struct {
	config, database string

	process *exec.Cmd
	mu      sync.Mutex
	id, url string // empty url: it does not serve
	log     bytes.Buffer
}

// start starts the process and returns when it serves.
func (r *replica) start(t *testing.T) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.process = exec.CommandContext(t.Context(), program, "serve", "-config", r.config)
	r.process.Env = append(os.Environ(), "HVPROVD_TEST_MAIN=1", "HVPROVD_TEST_DATABASE="+r.database)
	log, err := r.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	serving := make(chan bool)
	go func() {
		defer close(serving)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var entry struct{ Msg, Replica, URL string }
			_ = json.Unmarshal(lines.Bytes(), &entry) // a panic is not JSON
			r.mu.Lock()
			r.log.Write(append(lines.Bytes(), '\n'))
			if entry.Msg == "sharing the jobs of a database" {
				r.id = entry.Replica
			}
			if entry.Msg == "serving" {
				r.url = entry.URL
			}
			r.mu.Unlock()
			if entry.Msg == "serving" {
				serving <- true
			}
		}
	}()
	if !<-serving {
		t.Fatalf("a replica does not start: %v\n%s", r.process.Wait(), r.log.String())
	}
}

// kill ends the process as a crash does, and returns the id that it had.
func (r *replica) kill() string {
	r.mu.Lock()
	r.url = ""
	r.mu.Unlock()
	_ = r.process.Process.Kill()
	_ = r.process.Wait()
	return r.id
}

func (r *replica) address() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.url
}

// replicas are the processes of a test.
type replicas []*replica

// send sends a request to one replica after another, from the i-th on, until one answers.
func (all replicas) send(t *testing.T, i int, method, path, key string, body any) (status int, answer []byte) {
	text, err := json.Marshal(body)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	for ; t.Context().Err() == nil; i++ {
		address := all[i%len(all)].address()
		if address == "" {
			time.Sleep(10 * time.Millisecond) // it is being started again
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), method, address+"/api/v1/"+path, bytes.NewReader(text))
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		response, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // it was killed
		}
		answer, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		return response.StatusCode, answer
	}
	return 0, nil
}

// scale is the size of a test with replicas.
type scale struct {
	jobs, hosts, kills int
	copySpeed          int64 // of an image of 64 KiB, in bytes per second
}

// TestReplicasAreKilledAndEveryJobEndsOnce kills three replicas in turn while they run jobs, and restarts the database once.
func TestReplicasAreKilledAndEveryJobEndsOnce(t *testing.T) {
	t.Parallel()
	size := scale{40, 4, 2, 128 << 10}
	if os.Getenv("HYPERVVM_TEST_FULL") != "" {
		size = scale{500, 20, 9, 16 << 10}
	}
	server := pgtest.New(t)
	url := server.Database(t)
	fleet, err := simhost.StartFleet(simhost.FleetOptions{Hosts: size.hosts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleet.Close() })
	for _, host := range fleet.Hosts() {
		if err := host.Store().Update(func(s *hyperv.State) error { s.Behaviour.CopyBytesPerSecond = size.copySpeed; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	var all replicas
	for range 3 {
		all = append(all, &replica{config: replicaConfig(t, fleet), database: url})
	}
	for _, r := range all {
		r.start(t)
		t.Cleanup(func() {
			r.kill()
			if t.Failed() {
				t.Logf("log of a replica:\n%s", r.log.String())
			}
		})
	}
	var submitting sync.WaitGroup
	var refused atomic.Int64
	limit := make(chan struct{}, 16)
	for i := range size.jobs {
		submitting.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			body := map[string]any{"host": simhost.FleetName(i % size.hosts), "schema_version": schemaVersion, "values": map[string]any{
				"vm_name": fmt.Sprintf("web-%03d", i), "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": "not a real one", "gb_ram": 1,
			}}
			// The second submission has the same name, and goes to another replica.
			var contest sync.WaitGroup
			for twin := range 1 + i%2 {
				contest.Go(func() {
					status, answer := all.send(t, i+twin, http.MethodPost, "jobs/provision", fmt.Sprintf("%d-%d", i, twin), body)
					switch {
					case status == http.StatusConflict && i%2 == 1:
						refused.Add(1)
					case status != http.StatusAccepted && status != http.StatusOK:
						t.Errorf("job %d: %d %s", i, status, answer)
					}
				})
			}
			contest.Wait()
		})
	}
	db := watchDatabase(t, url)
	began := time.Now()
	var slowest time.Duration
	for kill := range size.kills {
		db.waitFor(t, "SELECT count(*) >= $1 FROM hvprov_job WHERE state NOT IN ('pending', 'queued', 'running')", (kill+1)*size.jobs/(size.kills+2))
		victim := all[kill%len(all)]
		id := victim.kill()
		at := time.Now()
		db.waitFor(t, "SELECT count(*) = 0 FROM hvprov_host WHERE owner = $1", id)
		slowest = max(slowest, time.Since(at))
		if kill == size.kills/2 {
			server.Restart(t)
		}
		victim.start(t)
	}
	submitting.Wait()
	db.waitFor(t, "SELECT count(*) = 0 FROM hvprov_job WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND $1 > 0", 1)
	t.Logf("%d jobs on %d hosts in %v with %d kills; the slowest takeover took %v; %d names were refused", size.jobs, size.hosts,
		time.Since(began).Round(time.Millisecond), size.kills, slowest.Round(time.Millisecond), refused.Load())
	if slowest > time.Minute {
		t.Errorf("a takeover took %v", slowest)
	}
	checkJobs(t, db, fleet, size)
	checkEvents(t, all, db)
}

const (
	schemaVersion = 2
	jobsPerHost   = 2
)

func replicaConfig(t *testing.T, fleet *simhost.Fleet) string {
	t.Helper()
	dir := t.TempDir()
	text := "listen: 127.0.0.1:0\nstate_dir: state\nstop_seconds: 5\nstore_key_file: key\nrefresh_seconds: 0\ndatabase: {url_env: HVPROVD_TEST_DATABASE}\n" +
		fmt.Sprintf("jobs_per_host: %d\nhosts:\n", jobsPerHost)
	files := map[string]string{"key": strings.Repeat("k", 32)}
	for i, host := range fleet.Hosts() {
		text += fmt.Sprintf("  %s: {address: %s, port: %d, username: %s, password_file: password, ca_cert_file: ca.pem}\n", simhost.FleetName(i), host.Address(), host.Port(), host.Username())
		files["password"], files["ca.pem"] = host.Password(), string(host.CACertPEM())
	}
	files["hvprovd.yaml"] = text
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "hvprovd.yaml")
}

// database asks the database of the replicas, which may be restarted meanwhile.
type database struct{ url string }

func watchDatabase(t *testing.T, url string) database {
	t.Helper()
	return database{url}
}

// waitFor waits until a query returns true.
func (d database) waitFor(t *testing.T, query string, arg any) {
	t.Helper()
	for t.Context().Err() == nil {
		if conn, err := pgx.Connect(t.Context(), d.url); err == nil {
			var yes bool
			for err == nil && !yes {
				if err = conn.QueryRow(t.Context(), query, arg).Scan(&yes); err == nil && !yes {
					time.Sleep(50 * time.Millisecond)
				}
			}
			_ = conn.Close(t.Context())
			if yes {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// records returns the records of all jobs.
func (d database) records(t *testing.T) (records []jobstore.Record) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), "SELECT record FROM hvprov_job ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		r, err := jobstore.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// checkJobs compares the records with the hosts.
func checkJobs(t *testing.T, db database, fleet *simhost.Fleet, size scale) {
	t.Helper()
	succeeded := map[string]jobstore.Record{} // by host and name
	byHost := map[string][]jobstore.Record{}
	for _, r := range db.records(t) {
		byHost[r.Host] = append(byHost[r.Host], r)
		switch {
		case r.State == jobstore.Succeeded:
			if other, twice := succeeded[r.Host+" "+r.VMName]; twice {
				t.Errorf("jobs %s and %s have both created %s on %s", r.ID, other.ID, r.VMName, r.Host)
			}
			succeeded[r.Host+" "+r.VMName] = r
		case r.Failure == nil || r.Failure.Code != "name_taken":
			t.Errorf("job %s: %s %s %+v", r.ID, r.State, r.Error, r.Failure)
		}
	}
	if len(succeeded) != size.jobs {
		t.Errorf("%d of %d virtual machines were created", len(succeeded), size.jobs)
	}
	for i, host := range fleet.Hosts() {
		name := simhost.FleetName(i)
		state, err := host.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		for _, vm := range state.VMs {
			r, ok := succeeded[name+" "+vm.Name]
			if !ok || !strings.EqualFold(r.VMID, vm.ID) {
				t.Errorf("host %s has %s %s, the record has %q", name, vm.Name, vm.ID, r.VMID)
			}
			delete(succeeded, name+" "+vm.Name)
		}
		if most := overlap(byHost[name]); most > jobsPerHost {
			t.Errorf("%d jobs ran on %s at once", most, name)
		}
	}
	for key := range succeeded {
		t.Errorf("%s is not on its host", key)
	}
}

// overlap returns the largest number of jobs that ran at once.
func overlap(records []jobstore.Record) (most int) {
	for _, r := range records {
		n := 0
		for _, other := range records {
			if !r.Started.IsZero() && !other.Started.IsZero() && !other.Started.After(r.Started) && other.Ended.After(r.Started) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// checkEvents reads the events of jobs from each replica.
func checkEvents(t *testing.T, all replicas, db database) {
	t.Helper()
	type page struct {
		Events []struct {
			Seq  int64
			Kind string
		}
		Ended bool
	}
	records := db.records(t)
	for _, r := range records[:min(len(records), 20)] {
		var first page
		for i := range all {
			status, answer := all.send(t, i, http.MethodGet, "jobs/"+r.ID+"/events", "", nil)
			var got page
			if err := json.Unmarshal(answer, &got); err != nil || status != http.StatusOK {
				t.Fatalf("%d %s", status, answer)
			}
			if i == 0 {
				first = got
			}
			if !slices.Equal(got.Events, first.Events) || !got.Ended {
				t.Errorf("job %s: replica %d has events %v, ended %t; replica 0 has %v", r.ID, i, got.Events, got.Ended, first.Events)
			}
		}
		results := 0
		for i, e := range first.Events {
			if e.Seq != int64(i)+1 {
				t.Errorf("job %s: event %d has number %d", r.ID, i+1, e.Seq)
			}
			if e.Kind == "result" {
				results++
			}
		}
		if results != 1 && r.State == jobstore.Succeeded {
			t.Errorf("job %s has %d results", r.ID, results)
		}
	}
}
