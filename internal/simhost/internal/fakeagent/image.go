// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// imageFile is what an image job works on.
type imageFile struct {
	path   string
	exists bool
	ready  bool     // nothing prevents the job
	parts  []string // files of the job that are not complete
	hash   string   // SHA-256 of the source
}

// checkImageFields returns an error if the fields of an image job do not name the file, or not exactly one source.
func checkImageFields(f fields) error {
	for _, name := range []string{"image_action", "image_file"} {
		if !f.has(name) {
			return fail("field_missing", name, "field", name)
		}
	}
	if f.text("image_action") == "create" && f.has("source_url") == f.has("source_path") {
		return fail("image_source_invalid", "source_url")
	}
	return nil
}

// isImageFile reports whether text is the name of a disk image or an ISO file.
func isImageFile(v any) bool {
	s, _ := v.(string)
	return isFileName(s) && slices.Contains([]string{imageExtension, mediaExtension}, strings.ToLower(filepath.Ext(s)))
}

func isURL(v any) bool {
	s, _ := v.(string)
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http")
}

// planImage finds the file, and refuses to replace one, or to remove one that is needed.
func planImage(j *hostJob) error {
	host, err := j.hostState()
	if err != nil {
		return err
	}
	f := &j.plan.image
	j.plan.host = host
	f.path = imageTarget(host, j.settings, j.fields)
	f.exists = exists(f.path)
	if j.fields.text("image_action") == "remove" {
		if !f.exists {
			return nil
		}
		vms, err := j.listVMs()
		if err != nil {
			return err
		}
		users := filesInUse(vms)
		for _, vm := range vms {
			for _, dvd := range vm.DVDs {
				users[pathKey(dvd.Path)] = vm.Name
			}
		}
		if user := users[pathKey(f.path)]; user != "" {
			return fail("image_file_needed", "image_file", "path", f.path, "reason", text("leftover_vm_uses", "vm", user))
		}
		f.ready = true
		return nil
	}
	if err := firstError(imageFindings(host, f.path, j.fields, false)); err != nil {
		return err
	}
	if j.fields.has("source_url") {
		err = j.checkSourceURL(j.sourceURL())
	}
	f.ready = err == nil
	return err
}

// imageTarget returns the path of the file of an image job.
func imageTarget(host hyperv.Host, settings *protocol.Settings, f fields) string {
	name := f.text("image_file")
	extension := filepath.Ext(name)
	return filePath(imageFolder(host, settings), strings.TrimSuffix(name, extension), extension)
}

// imageFindings returns what prevents that an image is created, with warnings also what may change before the job begins.
func imageFindings(host hyperv.Host, path string, f fields, warnings bool) []job.Finding {
	size, source := int64(f.number("source_size_bytes")), f.text("source_path")
	if exists(path) {
		return []job.Finding{finding("image_file_exists", "image_file", "path", path)}
	}
	if source != "" {
		info, err := os.Stat(source)
		if err != nil {
			return []job.Finding{finding("image_source_missing", "source_path", "path", source)}
		}
		size = info.Size()
	}
	return imageSpace(host, path, size, warnings)
}

// imageSpace compares the size of an image with the free space of its volume; with warnings also if less than 1 GiB would be left.
func imageSpace(host hyperv.Host, path string, size int64, warnings bool) []job.Finding {
	left := host.FreeBytes - size
	if host.FreeBytes == 0 || size <= 0 || left >= 1<<30 || left >= 0 && !warnings {
		return nil
	}
	found := finding("storage_low", "image_file", "item", filepath.Base(path), "needed", formatSize(size), "folder", filepath.Dir(path), "free", formatSize(host.FreeBytes))
	if left >= 0 {
		found.Severity = job.SeverityWarning
	}
	return []job.Finding{found}
}

func (j *hostJob) sourceURL() *url.URL {
	u, _ := url.Parse(j.fields.text("source_url")) // valid
	return u
}

func (j *hostJob) checkSourceURL(u *url.URL) error {
	if u.Scheme == "https" || j.fields.has("source_sha256") {
		return nil
	}
	return fail("download_not_encrypted", "source_url", "server", u.Host)
}

