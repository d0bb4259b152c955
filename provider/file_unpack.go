// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// errOtherContent reports that a file has another SHA-256 than the configured one.
var errOtherContent = errors.New("the file has another SHA-256 than sha256")

// serveUnpacked serves the decompressed content of a file, whose SHA-256 is verified unless it is empty. The content is in a temporary file,
// because a host requests parts of it again after a lost connection.
func serveUnpacked(ctx context.Context, name, compression, wanted, address string) (*servedFile, error) {
	packed, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = packed.Close() }()
	target, err := os.CreateTemp("", "hypervvm-image-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(target.Name()) // where a file without a name lives until it is closed; Windows removes it in close
	sum, err := unpack(ctx, target, packed, compression, wanted)
	var s *servedFile
	if err == nil {
		s, err = serveFile(ctx, target, address)
	}
	if err != nil {
		_ = target.Close()
		_ = os.Remove(target.Name())
		return nil, err
	}
	s.sha256 = sum
	return s, nil
}

// unpack decompresses a file, and returns the SHA-256 of the content.
func unpack(ctx context.Context, target io.Writer, packed io.Reader, compression, wanted string) (string, error) {
	whole := sha256.New()
	source := bufio.NewReaderSize(io.TeeReader(&contextReader{ctx, packed}, whole), 1<<20)
	var reader io.Reader
	var err error
	if compression == "xz" {
		reader, err = xz.NewReader(source)
	} else {
		var decoder *zstd.Decoder
		if decoder, err = zstd.NewReader(source, zstd.WithDecoderConcurrency(1)); err == nil {
			defer decoder.Close()
			reader = decoder
		}
	}
	content := sha256.New()
	if err == nil {
		_, err = io.Copy(io.MultiWriter(target, content), reader)
	}
	var system *fs.PathError
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.As(err, &system):
		return "", fmt.Errorf("the file cannot be decompressed: %w; the folder for temporary files of this computer needs space for the whole image", err)
	case err != nil:
		return "", fmt.Errorf("the file cannot be decompressed as %s: %w; correct compression, or decompress the file first", compression, err)
	}
	if _, err := io.Copy(io.Discard, source); err != nil { // what follows the compressed content
		return "", err
	}
	if got := hex.EncodeToString(whole.Sum(nil)); wanted != "" && !strings.EqualFold(got, wanted) {
		return "", fmt.Errorf("%w: %s, not %s; correct sha256, or use the file that it belongs to", errOtherContent, got, strings.ToLower(wanted))
	}
	return hex.EncodeToString(content.Sum(nil)), nil
}

// contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has none
	io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
