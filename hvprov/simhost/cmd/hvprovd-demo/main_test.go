// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestTheDemoServesSimulatedHosts(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	output, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-listen", "127.0.0.1:0", "-hosts", "2", "-vms", "1", "-log", "error"}, out, io.Discard)
		_ = out.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewScanner(output)
	var url string
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "simulated hosts: "); ok {
			url = address
		}
		if strings.HasPrefix(lines.Text(), "Press") {
			break
		}
	}
	for path, want := range map[string]string{"/api/v1/hosts/hv002/inventory?refresh=true": `"vms":[{`, "/readyz": `"hosts":2`} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s, error %v", path, response.StatusCode, body, err)
		}
	}
	cancel()
	if err := <-ended; err != nil && !strings.Contains(err.Error(), "Server closed") {
		t.Error(err)
	}
}
