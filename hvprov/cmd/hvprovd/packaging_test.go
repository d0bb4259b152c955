// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/prommetrics"
)

// packaged returns the content of a file that the packages contain.
func packaged(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// metricLabels returns the labels of each metric of hvprovd.
func metricLabels() map[string][]string {
	descs := make(chan *prometheus.Desc)
	go func() {
		prommetrics.New(nil).Describe(descs)
		close(descs)
	}()
	pattern := regexp.MustCompile(`^Desc\{fqName: "(\w+)".* variableLabels: \{(.*)\}\}$`)
	all := map[string][]string{}
	for desc := range descs {
		m := pattern.FindStringSubmatch(desc.String())
		all[m[1]] = strings.Split(m[2], ",")
	}
	return all
}

var (
	metricPattern   = regexp.MustCompile(`hvprov_\w+(\{[^}]*\})?`)
	selectorPattern = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	groupPattern    = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// expressionFaults returns the metrics and labels of an expression of PromQL that hvprovd does not have. Prometheus adds job and instance.
func expressionFaults(expr string, metrics map[string][]string) (faults []string) {
	known := []string{"job", "instance", "le"}
	for _, use := range metricPattern.FindAllStringSubmatch(expr, -1) {
		name := strings.TrimSuffix(use[0], use[1])
		labels, ok := metrics[name]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if !ok {
				labels, ok = metrics[strings.TrimSuffix(name, suffix)]
			}
		}
		if !ok {
			faults = append(faults, "metric "+name)
		}
		for _, s := range selectorPattern.FindAllStringSubmatch(use[1], -1) {
			if !slices.Contains(labels, s[1]) && !slices.Contains(known, s[1]) {
				faults = append(faults, name+" without label "+s[1])
			}
		}
		known = append(known, labels...)
	}
	for _, group := range groupPattern.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(group[1], ", ") {
			if !slices.Contains(known, label) {
				faults = append(faults, "group by "+label)
			}
		}
	}
	return faults
}

func TestTheDashboardAndTheAlertsUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(packaged(t, "alerts.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	expressions := map[string]string{}
	for _, rule := range rules.Groups[0].Rules {
		expressions["alert "+rule.Alert] = rule.Expr
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(packaged(t, "grafana-dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions[fmt.Sprintf("panel %s, query %s", panel.Title, target.RefID)] = target.Expr
		}
	}
	if len(expressions) < 20 {
		t.Fatalf("only %d expressions were found", len(expressions))
	}
	metrics := metricLabels()
	for _, place := range slices.Sorted(maps.Keys(expressions)) {
		for _, fault := range expressionFaults(expressions[place], metrics) {
			t.Errorf("%s: hvprovd has no %s: %s", place, fault, expressions[place])
		}
	}
	for _, wrong := range []string{`hvprov_host_upp`, `hvprov_host_up{vm="a"}`, `sum by (vm) (hvprov_host_up)`, `sum by (vm) (rate(hvprov_job_duration_seconds_sum[1h]))`} {
		if len(expressionFaults(wrong, metrics)) == 0 {
			t.Errorf("the faults of %s are not found", wrong)
		}
	}
}

func TestThePackagedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hvprovd.yaml")
	uncommented := regexp.MustCompile(`(?m)^hosts: \{\}\n((?:#.*\n)+)`).ReplaceAllFunc(packaged(t, "hvprovd.yaml"), func(hosts []byte) []byte {
		hosts = bytes.ReplaceAll(hosts, []byte("\n#"), []byte("\n"))
		hosts = bytes.Replace(hosts, []byte("hosts: {}"), []byte("hosts:"), 1)
		hosts = bytes.Replace(hosts, []byte("password_file: /run/credentials/hvprovd.service/hv01.password"), []byte("password_env: P"), 1)
		return bytes.Replace(hosts, []byte("    ca_cert_file: ca.pem\n"), nil, 1)
	})
	for what, content := range map[string][]byte{"as packaged": packaged(t, "hvprovd.yaml"), "with the host": uncommented} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := command{out: &out, log: &out, getenv: func(name string) string { return map[string]string{"P": "s3cret"}[name] }}.run(t.Context(), []string{"check-config", "-config", path})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if bytes.Equal(uncommented, packaged(t, "hvprovd.yaml")) {
		t.Error("the file has no host to uncomment")
	}
}
