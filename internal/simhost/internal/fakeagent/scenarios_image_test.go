// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// image returns an image job.
func image(fields string) protocol.Request {
	return protocol.Request{Definition: definition("image", fields), Secrets: []string{"source_url"}}
}

func createImage(name, source, value, more string) protocol.Request {
	return image(fmt.Sprintf(`"image_action":"create","image_file":%q,%q:%q%s`, name, source, value, more))
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// newImage returns the content of a disk image of 3 MiB.
func newImage() []byte {
	data := bytes.Repeat([]byte{7}, 3<<20)
	copy(data, "vhdxfile")
	return data
}

// imageServer serves files over TLS. Of /cut it sends half, and then the rest on request.
func (s *recorder) imageServer(content []byte, held chan struct{}) (url, certificate string) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write(content)
	_ = writer.Close()
	var mu sync.Mutex
	var ranges []string
	var cut atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		switch r.URL.Path {
		case "/image.vhdx":
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		case "/image.vhdx.gz":
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(packed.Bytes()))
		case "/moved":
			http.Redirect(w, r, "/image.vhdx", http.StatusFound)
		case "/downgraded":
			http.Redirect(w, r, "http://"+r.Host+"/image.vhdx", http.StatusFound)
		case "/cut":
			mu.Lock()
			ranges = append(ranges, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
			mu.Unlock()
			if cut.CompareAndSwap(false, true) {
				w.Header().Set("Content-Length", fmt.Sprint(len(content)))
				_, _ = w.Write(content[:2<<20])
				panic(http.ErrAbortHandler)
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		case "/held":
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:100])
			w.(http.Flusher).Flush()
			held <- struct{}{}
			<-held
			_, _ = w.Write(content[100:])
		case "/huge":
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<50))
			_, _ = w.Write(content[:100])
		case "/page":
			_, _ = w.Write([]byte("<html>" + strings.Repeat(" ", 40000)))
		default:
			http.NotFound(w, r)
		}
	}))
	s.Cleanup(func() {
		server.Close()
		if len(ranges) > 0 && (len(ranges) != 2 || !strings.HasPrefix(ranges[1], "bytes=") || !strings.HasSuffix(ranges[1], `- "1"`)) {
			s.Errorf("the interrupted download was requested with the ranges %q", ranges)
		}
	})
	return server.URL, base64.StdEncoding.EncodeToString(server.Certificate().Raw)
}

func (s *recorder) writeSource(name string, data []byte) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// images are the scenarios of image jobs.
var images = []scenario{
	{"images are copied and removed", func(s *recorder) {
		data := newImage()
		source := s.writeSource("source.bin", data)
		s.runJob(createImage("debian-13.vhdx", "source_path", source, `,"source_sha256":"`+strings.ToUpper(sha(data))+`"`))
		for _, req := range []protocol.Request{
			createImage("DEBIAN-13.vhdx", "source_path", source, ""),
			createImage("other.vhdx", "source_path", source+".missing", ""),
			createImage("other.vhdx", "source_path", source, `,"source_sha256":"`+strings.Repeat("0", 64)+`"`),
			createImage("other.iso", "source_path", source, ""),
			createImage("other.vhdx", "source_path", source, `,"source_compression":"gzip"`),
			image(`"image_action":"remove","image_file":"Debian-13.vhdx"`),
			image(`"image_action":"remove","image_file":"debian-13.vhdx"`),
		} {
			s.section(string(req.Definition))
			s.runJob(req)
		}
		s.section("invalid")
		for i, fields := range []string{
			``, `"image_action":"create"`, `"image_action":"create","image_file":"a.vhdx"`, `"image_action":"create","image_file":"../a.vhdx","source_path":"/a"`,
			`"image_action":"create","image_file":"a.vhd","source_path":"/a"`, `"image_action":"create","image_file":"a.vhdx","source_path":"a"`,
			`"image_action":"create","image_file":"a.vhdx","source_url":"ftp://lab.example/a"`, `"image_action":"create","image_file":"a.vhdx","source_path":"/a","source_url":"https://lab.example/a"`,
			`"image_action":"create","image_file":"a.vhdx","source_path":"/a","source_sha256":"1"`,
		} {
			req := image(fields)
			req.Request, req.Job = "submit", seedID(70+i)
			s.request(req)
		}
	}},
	{"an image that is needed is not removed", func(s *recorder) {
		s.createVM(minimal)
		path := filepath.Join(s.dir, "state.json.d", "disks", "Images", "ubuntu-24.04.vhdx")
		s.editVM(func(vm *hyperv.VM) { vm.Drives[0].Path = path })
		s.runJob(image(`"image_action":"remove","image_file":"ubuntu-24.04.vhdx"`))
	}},
	{"images are downloaded", func(s *recorder) {
		data := newImage()
		url, certificate := s.imageServer(data, nil)
		trust := `,"source_certificate":"` + certificate + `"`
		for _, c := range []struct{ file, path, more string }{
			{"whole.vhdx", "/image.vhdx", trust + `,"source_sha256":"` + sha(data) + `"`},
			{"packed.vhdx", "/image.vhdx.gz", trust + `,"source_compression":"gzip"`},
			{"moved.vhdx", "/moved", trust},
			{"cut.vhdx", "/cut", trust + `,"source_sha256":"` + sha(data) + `"`},
			{"downgraded.vhdx", "/downgraded", trust},
			{"missing.vhdx", "/missing", trust},
			{"page.iso", "/page", trust},
			{"stranger.vhdx", "/image.vhdx", `,"source_certificate":"AAAA"`},
		} {
			s.section(c.file)
			s.runJob(createImage(c.file, "source_url", url+c.path, c.more))
		}
		s.section("not encrypted")
		s.runJob(createImage("plain.vhdx", "source_url", strings.Replace(url, "https:", "http:", 1)+"/image.vhdx", ""))
	}},
	{"an image needs free disk space", func(s *recorder) {
		s.onHost(func(state *hyperv.State) { state.Host.FreeBytes = 1 << 39 }) // the real agent asks the volume
		url, certificate := s.imageServer(newImage(), nil)
		known := createImage("known.vhdx", "source_url", url+"/huge", `,"source_size_bytes":1125899906842624`)
		s.runJob(known)
		s.runJob(createImage("reported.vhdx", "source_url", url+"/huge", `,"source_certificate":"`+certificate+`"`))
		s.section("checks")
		for _, req := range []protocol.Request{
			known,
			createImage("small.vhdx", "source_url", url+"/huge", `,"source_size_bytes":1`),
			createImage("ubuntu-24.04.vhdx", "source_url", url+"/huge", ""),
			createImage("missing.vhdx", "source_path", s.dir+"/missing.vhdx", ""),
		} {
			req.Request = "check"
			s.request(req)
		}
	}},
	{"a download is cancelled", func(s *recorder) {
		held := make(chan struct{})
		url, certificate := s.imageServer(newImage(), held)
		id := s.submit(createImage("held.vhdx", "source_url", url+"/held", `,"source_certificate":"`+certificate+`"`))
		<-held
		s.request(protocol.Request{Request: "cancel", Job: id})
		held <- struct{}{}
		if result := s.awaitJob(id); result.Outcome != job.Cancelled {
			s.Errorf("job ended as %s", result.Outcome)
		}
	}},
}
