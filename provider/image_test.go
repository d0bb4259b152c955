// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const imageType = "hypervvm_image"

func (h *harness) noImage() tftypes.Value { return tftypes.NewValue(h.resourceKind(imageType), nil) }

// imagePath returns the path of a file in the folder of the images.
func imagePath(server *simhost.Server, name string) string {
	return filepath.Join(server.StateFile()+".d", "disks", "Images", name)
}

// imageFiles returns the names of the files in the folder of the images.
func imageFiles(t *testing.T, server *simhost.Server) (names string) {
	t.Helper()
	entries, err := os.ReadDir(imagePath(server, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names += e.Name() + " "
	}
	return names
}

// imageSource writes a disk image, and returns its path, its content and its SHA-256.
func imageSource(t *testing.T) (path string, data []byte, hash string) {
	t.Helper()
	data = bytes.Repeat([]byte{7}, 3<<20)
	copy(data, "vhdxfile")
	path = filepath.Join(t.TempDir(), "source.vhdx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return path, data, hex.EncodeToString(sum[:])
}

func TestAnImageIsAResource(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		source, data, hash := imageSource(t)
		h := connected(t, server)
		config := attrs{"file": "debian-13.vhdx", "source_path": source, "sha256": hash}
		created, diags := h.applyResource(imageType, h.noImage(), config)
		h.mustSucceed("create", diags)
		if got, err := os.ReadFile(imagePath(server, "debian-13.vhdx")); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("the host has %d bytes, %v", len(got), err)
		}
		state := plain(created).(attrs)
		if state["name"] != "debian-13" || fmt.Sprint(state["size_bytes"]) != fmt.Sprint(len(data)) || !strings.HasSuffix(state["id"].(string), "/debian-13.vhdx") {
			t.Errorf("the state is %v", state)
		}
		if read, diags := h.readResource(imageType, created); !read.Equal(created) || len(diags) > 0 {
			t.Errorf("read %v, %v, want %v", read, diags, created)
		}
		if same, diags := h.applyResource(imageType, created, config); !same.Equal(created) || hasError(diags) {
			t.Errorf("an apply without changes returned %v, %v", same, diags)
		}
		value := h.mustImportResource(imageType, state["id"].(string), attrs{"file": "debian-13.vhdx"})
		if same, diags := h.applyResource(imageType, value, attrs{"file": "debian-13.vhdx"}); !same.Equal(value) || len(diags) > 0 {
			t.Errorf("an apply after an import returned %v, %v, want %v", same, diags, value)
		}
		for _, none := range []*tfprotov6.ImportResourceStateRequest{
			{TypeName: imageType, ID: "127.0.0.1/none.vhdx"},
			{TypeName: imageType, Identity: h.encodeIdentity(imageType, attrs{"file": "none.vhdx"})},
		} {
			_, diags := h.importResource(none, nil)
			h.mustFail(diags, "", "Unable to import image", "has no such file")
		}
		adopted, diags := h.applyResource(imageType, value, config)
		h.mustSucceed("apply after import", diags)
		if !adopted.Equal(created) {
			t.Errorf("after an import the state is %v, want %v", adopted, created)
		}
		gone, diags := h.applyResource(imageType, created, nil)
		h.mustSucceed("destroy", diags)
		if !gone.IsNull() || strings.Contains(imageFiles(t, server), "debian") {
			t.Errorf("after a destroy the host has %s", imageFiles(t, server))
		}
	})
}

func TestDriftOfAnImageIsReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	source, _, _ := imageSource(t)
	h := connected(t, server)
	created, diags := h.applyResource(imageType, h.noImage(), attrs{"file": "debian-13.vhdx", "source_path": source, "keep_on_destroy": true})
	h.mustSucceed("create", diags)
	path := imagePath(server, "debian-13.vhdx")
	if err := os.Truncate(path, 4<<20); err != nil {
		t.Fatal(err)
	}
	h = connected(t, server) // without the inventory of before
	if read, diags := h.readResource(imageType, created); !read.Equal(created) || len(diags) != 1 || !strings.Contains(diags[0].Summary, "was changed") {
		t.Errorf("the read of a changed image returned %v, %v", read, diags)
	}
	_, diags = h.applyResource(imageType, created, nil)
	h.mustSucceed("destroy", diags)
	if err := os.Remove(path); err != nil {
		t.Fatalf("the file was not kept: %v", err)
	}
	h = connected(t, server)
	if read, diags := h.readResource(imageType, created); !read.IsNull() || len(diags) > 0 {
		t.Errorf("the read of a deleted image returned %v, %v", read, diags)
	}
}

func TestAFailedImageLeavesNothing(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	source, data, _ := imageSource(t)
	before := imageFiles(t, server)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	defer web.Close()
	wrong := strings.Repeat("0", 64)
	h := connected(t, server)
	for name, c := range map[string]struct {
		config attrs
		at     string
		want   string
	}{
		"wrong hash of a copy":     {attrs{"file": "a.vhdx", "source_path": source, "sha256": wrong}, "sha256", "not " + wrong},
		"wrong hash of a download": {attrs{"file": "a.vhdx", "source_url": web.URL + "/?sig=s3cret", "sha256": wrong}, "sha256", "not " + wrong},
		"wrong hash of an upload":  {attrs{"file": "a.vhdx", "source_file": source, "serve_address": "127.0.0.1", "sha256": wrong}, "sha256", "not " + wrong},
		"not encrypted":            {attrs{"file": "a.vhdx", "source_url": web.URL + "/?sig=s3cret"}, "source_url", "not encrypted"},
		"no image":                 {attrs{"file": "a.iso", "source_path": source}, "file", "format ISO"},
		"the name is taken":        {attrs{"file": "UBUNTU-24.04.vhdx", "source_path": source}, "file", "import it"},
	} {
		_, diags := h.applyResource(imageType, h.noImage(), c.config)
		if !hasError(diags) || diags[0].Attribute.String() != `AttributeName("`+c.at+`")` || !strings.Contains(diags[0].Detail, c.want) {
			t.Errorf("%s: %v", name, diags)
		}
		for _, d := range diags {
			if strings.Contains(d.Detail, "s3cret") {
				t.Errorf("%s: the error has the signature: %s", name, d.Detail)
			}
		}
	}
	if after := imageFiles(t, server); after != before {
		t.Errorf("the host has %s, before %s", after, before)
	}
}

func TestAnImageThatIsNeededIsNotDestroyed(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	source, _, _ := imageSource(t)
	h := connected(t, server)
	created, diags := h.applyResource(imageType, h.noImage(), attrs{"file": "base.vhdx", "source_path": source})
	h.mustSucceed("create", diags)
	child := imagePath(server, "child.vhdx")
	if err := hyperv.WriteDisk(child, hyperv.Disk{Type: "Differencing", SizeBytes: 3 << 20, Parent: imagePath(server, "base.vhdx"), FileBytes: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	addPowerVM(t, server, "Off")
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = []hyperv.Drive{{Path: child}} })
	_, diags = h.applyResource(imageType, created, nil)
	if !hasError(diags) || !strings.Contains(diags[0].Detail, "'old-01'") {
		t.Errorf("the destroy returned %v", diags)
	}
}

func TestTheFreeSpaceForAnImageIsCheckedInThePlan(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	source, _, _ := imageSource(t)
	updateHost(t, server, func(s *hyperv.State) { s.Host.FreeBytes = 2 << 20 })
	h := connected(t, server)
	for name, config := range map[string]attrs{
		"a file of this computer": {"file": "a.vhdx", "source_file": source, "serve_address": "127.0.0.1"},
		"a file on the host":      {"file": "a.vhdx", "source_path": source},
	} {
		_, diags := h.applyResource(imageType, h.noImage(), config)
		h.mustFail(diags, "file", "Unable to create image", "a.vhdx needs 3.0 MiB", "has 2.0 MiB free", "Free space on that volume")
		if strings.Contains(diags[0].Detail, "Job ") {
			t.Errorf("%s: a job has run", name)
		}
	}
	data := bytes.Repeat([]byte{7}, 3<<20)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	defer web.Close()
	sum := sha256.Sum256(data)
	_, diags := h.applyResource(imageType, h.noImage(), attrs{"file": "a.vhdx", "source_url": web.URL, "sha256": hex.EncodeToString(sum[:])})
	h.mustFail(diags, "file", "Unable to create image", "a.vhdx needs 3.0 MiB")
}