func createsImage(source string) func(*hostJob) bool {
	return func(j *hostJob) bool { return placesImage(j) && j.fields.has(source) }
}

func unpacksImage(j *hostJob) bool {
	return placesImage(j) && j.fields.text("source_compression") == "gzip"
}

func placesImage(j *hostJob) bool {
	return j.plan.image.ready && j.fields.text("image_action") == "create"
}

func removesImage(j *hostJob) bool {
	return j.plan.image.ready && j.fields.text("image_action") == "remove"
}

func describeFindImage(j *hostJob) string {
	return text("step_find_image", "image", j.fields.text("image_file"))
}

func reportNoImage(j *hostJob) error {
	if !j.plan.image.exists && j.fields.text("image_action") == "remove" {
		j.log("image_absent", "image", j.fields.text("image_file"), "folder", filepath.Dir(j.plan.image.path))
	}
	return nil
}

func describeImageCopy(j *hostJob) string {
	return text("step_image_copy", "path", j.fields.text("source_path"))
}

func describeImageDownload(j *hostJob) string {
	return text("step_image_download", "server", j.sourceURL().Host)
}

func describeImagePlace(j *hostJob) string {
	return text("step_image_place", "path", j.plan.image.path)
}

func describeImageRemove(j *hostJob) string {
	return text("step_image_remove", "path", j.plan.image.path)
}

// nextPart returns the path of the next incomplete file of the job.
func (j *hostJob) nextPart() string {
	f := &j.plan.image
	f.parts = append(f.parts, fmt.Sprintf("%s.%s.%d.part", f.path, j.id, len(f.parts)))
	_ = os.MkdirAll(filepath.Dir(f.path), 0o755)
	return f.parts[len(f.parts)-1]
}

func copyImageSource(j *hostJob) error {
	path := j.nextPart()
	if err := j.copyImage(j.fields.text("source_path"), path); err != nil {
		return err
	}
	return j.checkImageHash(path)
}

func (j *hostJob) checkImageHash(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	j.plan.image.hash = hex.EncodeToString(sum.Sum(nil))
	if wanted := j.fields.text("source_sha256"); wanted != "" && !strings.EqualFold(wanted, j.plan.image.hash) {
		return fail("image_hash_mismatch", "source_sha256", "actual", j.plan.image.hash, "wanted", strings.ToLower(wanted))
	}
	return nil
}

var errOtherCertificate = errors.New("the server has another certificate")

// downloadTries is how often a download that receives nothing is tried.
const downloadTries = 6

// downloadImage downloads the source. After a lost connection it requests the rest.
func downloadImage(j *hostJob) error {
	path := j.nextPart()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	client := j.downloader()
	validator, done, failures := "", int64(0), 0
	for start := time.Now(); ; {
		n, length, final, err := j.downloadPart(client, out, done, &validator, start)
		if err == nil {
			j.reportCopy(n, length, time.Since(start))
			break
		}
		if cancelled := j.checkCancelled(); cancelled != nil {
			return cancelled
		}
		if failures++; n > done {
			failures = 1
		}
		done = n
		var known *failure
		if errors.As(err, &known) {
			return err
		}
		if final || failures >= downloadTries {
			return fail("download_failed", "source_url", "server", j.sourceURL().Host, "reason", err.Error())
		}
		wait := time.Second << (failures - 1)
		j.log("download_retry", "reason", err.Error(), "seconds", wait.Seconds(), "received", formatSize(done))
		if err := sleep(j.ctx, wait); err != nil {
			return err
		}
	}
	return j.checkImageHash(path)
}

// downloader returns a client that follows redirects to what [hostJob.checkSourceURL] allows, and accepts only the certificate that the job
// names, if it names one.
func (j *hostJob) downloader() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if certificate := j.fields.text("source_certificate"); certificate != "" {
		want, _ := base64.StdEncoding.DecodeString(certificate)
		transport.TLSClientConfig = &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection accepts one certificate
			VerifyConnection: func(c tls.ConnectionState) error {
				if !bytes.Equal(c.PeerCertificates[0].Raw, want) {
					return errOtherCertificate
				}
				return nil
			},
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > 10 {
			return fail("download_redirects", "source_url", "server", req.URL.Host, "limit", 10)
		}
		return j.checkSourceURL(req.URL)
	}}
}

