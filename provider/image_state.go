// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

type imageState struct {
	ID            types.String `tfsdk:"id"`
	Host          types.String `tfsdk:"host"`
	File          types.String `tfsdk:"file"`
	SourceURL     types.String `tfsdk:"source_url"`
	SourceFile    types.String `tfsdk:"source_file"`
	SourcePath    types.String `tfsdk:"source_path"`
	ServeAddress  types.String `tfsdk:"serve_address"`
	SHA256        types.String `tfsdk:"sha256"`
	Compression   types.String `tfsdk:"compression"`
	KeepOnDestroy types.Bool   `tfsdk:"keep_on_destroy"`
	Timeout       types.String `tfsdk:"timeout"`
	Name          types.String `tfsdk:"name"`
	SizeBytes     types.Int64  `tfsdk:"size_bytes"`
}

// imageIdentity is the identity of an image in Terraform 1.12 and later.
type imageIdentity struct {
	Host types.String `tfsdk:"host"`
	File types.String `tfsdk:"file"`
}

func (s *imageState) identity() imageIdentity {
	host, file := splitFileID(s.ID.ValueString())
	return imageIdentity{types.StringValue(host), types.StringValue(file)}
}

// isUnpackedHere reports whether this computer decompresses the source.
func (s *imageState) isUnpackedHere() bool {
	c := s.Compression.ValueString()
	return c == "xz" || c == "zstd"
}

func isImageFile(name string) bool {
	extension := strings.ToLower(filepath.Ext(name))
	return (extension == ".vhdx" || extension == ".iso") && !strings.ContainsAny(name, `\/:*?"<>|`) && len(name) > len(extension)
}

func (s *imageState) sources() []types.String {
	return []types.String{s.SourceURL, s.SourceFile, s.SourcePath}
}

func (s *imageState) limit(diags *diag.Diagnostics) time.Duration {
	if s.Timeout.IsNull() || s.Timeout.IsUnknown() {
		return imageTimeout
	}
	return vmTarget{Timeout: s.Timeout}.limit(diags)
}

// isImported reports whether the state does not know where the image is from.
func (s *imageState) isImported() bool {
	return !slices.ContainsFunc(s.sources(), func(v types.String) bool { return !v.IsNull() })
}

func baseName(file string) string { return strings.TrimSuffix(file, filepath.Ext(file)) }

// values returns the values of a job that creates the image, without those of a file of this computer.
func (s *imageState) values() map[string]any {
	values := map[string]any{"image_action": "create", "image_file": s.File.ValueString()}
	for field, v := range map[string]types.String{"source_url": s.SourceURL, "source_path": s.SourcePath, "source_sha256": s.SHA256, "source_compression": s.Compression} {
		if v.ValueString() != "" {
			values[field] = v.ValueString()
		}
	}
	if s.isUnpackedHere() {
		delete(values, "source_compression")
		delete(values, "source_sha256")
	}
	return values
}

// serve serves the file of this computer, decompressed if a host cannot do that.
func (s *imageState) serve(ctx context.Context) (*servedFile, error) {
	name, address := s.SourceFile.ValueString(), s.ServeAddress.ValueString()
	if s.isUnpackedHere() {
		return serveUnpacked(ctx, name, s.Compression.ValueString(), s.SHA256.ValueString(), address)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return serveFile(ctx, file, address)
}

func (s *imageState) set(host string, image *job.Image) {
	s.Host, s.ID, s.Name = types.StringValue(host), types.StringValue(fileID(host, s.File.ValueString())), types.StringValue(baseName(s.File.ValueString()))
	if image != nil {
		s.SizeBytes = types.Int64Value(image.SizeBytes)
	}
}
