// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// secretsText is a schema with secrets that change in place, and with secrets in a list and in an object.
var secretsText = labText("1", `
  - {id: token, type: secret, change: in_place, validations: {min_length: 12}}
  - {id: licence, type: secret, change: replace}
  - id: accounts
    type: list
    change: in_place
    validations: {unique_by: name}
    items:
      type: object
      fields:
        - {id: name, type: string, required: true}
        - {id: pass, type: secret, required: true, validations: {min_length: 12}}
  - id: vault
    type: object
    change: replace
    fields:
      - {id: url, type: string, required: true}
      - {id: key, type: secret}
`, "")

func account(name string, secret attrs) attrs { return attrs{"name": name}.with(secret) }

// plainForm and writeOnlyForm return the two forms of a secret in a list.
func plainForm(value string) attrs { return attrs{"pass": value} }

func writeOnlyForm(value string, version any) attrs {
	return attrs{"pass_wo": value, "pass_wo_version": version}
}

func TestASecretChangesInPlace(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, schemaOf(t, secretsText))
	token := func(value, version any) attrs {
		return minimal("web-01").with(attrs{"token_wo": value, "token_wo_version": version})
	}
	// step applies a configuration and verifies whether a job changed the token.
	step := func(state resource, config attrs, changes bool) resource {
		t.Helper()
		before := strings.Count(h.log.String(), "change token")
		p := h.plan(state, config)
		h.mustSucceed("plan", p.diags)
		if len(p.replace) > 0 {
			t.Fatalf("replaced because of %v", p.replace)
		}
		state, diags := h.apply(h.ctx, p)
		h.mustSucceed("apply", diags)
		if did := strings.Count(h.log.String(), "change token") > before; did != changes {
			t.Errorf("a job changed the token: %v, want %v", did, changes)
		}
		h.wantEmptyPlan(state, config)
		return state
	}
	state := h.mustApply(h.none(), minimal("web-01"))
	state = step(state, token(writeOnlySecret, 1), true) // added
	state = step(state, token("another value", 1), false)
	state = step(state, token("another value", 2), true)
	state = step(state, minimal("web-01").with(attrs{"token": "another value"}), false)
	state = step(state, minimal("web-01").with(attrs{"token": "yet another one"}), true)
	state = step(state, token("yet another one", 2), false)
	state = step(state, minimal("web-01"), true) // removed
	h.wantAbsent(server, server.StateFile(), []string{writeOnlySecret, "another value", "yet another one"}, state)
}

func TestAddingAWriteOnlySecret(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connectedWith(t, server, schemaOf(t, secretsText))
	created := first.mustApply(first.none(), minimal("web-01"))
	t.Run("with its version replaces", func(t *testing.T) {
		t.Parallel()
		h := connectedWith(t, server, schemaOf(t, secretsText))
		p := h.plan(created, minimal("web-01").with(attrs{"licence_wo": writeOnlySecret, "licence_wo_version": 1}))
		h.mustSucceed("plan", p.diags)
		if got := strings.Join(p.replace, " "); got != "licence_wo_version" {
			t.Errorf("replaced because of %q", got)
		}
	})
	for _, id := range []string{"licence", "token"} {
		t.Run("without its version is an error: "+id, func(t *testing.T) {
			t.Parallel()
			h := connectedWith(t, server, schemaOf(t, secretsText))
			p := h.plan(created, minimal("web-01").with(attrs{id + "_wo": writeOnlySecret}))
			h.mustFail(p.diags, id+"_wo", "Unable to plan virtual machine web-01", id+"_wo_version")
		})
	}
}

func TestWriteOnlySecretsInListsAreNotStored(t *testing.T) {
	t.Parallel()
	eachAgent(t, writeOnlySecretsInListsAreNotStored)
}