// downloadPart downloads what out lacks from an offset on. It returns the size of out, the length of the source, and whether another
// attempt cannot succeed.
func (j *hostJob) downloadPart(client *http.Client, out *os.File, offset int64, validator *string, start time.Time) (size, length int64, final bool, err error) {
	if *validator == "" {
		offset = 0
	}
	req, err := http.NewRequestWithContext(j.ctx, http.MethodGet, j.fields.text("source_url"), nil)
	if err != nil {
		return offset, 0, true, err
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		req.Header.Set("If-Range", *validator)
	}
	resp, err := client.Do(req)
	if err != nil {
		var certificate *tls.CertificateVerificationError
		return offset, 0, errors.As(err, &certificate) || errors.Is(err, errOtherCertificate), errors.Unwrap(err) // without the URL
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode >= 300:
		return offset, 0, resp.StatusCode < 500 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests, fmt.Errorf("HTTP %d", resp.StatusCode)
	case resp.StatusCode != http.StatusPartialContent:
		offset = 0
	}
	if *validator = resp.Header.Get("ETag"); !strings.HasPrefix(*validator, `"`) {
		*validator = resp.Header.Get("Last-Modified")
	}
	if err := out.Truncate(offset); err != nil {
		return offset, 0, true, err
	}
	if _, err := out.Seek(offset, io.SeekStart); err != nil {
		return offset, 0, true, err
	}
	length = offset + resp.ContentLength
	if err := firstError(imageSpace(j.plan.host, j.plan.image.path, length, false)); err != nil {
		return offset, length, true, err
	}
	for reported := time.Now(); ; {
		n, err := io.CopyN(out, resp.Body, copyBlock)
		offset += n
		switch {
		case errors.Is(err, io.EOF):
			return offset, length, false, nil
		case err != nil:
			return offset, length, false, err
		}
		if err := j.checkCancelled(); err != nil {
			return offset, length, true, err
		}
		if now := time.Now(); offset < length && now.Sub(reported) >= 500*time.Millisecond {
			reported = now
			j.reportCopy(offset, length, now.Sub(start))
		}
	}
}

func unpackImage(j *hostJob) error {
	packed := j.plan.image.parts[0]
	in, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	reader, err := gzip.NewReader(in)
	if err != nil {
		return fail("image_not_packed", "source_compression")
	}
	out, err := os.OpenFile(j.nextPart(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	if _, err := io.Copy(out, reader); err != nil { //nolint:gosec // a test host
		return fail("image_not_packed", "source_compression")
	}
	return os.Remove(packed)
}

// placeImage verifies what the job received, and renames it.
func placeImage(j *hostJob) error {
	f := &j.plan.image
	part := f.parts[len(f.parts)-1]
	file, err := os.Open(part)
	if err != nil {
		return err
	}
	kind, mark, offset := "VHDX", "vhdxfile", int64(0)
	if strings.EqualFold(filepath.Ext(f.path), mediaExtension) {
		kind, mark, offset = "ISO", "CD001", 32769
	}
	head := make([]byte, len(mark))
	_, err = file.ReadAt(head, offset)
	_ = file.Close()
	if err != nil || string(head) != mark {
		return fail("image_content_invalid", "image_file", "kind", kind)
	}
	if d, err := hyperv.ReadDisk(part); err == nil && d.Parent != "" {
		return fail("image_differencing", "image_file")
	}
	if exists(f.path) {
		return fail("image_file_exists", "image_file", "path", f.path)
	}
	if err := os.Rename(part, f.path); err != nil {
		return err
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	j.placed = &job.Image{Name: baseName(f.path), SizeBytes: info.Size()}
	j.message = text("result_image", "path", f.path, "size", formatSize(info.Size()), "hash", f.hash)
	return nil
}

func removeImage(j *hostJob) error {
	j.message = text("file_deleted", "path", j.plan.image.path)
	return os.Remove(j.plan.image.path)
}

// undoImage removes the files that are not complete.
func undoImage(j *hostJob) {
	for _, part := range j.plan.image.parts {
		if exists(part) {
			j.undo(text("file_deleted", "path", part), part, func() error { return os.Remove(part) })
		}
	}
}
