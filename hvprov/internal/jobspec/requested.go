// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// requested describes the values of an operation that changes a virtual machine once, on request, and not to a desired state, or that
// changes something else on the host. They are the same in every job schema.
type requested struct {
	required string
	checks   map[string]check
	secrets  []string                                      // fields with text values that are not stored or shown
	rule     func(values map[string]any) []jobschema.Fault // between valid fields; nil: none
}

// check returns what a value must be, or an empty string if it is valid.
type check func(v any) string

var operations = map[job.Operation]requested{
	job.OperationPower: {
		required: "power_action",
		checks: map[string]check{
			"power_action": oneOf(job.PowerActions()...), "force_stop": isBoolean, "wait_for": oneOf("nothing", "heartbeat", "address"), "wait_seconds": isWait,
		},
	},
	job.OperationCheckpoint: {
		required: "checkpoint_action",
		checks: map[string]check{
			"checkpoint_action": oneOf(job.CheckpointActions()...),
			"checkpoint_name":   isName, "checkpoint_id": isGUID, "checkpoint_children": isBoolean, "checkpoint_start": isBoolean,
		},
		rule: checkpointRule,
	},
	job.OperationExport: {
		required: "export_path",
		checks:   map[string]check{"export_path": isFolder, "export_live_state": oneOf(job.ExportLiveStates()...)},
	},
	job.OperationImage: {
		required: "image_action",
		checks: map[string]check{
			"image_action": oneOf("create", "remove"), "image_file": isText, "source_url": isText, "source_path": isText, "source_sha256": isText, "source_compression": oneOf("none", "gzip"),
			"source_certificate": isText, "source_size_bytes": isFileSize,
		},
		secrets: []string{"source_url"}, // its query may have a signature
		rule:    imageRule,
	},
	job.OperationDisk: {
		required: "disk_action",
		checks: map[string]check{
			"disk_action": oneOf(job.DiskActions()...), "disk_path": isText, "parent_path": isText, "disk_size_gb": isSize,
			"vhd_type": oneOf("dynamic", "fixed", "differencing"),
		},
		rule: diskRule,
	},
	job.OperationSwitch: {
		required: "switch_action",
		checks: map[string]check{
			"switch_action":           oneOf(job.SwitchActions()...),
			"switch_id":               isGUID,
			"switch_name":             isName,
			"switch_type":             oneOf("external", "internal", "private"),
			"net_adapter_names":       isNames,
			"allow_management_os":     isBoolean,
			"enable_embedded_teaming": isBoolean,
			"enable_iov":              isBoolean,
			"minimum_bandwidth_mode":  oneOf("absolute", "weight", "none"),
			"notes":                   isAnyText,
			"allow_host_disconnect":   isBoolean,
		},
		rule: switchRule,
	},
}

func isRequested(o job.Operation) bool { _, ok := operations[o]; return ok }

// requestedFields returns the values of a job as fields of a definition. The error is a [*jobschema.ValidationError].
func requestedFields(o job.Operation, values map[string]any) (fields job.Fields, err error) {
	r := operations[o]
	var faults []jobschema.Fault
	if _, ok := values[r.required]; !ok {
		faults = append(faults, fault(r.required, "required", "use "+r.checks[r.required](nil), "a %s job requires the field %s", o, r.required))
	}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		valid, ok := r.checks[id]
		if !ok {
			faults = append(faults, fault(id, "unknown_field", "use "+strings.Join(slices.Sorted(maps.Keys(r.checks)), ", "), "a %s job has no field %s", o, id))
		} else if want := valid(values[id]); want != "" {
			faults = append(faults, fault(id, "type", "", "%s of a %s job must be %s, but is %v", id, o, want, values[id]))
		}
		fields = append(fields, job.Field{ID: id, Value: values[id]})
	}
	if r.rule != nil && len(faults) == 0 {
		faults = r.rule(values)
	}
	if len(faults) > 0 {
		return nil, &jobschema.ValidationError{Faults: faults}
	}
	return fields, nil
}

func fault(field, rule, remedy, format string, args ...any) jobschema.Fault {
	return jobschema.Fault{Path: jobschema.Path{{Field: field}}, Rule: rule, Message: fmt.Sprintf(format, args...), Remedy: remedy}
}

