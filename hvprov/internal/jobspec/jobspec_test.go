// SPDX-License-Identifier: MPL-2.0

package jobspec_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

const (
	secret = "c0rrect horse"
	vmID   = "b0000000-0000-4000-8000-000000000001"
)

// newBuilder returns a builder for the embedded schema, with a key of equal bytes; 0 means without a key.
func newBuilder(t *testing.T, key byte) *jobspec.Builder {
	t.Helper()
	schema, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	b := &jobspec.Builder{Schema: schema}
	if b.Translation, err = jobschema.Translate(schema, schema); err != nil {
		t.Fatal(err)
	}
	if key != 0 {
		if b.Cipher, err = jobregistry.NewCipher(bytes.Repeat([]byte{key}, jobregistry.KeySize)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func values(password string) map[string]any {
	return map[string]any{"vm_name": "web-01", "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": password}
}

func TestTheRecordOfANewJobContainsNoSecret(t *testing.T) {
	t.Parallel()
	for _, key := range []byte{0, 7} {
		spec, err := newBuilder(t, key).New(jobstore.Record{Host: "hv01", Operation: job.OperationProvision}, values(secret))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jobstore.Encode(spec.Record)
		if err != nil || bytes.Contains(text, []byte(secret)) {
			t.Errorf("record is %s, error %v", text, err)
		}
		r := spec.Record
		if !protocol.IsGUID(r.ID) || r.VMName != "web-01" || r.Values["guest_la_uid"] != "admin" || r.HasNoSecrets || (r.EncryptedValues != nil) != (key != 0) {
			t.Errorf("record is %+v", r)
		}
		if password, _ := spec.Request.Definition.Fields.Get("guest_la_pw"); password != secret || !slices.Equal(spec.Secrets, []string{secret}) || spec.Request.Job != r.ID {
			t.Error("the agent does not receive the password, or it is not known as a secret")
		}
	}
}

func TestInvalidSubmissionsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, 0)
	for name, c := range map[string]struct {
		record jobstore.Record
		values map[string]any
	}{
		"unknown operation":       {jobstore.Record{Operation: "rename"}, nil},
		"invalid value":           {jobstore.Record{Operation: job.OperationProvision}, map[string]any{"vm_name": 7}},
		"other schema":            {jobstore.Record{Operation: job.OperationDelete, VMID: vmID, Schema: job.SchemaRef{ID: "other", Version: 1}}, nil},
		"provision with a GUID":   {jobstore.Record{Operation: job.OperationProvision, VMID: vmID}, values(secret)},
		"delete without a GUID":   {jobstore.Record{Operation: job.OperationDelete}, nil},
		"job id that is no GUID":  {jobstore.Record{ID: "one", Operation: job.OperationProvision}, values(secret)},
		"job id with parentheses": {jobstore.Record{ID: "{" + vmID + "}", Operation: job.OperationProvision}, values(secret)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if spec, err := b.New(c.record, c.values); err == nil {
				t.Errorf("accepted: %+v", spec.Record)
			}
		})
	}
}

func TestAJobIsRestoredFromItsRecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key, laterKey       byte
		password            string
		state               jobstore.State
		accepted            bool
		resumed, followOnly bool
		err                 string
	}{
		"queued, without secrets":                  {state: jobstore.Queued},
		"queued, with encrypted secrets":           {key: 7, laterKey: 7, password: secret, state: jobstore.Queued},
		"queued, with secrets that were not kept":  {password: secret, state: jobstore.Queued, err: "StoreKey"},
		"queued, with another key":                 {key: 7, laterKey: 8, password: secret, state: jobstore.Queued, err: "another StoreKey"},
		"running, with encrypted secrets":          {key: 7, laterKey: 7, password: secret, state: jobstore.Running, resumed: true},
		"running, with secrets that were not kept": {password: secret, state: jobstore.Running, resumed: true, followOnly: true},
		"accepted by its host":                     {key: 7, laterKey: 7, password: secret, state: jobstore.Running, accepted: true, resumed: true, followOnly: true},
		"unknown outcome":                          {state: jobstore.Unknown, accepted: true, resumed: true, followOnly: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			submitted, fields := jobstore.Record{Host: "hv01", Operation: job.OperationProvision}, values(c.password)
			if c.password == "" {
				submitted.Operation, submitted.VMID, fields = job.OperationDelete, vmID, nil
			}
			before, err := newBuilder(t, c.key).New(submitted, fields)
			if err != nil {
				t.Fatal(err)
			}
			r := before.Record
			r.State, r.HostAccepted = c.state, c.accepted
			if c.accepted {
				r.VMID = vmID
			}
			after, err := newBuilder(t, c.laterKey).Restore(r)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error is %v, want one about %q", err, c.err)
				}
				return
			}
			if err != nil || after.Resumed != c.resumed || after.FollowOnly != c.followOnly || after.Record.VMID != r.VMID || after.Request.VMID != before.Request.VMID {
				t.Fatalf("spec is %+v, error %v", after, err)
			}
			text, err := after.Request.Definition.MarshalJSON()
			want, wantErr := before.Request.Definition.MarshalJSON()
			if same := bytes.Equal(text, want) && slices.Equal(after.Secrets, before.Secrets); same == (c.followOnly && fields != nil) || errors.Join(err, wantErr) != nil {
				t.Errorf("definition is the same: %t, error %v", same, errors.Join(err, wantErr))
			}
		})
	}
}
