// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hvprovd runs the program with a configuration file.
func hvprovd(t *testing.T, config string, args ...string) (out string, err error) {
	t.Helper()
	var text, log bytes.Buffer
	c := command{out: &text, log: &log, getenv: func(name string) string {
		if name == "HVPROVD_CONFIG" {
			return config
		}
		return ""
	}}
	err = c.run(t.Context(), args)
	return text.String() + log.String(), err
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hvprovd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokensAreCreatedListedAndRevoked(t *testing.T) {
	t.Parallel()
	config := configFile(t, "state_dir: state\nauth: {tokens: true}\n")
	token, err := hvprovd(t, config, "token", "create", "-role", "writer", "-days", "30", "deploy")
	if err != nil || !strings.HasPrefix(token, "hvp_") || strings.Count(token, "\n") != 1 {
		t.Fatalf("created %q, %v", token, err)
	}
	list, err := hvprovd(t, config, "token", "list")
	if err != nil || !strings.Contains(list, "deploy  writer") || strings.Contains(list, strings.TrimSpace(token)) || strings.Contains(list, "never") {
		t.Errorf("list is %q, %v", list, err)
	}
	if _, err := hvprovd(t, config, "token", "create", "deploy"); err == nil {
		t.Error("a second token with the same name")
	}
	if _, err := hvprovd(t, config, "token", "revoke", "deploy"); err != nil {
		t.Error(err)
	}
	if list, err := hvprovd(t, config, "token", "list"); err != nil || strings.Contains(list, "deploy") {
		t.Errorf("list is %q, %v", list, err)
	}
}

func TestTheConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	if out, err := hvprovd(t, configFile(t, ""), "check-config"); err != nil || !strings.Contains(out, "is valid") {
		t.Errorf("got %q, %v", out, err)
	}
	for _, command := range []string{"check-config", "serve"} {
		if _, err := hvprovd(t, configFile(t, "listen: 0.0.0.0:80\n"), command); err == nil || !strings.Contains(err.Error(), "there is no authentication") {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestAnInvalidCommandLineIsAnError(t *testing.T) {
	t.Parallel()
	config := configFile(t, "state_dir: state\n")
	for _, args := range []string{"", "x", "token", "token x", "token create", "token create -role root a", "token list a", "serve x", "check-config -x", "token revoke a"} {
		if _, err := hvprovd(t, config, strings.Fields(args)...); err == nil {
			t.Errorf("%q has no error", args)
		}
	}
	if out, err := hvprovd(t, config, "help"); err != nil || !strings.Contains(out, "hvprovd token create") {
		t.Errorf("help is %q, %v", out, err)
	}
	if out, err := hvprovd(t, config, "token", "create", "a"); err != nil || !strings.Contains(out, "auth.tokens") {
		t.Errorf("a token that is not accepted: %q, %v", out, err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	err := command{out: &out, log: &out, getenv: func(string) string { return "" }}.run(ctx, []string{"serve", "-config", configFile(t, "listen: 127.0.0.1:0\nstate_dir: state\n")})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
