// SPDX-License-Identifier: MPL-2.0

// Package jobspec checks submissions against the job schema, and turns them into what an agent runs and what a store keeps.
package jobspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Spec describes one job.
type Spec struct {
	Record  jobstore.Record      // what the store keeps
	Request hostagent.JobRequest // what the agent runs; its fields are those of the agent's schema
	Secrets []string             // secret values among the submitted ones
	OnEvent func(job.Event)      // nil: no callback

	// Resumed reports that the job may have reached its host before this process started.
	Resumed bool
	// FollowOnly reports that the values of the job are not known any more: it can be attached to, but not submitted.
	FollowOnly bool
}

// Builder makes specs.
type Builder struct {
	Schema      *jobschema.Schema      // of submissions
	Translation *jobschema.Translation // from Schema to the schema of agents
	Cipher      *jobregistry.Cipher    // encrypts values that contain secrets for the store; nil: they are not stored
}

// New returns the spec of a new job. r describes the submission except for its values, which may contain secrets.
func (b *Builder) New(r jobstore.Record, values map[string]any) (Spec, error) {
	if r.ID == "" {
		r.ID = uuid.NewString()
	}
	spec, err := b.build(r, values)
	if err != nil {
		return Spec{}, err
	}
	stored, withheld := b.WithoutSecrets(values)
	if isRequested(r.Operation) { // its values are not fields of the schema
		stored, withheld = withoutRequestedSecrets(r.Operation, values)
	}
	all := len(withheld) == 0
	spec.Record.Schema, spec.Record.Values, spec.Record.HasNoSecrets = b.Schema.Ref(), stored, all
	if !all && b.Cipher != nil {
		text, err := json.Marshal(values)
		if err != nil {
			return Spec{}, fmt.Errorf("encode values of job %s: %w", r.ID, err)
		}
		spec.Record.EncryptedValues = b.Cipher.Encrypt(r.ID, text)
	}
	return spec, nil
}

// build checks a submission and returns its spec, without what only the store needs.
func (b *Builder) build(r jobstore.Record, values map[string]any) (Spec, error) {
	if !r.Operation.Valid() {
		return Spec{}, fmt.Errorf("operation %q is not one of %v", r.Operation, job.Operations())
	}
	fields, secrets, err := b.fields(r, values)
	if err != nil {
		return Spec{}, err
	}
	if needs := r.Operation.NeedsVM(); needs && r.VMID == "" {
		return Spec{}, fmt.Errorf("a %s job requires the GUID of a virtual machine", r.Operation)
	} else if !needs && r.VMID != "" {
		return Spec{}, fmt.Errorf("a %s job has no virtual machine that exists, but %s is given", r.Operation, r.VMID)
	}
	if !protocol.IsGUID(r.ID) {
		return Spec{}, fmt.Errorf("job id %q is not a GUID such as 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11: leave it empty to have one generated", r.ID)
	}
	if name, ok := fields.Get("vm_name"); ok {
		r.VMName, _ = name.(string)
	}
	return Spec{Record: r, Request: b.Request(r, fields), Secrets: secrets}, nil
}

// fields returns submitted values as fields of the agent's schema, and the secrets among them.
func (b *Builder) fields(r jobstore.Record, values map[string]any) (fields job.Fields, secrets []string, err error) {
	if r.Schema != (job.SchemaRef{}) {
		if err := b.Schema.CheckVersion(r.Schema.ID, r.Schema.Version); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case r.Operation == job.OperationDelete:
		return nil, nil, nil // the GUID of the virtual machine is all that a delete needs
	case isRequested(r.Operation):
		fields, err = requestedFields(r.Operation, values)
		return fields, requestedSecrets(r.Operation, values), err
	}
	schema := b.Schema
	if r.Operation == job.OperationUpdate {
		schema = schema.ForExisting()
	}
	valid, err := schema.Validate(values)
	if err != nil {
		return nil, nil, err
	}
	fields, err = b.Translation.Fields(valid)
	return fields, b.Schema.SecretValues(valid), err
}

// Check returns what an agent is asked to check, and the ids of the values that are withheld: secrets do not leave this computer for a
// check, because no finding depends on them. Required values may be missing.
func (b *Builder) Check(r jobstore.Record, values map[string]any) (request hostagent.JobRequest, withheld []string, err error) {
	if isRequested(r.Operation) {
		fields, err := requestedFields(r.Operation, values)
		return b.Request(r, fields), nil, err
	}
	values, withheld = b.WithoutSecrets(values)
	return b.Request(r, b.Translation.Partial(values)), withheld, nil
}

// Request returns what an agent is asked to run, with fields of the agent's schema.
func (b *Builder) Request(r jobstore.Record, fields job.Fields) hostagent.JobRequest {
	secrets := b.AgentFields(b.Schema.SecretIDs())
	if isRequested(r.Operation) {
		secrets = operations[r.Operation].secrets
	}
	return hostagent.JobRequest{
		Job: r.ID, VMID: r.VMID, AllowPowerCycle: r.AllowPowerCycle,
		Definition: job.Definition{Schema: b.Translation.Ref(), Operation: r.Operation, Fields: fields},
		Changed:    b.AgentFields(r.Changed), Secrets: secrets,
	}
}

// AgentFields returns ids of fields as the agent's schema has them.
func (b *Builder) AgentFields(ids []string) []string {
	targets := make([]string, len(ids))
	for i, id := range ids {
		targets[i] = b.Translation.TargetID(id)
	}
	return targets
}

// WithoutSecrets returns values without the fields that are or contain a secret, and the ids of those.
func (b *Builder) WithoutSecrets(values map[string]any) (kept map[string]any, withheld []string) {
	kept = maps.Clone(values)
	maps.DeleteFunc(kept, func(id string, _ any) bool {
		f, ok := b.Schema.Field(id)
		withhold := !ok || f.HoldsSecret()
		if withhold {
			withheld = append(withheld, id)
		}
		return withhold
	})
	slices.Sort(withheld)
	return kept, withheld
}

// errSecretsLost reports a job that cannot run after a restart.
var errSecretsLost = errors.New("the service stopped before the job reached its host, and the job's secrets were not stored: submit the job again, " +
	"and set StoreKey so that secrets are stored encrypted")

// Restore returns the spec of a job that a store has kept. A job that has reached its host, or may have and whose values are
// not known any more, is one to follow only.
func (b *Builder) Restore(r jobstore.Record) (Spec, error) {
	mayRun := r.State == jobstore.Running || r.State == jobstore.Unknown
	submitted := r
	if r.Operation == job.OperationProvision {
		submitted.VMID = "" // a provision has none, until the host has created it
	}
	if !r.HostAccepted {
		values, err := b.storedValues(r)
		if err == nil {
			spec, err := b.build(submitted, values)
			spec.Record, spec.Resumed = r, mayRun
			return spec, err
		}
		if !mayRun {
			return Spec{}, err
		}
	}
	return Spec{Record: r, Request: b.Request(submitted, nil), Resumed: true, FollowOnly: true}, nil
}

// storedValues returns all submitted values of a job that its host may not have.
func (b *Builder) storedValues(r jobstore.Record) (map[string]any, error) {
	switch {
	case r.HasNoSecrets:
		return r.Values, nil
	case r.EncryptedValues == nil || b.Cipher == nil:
		return nil, errSecretsLost
	}
	text, err := b.Cipher.Decrypt(r.ID, r.EncryptedValues)
	if err != nil {
		return nil, fmt.Errorf("decrypt the secrets of job %s, which were stored with another StoreKey: %w", r.ID, err)
	}
	var values map[string]any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // exact
	return values, dec.Decode(&values)
}
