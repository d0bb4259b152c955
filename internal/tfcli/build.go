// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// OpenTofuVersion is the version that [Build] builds. It requires Go 1.26.6 or later.
const OpenTofuVersion = "1.12.6"

const openTofuModule = "github.com/opentofu/opentofu"

// Build builds OpenTofu into cacheDir/bin, where [Find] finds it. The source comes from the Go module proxy and is verified by
// the Go checksum database. `go install` rejects the module because its go.mod has a replace directive; `go build` in the
// folder of the module does not.
//
// A first build takes some minutes. Build writes a line to progress every ten seconds.
func Build(ctx context.Context, cacheDir string, progress io.Writer) (CLI, error) {
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return CLI{}, fmt.Errorf("build OpenTofu: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(cacheDir, "bin"), 0o750); err != nil {
		return CLI{}, fmt.Errorf("build OpenTofu: %w", err)
	}
	b := &builder{started: time.Now(), progress: progress}
	stop := b.heartbeat(ctx)
	defer stop()

	b.phase.Store("downloading the source of")
	source, err := download(ctx, cacheDir)
	if err != nil {
		return CLI{}, err
	}
	b.phase.Store("building")
	partial := builtPath(cacheDir) + ".partial"
	defer func() { _ = os.Remove(partial) }() // renamed after success
	if err := b.compile(ctx, source, partial); err != nil {
		return CLI{}, err
	}
	if err := os.Rename(partial, builtPath(cacheDir)); err != nil {
		return CLI{}, fmt.Errorf("build OpenTofu: %w", err)
	}
	return inspect(ctx, builtPath(cacheDir))
}

// download downloads the module and returns its folder in the module cache.
func download(ctx context.Context, cacheDir string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", openTofuModule+"@v"+OpenTofuVersion)
	cmd.Dir = cacheDir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	out, runErr := cmd.Output()
	var answer struct{ Dir, Error string }
	if err := json.Unmarshal(out, &answer); err != nil && runErr == nil {
		return "", fmt.Errorf("download the source of OpenTofu: %w", err)
	}
	if answer.Error != "" {
		return "", fmt.Errorf("download the source of OpenTofu: %s", answer.Error)
	}
	if runErr != nil {
		var exit *exec.ExitError
		if errors.As(runErr, &exit) {
			return "", fmt.Errorf("download the source of OpenTofu: %w: %s", runErr, bytes.TrimSpace(exit.Stderr))
		}
		return "", fmt.Errorf("download the source of OpenTofu: %w", runErr)
	}
	return answer.Dir, nil
}

// builder holds the progress of a build.
type builder struct {
	started  time.Time
	progress io.Writer
	phase    atomic.Value // string
	packages atomic.Int64
}

// compile builds the command from the folder source into the file out.
func (b *builder) compile(ctx context.Context, source, out string) error {
	// version.dev=no: a release version.
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -X github.com/opentofu/opentofu/version.dev=no", "-o", out, "./cmd/tofu")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("build OpenTofu: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build OpenTofu: %w", err)
	}
	var last []string // with -v: package names, and the errors
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		b.packages.Add(1)
		if last = append(last, lines.Text()); len(last) > 20 {
			last = last[1:]
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("build OpenTofu: %w; last lines of go build:\n%s", err, joinLines(last))
	}
	return nil
}

// heartbeat reports progress every ten seconds until the returned function is called.
func (b *builder) heartbeat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// An error of the progress writer does not affect the build.
				_, _ = fmt.Fprintf(b.progress, "  … %s OpenTofu %s: %s, %d packages compiled\n",
					b.phase.Load(), OpenTofuVersion, time.Since(b.started).Round(time.Second), b.packages.Load())
			}
		}
	}()
	return func() { cancel(); <-done }
}

func joinLines(lines []string) string {
	var b bytes.Buffer
	for _, line := range lines {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}