func writeOnlySecretsInListsAreNotStored(t *testing.T, server *simhost.Server) {
	logs := t.TempDir()
	h := newHarnessWith(t, schemaOf(t, secretsText))
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server), "job_log_dir": logs}))
	config := minimal("web-01").with(attrs{
		"accounts": []any{account("ada", writeOnlyForm(writeOnlySecret, 1)), account("bob", writeOnlyForm("another value", 1))},
		"vault":    attrs{"url": "vault.lab.example", "key_wo": "a third value", "key_wo_version": 1},
	})
	p := h.plan(h.none(), config)
	h.mustSucceed("plan", p.diags)
	created, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.wantEmptyPlan(created, config)

	another := config.with(attrs{"accounts": []any{account("ada", writeOnlyForm(writeOnlySecret, 1)), account("bob", writeOnlyForm("a fourth value", 2))}})
	changed := h.mustApply(created, another)
	h.mustHave(changed, attrs{"id": h.get(created, "id")})
	if !strings.Contains(h.log.String(), "change accounts") {
		t.Error("a changed version in the list ran no job")
	}
	h.wantAbsent(server, logs, []string{writeOnlySecret, "another value", "a third value", "a fourth value"}, p.planned, created, changed)
	for _, id := range []string{"accounts", "vault"} {
		if recorded(t, server)[id] != nil {
			t.Errorf("the host recorded %s, which holds secrets", id)
		}
	}
	p = h.plan(changed, another.with(attrs{"vault": attrs{"url": "vault.lab.example", "key_wo": writeOnlySecret, "key_wo_version": 2}}))
	h.mustSucceed("plan", p.diags)
	if len(p.replace) != 1 || p.replace[0] != "vault" {
		t.Errorf("replaced because of %v, want vault", p.replace)
	}
}

func TestChangingTheFormOfASecretInAListRunsNoJob(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, schemaOf(t, secretsText))
	in := func(form, key attrs) attrs {
		return minimal("web-01").with(attrs{"accounts": []any{account("ada", form)}, "vault": attrs{"url": "u"}.with(key)})
	}
	state := h.mustApply(h.none(), in(plainForm(writeOnlySecret), attrs{"key": writeOnlySecret}))
	for _, config := range []attrs{
		in(writeOnlyForm(writeOnlySecret, 1), attrs{"key_wo": writeOnlySecret, "key_wo_version": 1}), in(plainForm(writeOnlySecret), attrs{"key": writeOnlySecret}),
	} {
		p := h.plan(state, config)
		h.mustSucceed("plan", p.diags)
		if len(p.replace) > 0 {
			t.Fatalf("replaced because of %v", p.replace)
		}
		state = h.mustApply(state, config)
		h.wantEmptyPlan(state, config)
	}
	if strings.Contains(h.log.String(), "change accounts") {
		t.Error("changing the form ran a job")
	}
	h.mustApply(state, in(plainForm("another value"), attrs{"key": writeOnlySecret}))
	if !strings.Contains(h.log.String(), "change accounts") {
		t.Error("changing the value ran no job")
	}
}

func TestConflictingFormsOfASecretInAListAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form      attrs
		attribute string
		texts     []string
	}{
		"both":           {plainForm(writeOnlySecret).with(writeOnlyForm(writeOnlySecret, 1)), "accounts.1", []string{"Set only one of them"}},
		"a version only": {plainForm(writeOnlySecret).with(attrs{"pass_wo_version": 1}), "accounts.1", []string{"pass_wo, which is not set"}},
		"neither":        {attrs{}, "accounts.1", []string{"accounts[1].pass is required"}},
		"too short":      {writeOnlyForm("short", 1), "accounts.1", []string{"accounts[1].pass_wo must have at least 12 characters"}},
		"both unknown":   {attrs{"pass": unknown{}, "pass_wo": unknown{}}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarnessWith(t, schemaOf(t, secretsText))
			diags := h.validate(minimal("web-01").with(attrs{"accounts": []any{account("ada", plainForm(writeOnlySecret)), account("bob", c.form)}}))
			if c.attribute == "" {
				h.mustSucceed("validate", diags)
				return
			}
			h.mustFail(diags, c.attribute, c.texts...)
		})
	}
}
