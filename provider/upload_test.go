// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
	"github.com/hypervvm/terraform-provider-hypervvm/provider"
)

// The memory is that of this process, so that no other test runs beside these. With HYPERVVM_TEST_FULL the real agent downloads 2 GiB, and the test
// logs the speed.

func TestAnUploadContinuesAfterACutAndNeedsLittleMemory(t *testing.T) {
	t.Run("fake agent", func(t *testing.T) { testUpload(t, startHost(t, nil), 8<<20) })
	t.Run("real agent", func(t *testing.T) {
		if !sample.Full() {
			t.Skip("2 GiB: only with HYPERVVM_TEST_FULL=1. TestAFileOfThisComputerBecomesAnImage runs a small file by turns")
		}
		testUpload(t, realAgent(t), 2<<30)
	})
}

func testUpload(t *testing.T, server *simhost.Server, size int64) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "image.vhdx"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString("vhdxfile")
	if err == nil {
		err = file.Truncate(size)
	}
	sum := sha256.New()
	if err == nil {
		_, err = io.Copy(sum, io.NewSectionReader(file, 0, size))
	}
	if err != nil {
		t.Fatal(err)
	}
	address, certificate, stop, err := provider.ServeFile(t.Context(), file, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	source, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	var begin atomic.Pointer[time.Time] // of the first connection
	target := source.Host
	source.Host = tcptest.Serve(t, func(ctx context.Context, conn net.Conn) {
		upstream, err := tcptest.Dial(ctx, target)
		if err != nil {
			t.Error(err)
			return
		}
		from := io.Reader(upstream)
		if connections.Add(1) == 1 {
			from = io.LimitReader(upstream, size/2)
			now := time.Now()
			begin.Store(&now)
		}
		go func() { _, _ = io.Copy(upstream, conn) }()
		_, _ = io.Copy(conn, from)
		_ = upstream.Close()
	}).String()

	service, err := hvprov.New(t.Context(), hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: server.WinRM()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(context.Background()) })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	submitted, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationImage, Limit: time.Hour, Values: map[string]any{
		"image_action": "create", "image_file": "uploaded.vhdx", "source_url": source.String(), "source_certificate": certificate,
		"source_sha256": hex.EncodeToString(sum.Sum(nil)), "source_size_bytes": size,
	}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := submitted.Wait(t.Context())
	end := time.Now()
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after) // what was obtained from the system is the maximum that was in use
	if result.Image == nil || result.Image.SizeBytes != size || connections.Load() != 2 {
		t.Errorf("the host has %+v after %d connections", result.Image, connections.Load())
	}
	grown := float64(after.Sys-before.Sys) / 1e6
	if grown > 100 {
		t.Errorf("the memory has grown by %.0f MB", grown)
	}
	took := end.Sub(*begin.Load()).Seconds()
	t.Logf("%d MiB in %.1f s, with a pause of 1 s after the cut and the flush to the disk: %.0f MB/s, memory %.0f MB", size>>20, took, float64(size)/1e6/took, float64(after.Sys)/1e6)
}
