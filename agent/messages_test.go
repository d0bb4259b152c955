// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// knownCodes are the codes of errors and findings that clients know.
var knownCodes = []string{
	"access_denied", "adapter_name", "bad_request", "cancelled", "checkpoint_ambiguous", "checkpoint_missing", "checkpoints_disabled", "cluster", "cpu", "disk_attached", "disk_busy", "disk_exists", "disk_missing", "disk_size", "disk_type", "download_failed", "export_exists", "export_folder_missing", "firmware", "hardware", "hash_mismatch", "host_not_ready",
	"host_connection", "net_adapter_missing", "net_adapter_used", "switch_exists", "switch_used",
	"image_exists", "image_missing", "image_needed", "image_unfit", "internal", "invalid_definition", "job_unknown", "mac_taken", "media_missing", "memory", "name_taken",
	"power_action_refused", "power_cycle_refused", "schema_mismatch", "step_failed", "storage", "switch_ambiguous", "switch_missing", "unknown_request", "vm_elsewhere", "vm_not_found",
	"wait", "worker_died",
}

func TestMessagesAreSortedAndFormatted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	var all map[string]struct {
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
		Remedy  string `json:"remedy,omitempty"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want.Bytes()) {
		t.Error("messages.json must be sorted by id and indented by two spaces")
	}
}

func TestMessagesArePlainEnglish(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	stray := regexp.MustCompile(`[{}]`)
	named := regexp.MustCompile(`\{[a-z_]+\}`)
	dialect := regexp.MustCompile(`(?i)\b(gives?|tells?|whoever|nobody|says|anew|it is none|is no [a-z]+ of|lets go|as it has|of its own)\b`)
	for name, m := range agent.Messages() {
		if !id.MatchString(name) {
			t.Errorf("%s: an id is lower-case words joined by underscores", name)
		}
		if m.Message == "" || strings.HasSuffix(m.Message, ".") {
			t.Errorf("%s: the message must not be empty, nor end with a full stop", name)
		}
		if m.Code != "" && !slices.Contains(knownCodes, m.Code) {
			t.Errorf("%s: unknown code %q", name, m.Code)
		}
		if m.Remedy != "" && m.Code == "" {
			t.Errorf("%s: only errors and findings have a remedy", name)
		}
		for _, text := range []string{m.Message, m.Remedy} {
			if stray.MatchString(named.ReplaceAllString(text, "")) {
				t.Errorf("%s: a brace that belongs to no placeholder: %s", name, text)
			}
			if word := dialect.FindString(text); word != "" {
				t.Errorf("%s: %q is not plain English: %s", name, word, text)
			}
		}
	}
}

var (
	usePattern    = regexp.MustCompile(`(?:Get-AgentMessage -Id|-MessageId) '([^']+)'`)
	valuesPattern = regexp.MustCompile(`^ -Values (@\{|\$values\b)`)
	keyPattern    = regexp.MustCompile(`^\s*([a-z_]+) = `)
	quotedPattern = regexp.MustCompile(`'([a-z0-9_]+)'`)
	namedPattern  = regexp.MustCompile(`\{([a-z_]+)\}`)
)

// TestScriptsUseTheMessageCatalogue compares the message ids and the values in the scripts with the catalogue.
func TestScriptsUseTheMessageCatalogue(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for name, text := range scripts(t) {
		for _, m := range quotedPattern.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true // an id that a function returns, for example that of a cluster's problem
		}
		for _, at := range usePattern.FindAllStringSubmatchIndex(text, -1) {
			id := text[at[2]:at[3]]
			used[id] = true
			message, ok := agent.Messages()[id]
			if !ok {
				t.Errorf("%s: message %q is not in messages.json", name, id)
				continue
			}
			want := map[string]bool{}
			for _, m := range namedPattern.FindAllStringSubmatch(message.Message+message.Remedy, -1) {
				want[m[1]] = true
			}
			got := valuesOf(text, at[1])
			for key := range want {
				if !got[key] {
					t.Errorf("%s: message %q has no value for {%s}", name, id, key)
				}
			}
			for key := range got {
				if !want[key] {
					t.Errorf("%s: message %q has no placeholder {%s}", name, id, key)
				}
			}
		}
	}
	for id := range agent.Messages() {
		if !used[id] {
			t.Errorf("message %q of messages.json is not used", id)
		}
	}
}

// valuesOf returns the keys of the -Values argument that starts at an offset of a script: of a hashtable, or of the last
// assignment to $values before it.
func valuesOf(text string, at int) map[string]bool {
	keys := map[string]bool{}
	m := valuesPattern.FindStringSubmatch(text[at:])
	if m == nil {
		return keys
	}
	at += len(m[0])
	if m[1] != "@{" {
		const assignment = "$values = @{"
		at = strings.LastIndex(text[:at], assignment) + len(assignment)
	}
	depth, start := 0, at
	for i := at; i < len(text); i++ {
		switch c := text[i]; {
		case c == '(' || c == '{' || c == '[':
			depth++
		case depth > 0 && (c == ')' || c == '}' || c == ']'):
			depth--
		case depth == 0 && (c == ';' || c == '\n' || c == '}'):
			if m := keyPattern.FindStringSubmatch(text[start:i]); m != nil {
				keys[m[1]] = true
			}
			start = i + 1
			if c == '}' {
				return keys
			}
		}
	}
	return keys
}

func TestAMessageTakesItsValues(t *testing.T) {
	t.Parallel()
	m := agent.Message{Code: "memory", Message: "host {host} has {size} GiB", Remedy: "request {size} GiB or less"}
	got, err := m.Format(map[string]any{"host": "{size}", "size": 64})
	want := agent.Message{Code: "memory", Message: "host {size} has 64 GiB", Remedy: "request 64 GiB or less"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := m.Format(map[string]any{"host": "hv01"}); err == nil {
		t.Error("a missing value was accepted")
	}
}