// requestedSecrets returns the secrets in the values of a job.
func requestedSecrets(o job.Operation, values map[string]any) (secrets []string) {
	for _, id := range operations[o].secrets {
		if s, ok := values[id].(string); ok && s != "" {
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// withoutRequestedSecrets returns the values of a job without secrets, and the ids of those.
func withoutRequestedSecrets(o job.Operation, values map[string]any) (kept map[string]any, withheld []string) {
	kept = maps.Clone(values)
	for _, id := range operations[o].secrets {
		if _, ok := values[id]; ok {
			delete(kept, id)
			withheld = append(withheld, id)
		}
	}
	return kept, withheld
}

func imageRule(values map[string]any) []jobschema.Fault {
	if _, ok := values["image_file"]; !ok {
		return []jobschema.Fault{fault("image_file", "required", "", "an image job requires the field image_file")}
	}
	_, url := values["source_url"]
	_, path := values["source_path"]
	if values["image_action"] == "create" && url == path {
		return []jobschema.Fault{fault("source_url", "parameter_set", "", "a job that creates an image requires either the field source_url or the field source_path")}
	}
	return nil
}

func checkpointRule(values map[string]any) []jobschema.Fault {
	_, named := values["checkpoint_name"]
	_, identified := values["checkpoint_id"]
	switch action := values["checkpoint_action"]; {
	case action == "take" && (!named || identified):
		return []jobschema.Fault{fault("checkpoint_name", "parameter_set", "", "a job that takes a checkpoint requires the field checkpoint_name, and has no field checkpoint_id")}
	case action != "take" && named == identified:
		return []jobschema.Fault{fault("checkpoint_id", "parameter_set", "", "a job that applies or removes a checkpoint requires either the field checkpoint_id or the field checkpoint_name")}
	}
	return nil
}

func diskRule(values map[string]any) (faults []jobschema.Fault) {
	needed := []string{"disk_path"}
	switch action := values["disk_action"]; {
	case action == "create" && values["vhd_type"] == "differencing":
		needed = append(needed, "parent_path")
	case action != "remove":
		needed = append(needed, "disk_size_gb")
	}
	for _, id := range needed {
		if _, ok := values[id]; !ok {
			faults = append(faults, fault(id, "required", "", "a disk job with the disk_action %v requires the field %s", values["disk_action"], id))
		}
	}
	return faults
}

// switchRule checks that a switch job identifies its virtual switch, and that what it sets fits the type.
func switchRule(values map[string]any) (faults []jobschema.Fault) {
	create, external := values["switch_action"] == "create", values["switch_type"] == "external"
	needed, excluded := []string{"switch_id"}, []string{"switch_name", "switch_type", "net_adapter_names", "enable_embedded_teaming", "enable_iov", "minimum_bandwidth_mode"}
	switch {
	case create && external:
		needed, excluded = []string{"switch_name", "switch_type", "net_adapter_names"}, []string{"switch_id"}
	case create:
		needed, excluded = []string{"switch_name", "switch_type"}, []string{"switch_id", "net_adapter_names", "allow_management_os", "enable_embedded_teaming", "enable_iov"}
	case values["switch_action"] == "remove":
		excluded = append(excluded, "allow_management_os", "notes")
	}
	what := fmt.Sprintf("a switch job with the switch_action %v", values["switch_action"])
	if create {
		what += fmt.Sprintf(" and the switch_type %v", values["switch_type"])
	}
	for _, id := range needed {
		if _, ok := values[id]; !ok {
			faults = append(faults, fault(id, "required", "", "%s requires the field %s", what, id))
		}
	}
	for _, id := range excluded {
		if _, ok := values[id]; ok {
			faults = append(faults, fault(id, "parameter_set", "", "%s has no field %s", what, id))
		}
	}
	return faults
}

func oneOf(choices ...string) check {
	return func(v any) string {
		if s, ok := v.(string); ok && slices.Contains(choices, s) {
			return ""
		}
		return "one of " + strings.Join(choices, ", ")
	}
}

// isText accepts any text: the agent checks what it is.
func isText(v any) string {
	if s, ok := v.(string); ok && s != "" {
		return ""
	}
	return "a text"
}

// isAnyText accepts any text, also an empty one.
func isAnyText(v any) string {
	if _, ok := v.(string); ok {
		return ""
	}
	return "a text"
}

// isNames checks a list of names.
func isNames(v any) string {
	names, _ := v.([]any)
	if len(names) > 0 && !slices.ContainsFunc(names, func(name any) bool { return isName(name) != "" }) {
		return ""
	}
	return "a list of one or more names"
}

func isBoolean(v any) string {
	if _, ok := v.(bool); ok {
		return ""
	}
	return "a boolean"
}

func isWait(v any) string { return isWhole(v, 7200) }

func isSize(v any) string { return isWhole(v, 65536) }

func isFileSize(v any) string { return isWhole(v, 1<<53-1) }

func isWhole(v any, maximum float64) string {
	text, err := job.Fields{{ID: "n", Value: v}}.MarshalJSON()
	var n float64
	if _, scanErr := fmt.Sscanf(string(text), `{"n":%g}`, &n); err != nil || scanErr != nil || n != math.Trunc(n) || n < 1 || n > maximum {
		return fmt.Sprintf("a whole number from 1 to %.0f", maximum)
	}
	return ""
}

func isGUID(v any) string {
	if s, ok := v.(string); ok && protocol.IsGUID(s) {
		return ""
	}
	return "a GUID"
}

// isFolder checks what does not depend on the host: the agent checks the path itself.
func isFolder(v any) string {
	s, ok := v.(string)
	if ok && s != "" && len(utf16.Encode([]rune(s))) <= 200 && !strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return `the full path of a folder on the host, such as D:\Exports`
}

// isName checks the name of a checkpoint, a virtual switch or a network adapter as the agent does.
func isName(v any) string {
	s, ok := v.(string)
	if ok && s != "" && len(utf16.Encode([]rune(s))) <= 100 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return "a name of 1 to 100 characters, without control characters and without spaces at its ends"
}