func TestThisComputerDecompressesWhatAHostCannot(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		_, data, _ := imageSource(t)
		h := connected(t, server)
		for compression, packed := range map[string][]byte{"xz": packXZ(t, data), "zstd": packZstd(t, data)} {
			source := filepath.Join(t.TempDir(), "image."+compression)
			if err := os.WriteFile(source, packed, 0o600); err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(packed)
			config := attrs{"file": compression + ".vhdx", "source_file": source, "serve_address": "127.0.0.1", "compression": compression, "sha256": strings.ToUpper(hex.EncodeToString(sum[:]))}
			_, diags := h.applyResource(imageType, h.noImage(), config)
			h.mustSucceed("create", diags)
			if got, err := os.ReadFile(imagePath(server, compression+".vhdx")); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: the host has %d bytes, %v", compression, len(got), err)
			}
			before := imageFiles(t, server)
			_, diags = h.applyResource(imageType, h.noImage(), config.with(attrs{"file": "other.vhdx", "sha256": strings.Repeat("0", 64)}))
			h.mustFail(diags, "sha256", "The file has another SHA-256", "not 0000", "correct sha256")
			if err := os.WriteFile(source, packed[:len(packed)-9], 0o600); err != nil {
				t.Fatal(err)
			}
			_, diags = h.applyResource(imageType, h.noImage(), config.with(attrs{"file": "other.vhdx"}))
			h.mustFail(diags, "source_file", "cannot be decompressed as "+compression, "decompress the file first")
			if after := imageFiles(t, server); after != before {
				t.Errorf("the host has %s, before %s", after, before)
			}
		}
	})
}

func packXZ(t *testing.T, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func packZstd(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func TestAFileOfThisComputerBecomesAnImage(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		source, data, hash := imageSource(t)
		h := connected(t, server)
		_, diags := h.applyResource(imageType, h.noImage(), attrs{"file": "debian-13.vhdx", "source_file": source, "serve_address": "127.0.0.1", "sha256": hash})
		h.mustSucceed("create", diags)
		if got, err := os.ReadFile(imagePath(server, "debian-13.vhdx")); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("the host has %d bytes, %v", len(got), err)
		}
	})
}

func TestInvalidImagesAreRefused(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	_, diags := h.applyResource(imageType, h.noImage(), attrs{"file": "a.vhdx"})
	h.mustFail(diags, "source_url", "Exactly one of source_url, source_file and source_path")
	for at, config := range map[string]attrs{
		"file":          {"file": "folder/a.vhdx", "source_path": `D:\a.vhdx`},
		"source_url":    {"file": "a.vhdx", "source_url": "https://images.lab.example/a.vhdx", "source_path": `D:\a.vhdx`},
		"serve_address": {"file": "a.vhdx", "source_file": "a.vhdx"},
		"compression":   {"file": "a.vhdx", "source_url": "https://images.lab.example/a.vhdx.xz", "compression": "xz"},
		"timeout":       {"file": "a.vhdx", "source_path": `D:\a.vhdx`, "timeout": "-1s"},
	} {
		resp, err := h.server.ValidateResourceConfig(h.ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: imageType, Config: h.dynamic(h.resourceKind(imageType), config)})
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Attribute.String() != `AttributeName("`+at+`")` {
			t.Errorf("%s: %v", at, resp.Diagnostics)
		}
	}
}
