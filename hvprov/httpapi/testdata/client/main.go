// SPDX-License-Identifier: MPL-2.0

// The command drives a server with the client that oapi-codegen generates beside this file from the server's OpenAPI document. Its
// arguments are the address of the server, a token, and a file: while it exists, jobs that add a disk wait.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	_ "github.com/oapi-codegen/runtime" // of the generated client
)

func main() {
	log.SetFlags(0)
	if err := drive(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

// driver is the generated client with the live messages of the server.
type driver struct {
	*ClientWithResponses
	messages *bufio.Scanner
	version  int // of the job schema
}

func drive(ctx context.Context, address, token, gate string) error {
	client, err := NewClientWithResponses(address, WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		return err
	}
	schema, err := client.GetJobSchemaWithResponse(ctx, nil)
	if err != nil || schema.JSON200 == nil {
		return fmt.Errorf("schema: %w: %s", err, schema.Body)
	}
	version, ok := (*schema.JSON200)["version"].(float64)
	if !ok {
		return fmt.Errorf("schema has no version: %s", schema.Body)
	}
	stream, err := client.StreamEvents(ctx, &StreamEventsParams{Topics: []string{"jobs"}})
	if err != nil || stream.StatusCode != http.StatusOK {
		return fmt.Errorf("stream: %w: %+v", err, stream)
	}
	defer stream.Body.Close()
	d := &driver{client, bufio.NewScanner(stream.Body), int(version)}
	d.messages.Buffer(nil, 1<<20)
	if err := d.refused(ctx); err != nil {
		return fmt.Errorf("refused submissions: %w", err)
	}
	if err := d.submitted(ctx); err != nil {
		return fmt.Errorf("a job to its end: %w", err)
	}
	if err := d.cancelled(ctx, gate); err != nil {
		return fmt.Errorf("a cancelled job: %w", err)
	}
	return nil
}

func (d *driver) provision(name string) Provision {
	return Provision{Host: "hv01", SchemaVersion: d.version, Values: map[string]any{
		"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": "c0rrect horse",
	}}
}

// ended returns a job when a live message has reported its end.
func (d *driver) ended(ctx context.Context, id string) (*Job, error) {
	for d.messages.Scan() {
		data, ok := strings.CutPrefix(d.messages.Text(), "data:")
		if !ok {
			continue
		}
		var m Message
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			return nil, err
		}
		if m.Job != nil && fmt.Sprint(*m.Job) == id && m.Ended != nil && *m.Ended {
			got, err := d.GetJobWithResponse(ctx, id)
			if err != nil || got.JSON200 == nil {
				return nil, fmt.Errorf("job: %w: %s", err, got.Body)
			}
			return got.JSON200, nil
		}
	}
	return nil, fmt.Errorf("the stream ended before job %s: %w", id, d.messages.Err())
}

func (d *driver) refused(ctx context.Context) error {
	type expectation struct {
		change func(*Provision)
		status int
		holds  func(*Problem) bool
	}
	for code, want := range map[string]expectation{
		"host_unknown": {func(p *Provision) { p.Host = "hv09" }, http.StatusNotFound, func(p *Problem) bool { return p.Hosts != nil && len(*p.Hosts) == 1 }},
		"schema_mismatch": {func(p *Provision) { p.SchemaVersion++ }, http.StatusConflict, func(p *Problem) bool {
			return p.Expected != nil && p.Received != nil && p.Received.Version == p.Expected.Version+1
		}},
		"invalid_submission": {func(p *Provision) { p.Values["gb_ram"] = 0 }, http.StatusUnprocessableEntity, func(p *Problem) bool {
			return p.Errors != nil && len(*p.Errors) == 1 && (*p.Errors)[0].Field == "gb_ram"
		}},
	} {
		body := d.provision("web-00")
		want.change(&body)
		got, err := d.ProvisionWithResponse(ctx, nil, body)
		if err != nil {
			return err
		}
		if p := got.ApplicationproblemJSONDefault; got.StatusCode() != want.status || p == nil || p.Code != code || !want.holds(p) {
			return fmt.Errorf("%s: %d %s", code, got.StatusCode(), got.Body)
		}
	}
	return nil
}

func (d *driver) submitted(ctx context.Context) error {
	key := "generated"
	var ids []string
	for range 2 {
		got, err := d.ProvisionWithResponse(ctx, &ProvisionParams{IdempotencyKey: &key}, d.provision("web-01"))
		if err != nil || got.JSON202 == nil {
			return fmt.Errorf("submit: %w: %s", err, got.Body)
		}
		ids = append(ids, got.JSON202.Id.String())
	}
	if ids[0] != ids[1] {
		return fmt.Errorf("the same key returned the jobs %v", ids)
	}
	ended, err := d.ended(ctx, ids[0])
	if err != nil {
		return err
	}
	if ended.State != JobStateSucceeded || ended.Result == nil || ended.Result.Vm == nil || ended.Result.Vm.Name != "web-01" {
		return fmt.Errorf("the job ended as %+v", ended)
	}
	name := "WEB-01"
	list, err := d.ListJobsWithResponse(ctx, &ListJobsParams{VmName: &name, Operation: &[]Operation{OperationProvision, OperationUpdate}})
	if err != nil || list.JSON200 == nil || len(list.JSON200.Jobs) != 1 || list.JSON200.Jobs[0].Id != ended.Id {
		return fmt.Errorf("list: %w: %s", err, list.Body)
	}
	var events []Event
	for limit, after := 2, int64(0); ; {
		page, err := d.ListJobEventsWithResponse(ctx, ended.Id.String(), &ListJobEventsParams{After: &after, Limit: &limit})
		if err != nil || page.JSON200 == nil {
			return fmt.Errorf("events: %w: %s", err, page.Body)
		}
		events, after = append(events, page.JSON200.Events...), page.JSON200.Next
		if page.JSON200.Ended {
			break
		}
	}
	for i, event := range events {
		if int(event.Seq) != i+1 {
			return fmt.Errorf("event %d has the number %d", i+1, event.Seq)
		}
	}
	if len(events) != int(ended.LastEvent) || events[len(events)-1].Kind != EventKindResult {
		return fmt.Errorf("%d events of %d", len(events), ended.LastEvent)
	}
	return nil
}

func (d *driver) cancelled(ctx context.Context, gate string) error {
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		return err
	}
	got, err := d.ProvisionWithResponse(ctx, nil, d.provision("web-02"))
	if err != nil || got.JSON202 == nil {
		return fmt.Errorf("submit: %w: %s", err, got.Body)
	}
	id := got.JSON202.Id.String()
	cancel, err := d.CancelJobWithResponse(ctx, id, nil)
	if err != nil || cancel.JSON202 == nil {
		return fmt.Errorf("cancel: %w: %s", err, cancel.Body)
	}
	if err := os.Remove(gate); err != nil {
		return err
	}
	ended, err := d.ended(ctx, id)
	if err != nil {
		return err
	}
	if ended.State != JobStateCancelled || ended.Error == nil || ended.Error.Code != "job_cancelled" {
		return fmt.Errorf("the job ended as %+v", ended)
	}
	if again, err := d.CancelJobWithResponse(ctx, "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99", nil); err != nil || again.ApplicationproblemJSONDefault == nil {
		return errors.Join(err, fmt.Errorf("cancel of an unknown job: %s", again.Body))
	}
	return nil
}
