// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// imageTimeout is the default time limit of an image job: a download of 20 GiB at 3 MiB/s.
const imageTimeout = 2 * time.Hour

// imageResource implements the resource `hypervvm_image`.
type imageResource struct{ jobs vmResource }

var (
	_ resource.ResourceWithConfigure      = (*imageResource)(nil)
	_ resource.ResourceWithValidateConfig = (*imageResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*imageResource)(nil)
	_ resource.ResourceWithImportState    = (*imageResource)(nil)
	_ resource.ResourceWithIdentity       = (*imageResource)(nil)
)

// IdentitySchema returns the attributes of the identity.
func (*imageResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = fileIdentitySchema("file", "Name of the file in the image folder of the host, with its extension.")
}

// imageFields are the attributes by field of an image job.
var imageFields = map[string]string{
	"image_file": "file", "source_url": "source_url", "source_path": "source_path", "source_sha256": "sha256", "source_compression": "compression",
}

// Metadata sets the type name of the resource.
func (*imageResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName + "_image"
}

// Schema returns the attributes of the resource.
func (*imageResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	fixed := stringplanmodifier.UseStateForUnknown()
	replaces := stringplanmodifier.RequiresReplaceIfConfigured()
	source := func(text string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: text + " A new image requires exactly one of `source_url`, `source_file` and `source_path`. Forces replacement, unless the image was imported."}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A disk image or an ISO file in the image folder of a host, which `image_name` and `media_name` of `hypervvm` refer to. It is downloaded by the host, copied on the host, or sent from this computer.\n\n" +
			"The file is written beside its place, verified, and renamed. A file that exists is never replaced. A file that a virtual machine uses, or that is the parent of a differencing disk of one, is never deleted: " +
			"the error names the virtual machine. Virtual machines of other nodes of a cluster are not searched.\n\n" +
			"The free space of the host is compared with the size of the source: in the plan, or with `source_url` before the download.\n\n" +
			"An image that no longer exists is created again by the next apply. One with another size than the created one is reported by a warning.",
		Attributes: map[string]schema.Attribute{
			"id":   schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the host and of the file, separated by a slash.", PlanModifiers: []planmodifier.String{fixed}},
			"host": schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: onlyHostText + " Forces replacement.", PlanModifiers: []planmodifier.String{fixed, replaces}},
			"file": schema.StringAttribute{
				Required: true, MarkdownDescription: "Name of the file, which ends with `.vhdx` or `.iso`. Forces replacement.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"source_url": source("URL that the host downloads: `https://`, or `http://` with `sha256`. Redirects are followed, and a download continues after a lost connection. The host must trust the certificate of the server. " +
				"A signature in the URL is in the state, but not in logs, events and records."),
			"source_file": source("Path of a file on this computer, which the host downloads from a listener on `serve_address`. A change of its content is noticed by `sha256`, for example with `filesha256`. " +
				"A file in the format xz or zstd is decompressed on this computer first, into a file in its folder for temporary files."),
			"source_path": source("Absolute path of a file on the host, which is copied."),
			"serve_address": schema.StringAttribute{Optional: true, MarkdownDescription: "IP address of a network interface of this computer that the host can connect to, with or without a port, for example `192.0.2.10:8443`. " +
				"Required with `source_file`. During the job, the file is served there over TLS, with a certificate that the host verifies, under a path that only the host knows. The firewall of this computer, and those between, must allow " +
				"TCP connections from the host to this address and port. Without a port, a free one is used, which no rule of a firewall can name. A computer that the host cannot reach, such as one behind address translation, " +
				"needs `source_url` or `source_path`."},
			"sha256": schema.StringAttribute{Optional: true, MarkdownDescription: "SHA-256 of the source, in hexadecimal digits: of the file as it is downloaded or copied, before it is decompressed. Another content fails and leaves nothing on the host. " +
				"Forces replacement, unless the image was imported."},
			"compression": schema.StringAttribute{Optional: true, MarkdownDescription: "Compression of the source. One of:\n" +
				"  - `none`\n" +
				"  - `gzip`: the host decompresses it.\n" +
				"  - `xz`, `zstd`: this computer decompresses it, so that it requires `source_file`. Windows offers no decompression of them to its PowerShell.\n\n" +
				"  Defaults to `none`. Forces replacement, unless the image was imported."},
			"keep_on_destroy": schema.BoolAttribute{Optional: true, MarkdownDescription: "Keep the file on the host when the resource is destroyed. Defaults to `false`."},
			"timeout":         schema.StringAttribute{Optional: true, MarkdownDescription: "Time limit of the job, for example `30m`. A job that exceeds it is cancelled. Defaults to `2h`."},
			"name":            schema.StringAttribute{Computed: true, MarkdownDescription: "Name without the file name extension, for `image_name` or `media_name` of `hypervvm`.", PlanModifiers: []planmodifier.String{fixed}},
			"size_bytes":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the file in bytes when it was created or imported."},
		},
	}
}

// Configure receives the connection that [Provider.Configure] made.
func (r *imageResource) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.jobs.Configure(ctx, req, resp)
}

// ValidateConfig validates the configuration without a host.
func (*imageResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var s imageState
	resp.Diagnostics.Append(req.Config.Get(ctx, &s)...)
	s.limit(&resp.Diagnostics)
	if file := s.File.ValueString(); file != "" && !isImageFile(file) {
		resp.Diagnostics.AddAttributeError(path.Root("file"), "Invalid file", fmt.Sprintf("file must be the name of a .vhdx or .iso file without a folder, but is %q.", file))
	}
	sources, unknown := 0, false
	for _, v := range s.sources() {
		unknown = unknown || v.IsUnknown()
		if !v.IsNull() {
			sources++
		}
	}
	if sources > 1 {
		resp.Diagnostics.AddAttributeError(path.Root("source_url"), "Invalid source", imageSourceText)
	}
	if s.SourceFile.IsNull() != s.ServeAddress.IsNull() && !unknown {
		resp.Diagnostics.AddAttributeError(path.Root("serve_address"), "Invalid serve_address", "source_file and serve_address require each other: the host downloads the file from that address of this computer.")
	}
	checkOneOf("compression", s.Compression, []string{"none", "gzip", "xz", "zstd"}, &resp.Diagnostics)
	if s.isUnpackedHere() && s.SourceFile.IsNull() {
		resp.Diagnostics.AddAttributeError(path.Root("compression"), "Invalid compression", "A host cannot decompress "+s.Compression.ValueString()+
			". Use source_file, which this computer decompresses, or decompress the file first.")
	}
}

const imageSourceText = "Exactly one of source_url, source_file and source_path is required."

// ModifyPlan replaces an image with another source, and checks a new one on its host: that its name is free and the volume has space.
func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan, state imageState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		changed := func(name string, before, after types.String) {
			if !before.Equal(after) && !state.isImported() {
				resp.RequiresReplace = append(resp.RequiresReplace, path.Root(name))
			}
		}
		changed("source_url", state.SourceURL, plan.SourceURL)
		changed("source_file", state.SourceFile, plan.SourceFile)
		changed("source_path", state.SourcePath, plan.SourcePath)
		changed("sha256", state.SHA256, plan.SHA256)
		changed("compression", state.Compression, plan.Compression)
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("size_bytes"), state.SizeBytes)...)
		if len(resp.RequiresReplace) > 0 {
			resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("size_bytes"), types.Int64Unknown())...)
		}
		return
	}
	var config imageState
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if config.isImported() {
		resp.Diagnostics.AddAttributeError(path.Root("source_url"), "Invalid source", imageSourceText)
	}
	if resp.Diagnostics.HasError() || !r.jobs.ready() || config.Host.IsUnknown() || config.File.IsUnknown() || config.SourcePath.IsUnknown() {
		return
	}
	if host := r.host(config.Host, &resp.Diagnostics); host != "" {
		r.check(ctx, host, &config, &resp.Diagnostics)
	}
}

// check compares a new image with its host. A check needs no address of a download, which may be secret or not known yet.
func (r *imageResource) check(ctx context.Context, host string, config *imageState, diags *diag.Diagnostics) {
	values := config.values()
	if config.SourcePath.IsNull() {
		values["source_url"] = "https://localhost/"
	}
	if strings.HasPrefix(config.SourceURL.ValueString(), "http:") {
		values["source_url"] = "http://localhost/"
	}
	// A file that another resource creates need not exist yet.
	if info, err := os.Stat(config.SourceFile.ValueString()); err == nil && info.Size() > 0 {
		values["source_size_bytes"] = info.Size()
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	summary := imageSummary("create", host, config.File)
	findings, err := r.jobs.conn.service.Check(ctx, hvprov.CheckRequest{Submission: hvprov.Submission{Host: host, Operation: job.OperationImage, Values: values}})
	if err != nil {
		addAsWarnings(diags, summary, err, "The plan was not checked. The job fails while that lasts.")
	}
	for i := range findings {
		if findings[i].Code == "image_exists" {
			findings[i].Remedy = fmt.Sprintf("use another name, import it with the id %s/%s, or delete it if nothing needs it", host, config.File.ValueString())
		}
	}
	var found diag.Diagnostics
	addFindings(&found, summary, findings)
	diags.Append(atAttributes(found, imageFields)...)
}

func imageSummary(verb, host string, file types.String) string {
	return fmt.Sprintf("Unable to %s image %s/%s", verb, host, file.ValueString())
}

// host returns the configured name of the host; empty after an error.
func (r *imageResource) host(name types.String, diags *diag.Diagnostics) string {
	return r.jobs.conn.resourceHost(name, diags)
}

// find returns the image of a file name, or nil.
func (r *imageResource) find(ctx context.Context, host, file string) (*job.Image, error) {
	snapshot, err := r.jobs.conn.service.HostInventory(ctx, host)
	if err != nil {
		return nil, err
	}
	images := snapshot.Info.Images
	if strings.EqualFold(filepath.Ext(file), ".iso") {
		images = snapshot.Info.Media
	}
	for i := range images {
		if strings.EqualFold(images[i].Name, baseName(file)) {
			return &images[i], nil
		}
	}
	return nil, nil
}

// Create creates the file on the host.
func (r *imageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var s imageState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	if resp.Diagnostics.HasError() {
		return
	}
	values := s.values()
	if !s.SourceFile.IsNull() {
		served, err := s.serve(ctx)
		if err != nil {
			at := "source_file"
			if errors.Is(err, errOtherContent) {
				at = "sha256"
			}
			resp.Diagnostics.AddAttributeError(path.Root(at), "Unable to serve "+s.SourceFile.ValueString(), sentence(err))
			return
		}
		defer served.close()
		values["source_url"], values["source_certificate"] = served.url, served.certificate
		if served.size > 0 {
			values["source_size_bytes"] = served.size
		}
		if s.isUnpackedHere() {
			values["source_sha256"], values["source_compression"] = served.sha256, "none"
		}
	}
	host, result := r.run(ctx, &s, "create", values, &resp.Diagnostics)
	if result == nil {
		return
	}
	s.set(host, result.Image)
	if result.Image == nil { // the worker died when all was done
		found, err := r.find(ctx, host, s.File.ValueString())
		if err != nil || found == nil {
			addError(&resp.Diagnostics, imageSummary("read", host, s.File), errors.Join(err, errors.New("the image exists, but its size is not known: import it")))
			return
		}
		s.set(host, found)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, s.identity())...)
}

// run runs an image job. The result is nil after an error.
func (r *imageResource) run(ctx context.Context, s *imageState, verb string, values map[string]any, diags *diag.Diagnostics) (string, *job.Result) {
	limit := s.limit(diags)
	if !r.jobs.ready() {
		addNotReady(diags, "Unable to "+verb+" image "+s.File.ValueString())
		return "", nil
	}
	host := r.host(s.Host, diags)
	if diags.HasError() {
		return "", nil
	}
	values["image_file"] = s.File.ValueString()
	sub := hvprov.Submission{Host: host, Operation: job.OperationImage, Values: values, Limit: limit, SkipInventoryCheck: true}
	_, result, err := r.jobs.runJob(ctx, limit, sub, s.File.ValueString(), diags)
	if err != nil {
		addErrorAt(diags, imageSummary(verb, host, s.File), err, imageFields)
		return "", nil
	}
	return host, result
}

// Read reads the image. One that is gone leaves the state.
func (r *imageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var s imageState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, s.identity())...)
	if resp.Diagnostics.HasError() || !r.jobs.ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	host := r.host(s.Host, &resp.Diagnostics)
	if host == "" {
		return
	}
	found, err := r.find(ctx, host, s.File.ValueString())
	switch {
	case err != nil:
		addError(&resp.Diagnostics, imageSummary("read", host, s.File), err)
		return
	case found == nil:
		resp.State.RemoveResource(ctx)
		return
	case !s.SizeBytes.IsNull() && s.SizeBytes.ValueInt64() != found.SizeBytes:
		resp.Diagnostics.AddAttributeWarning(path.Root("file"), "Image "+s.ID.ValueString()+" was changed",
			fmt.Sprintf("It has %d bytes, and had %d when it was created. Virtual machines with differencing disks of it may be damaged. To create it again, use -replace.", found.SizeBytes, s.SizeBytes.ValueInt64()))
		found = nil // the state keeps the size of what was created, so that the warning stays
	}
	configured := s.Host
	s.set(host, found)
	s.Host = configured // its name in the configuration may be a former one
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
}

// Update records what does not change the file.
func (*imageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var s imageState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, s.identity())...)
}

// Delete removes the image. One that does not exist is not an error.
func (r *imageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var s imageState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	if !resp.Diagnostics.HasError() && !s.KeepOnDestroy.ValueBool() {
		r.run(ctx, &s, "delete", map[string]any{"image_action": "remove"}, &resp.Diagnostics)
	}
}

// ImportState imports an image by the name of its host and of its file.
func (r *imageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	host, name, ok := importedFile(ctx, req, "file", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if !ok || !isImageFile(name) {
		resp.Diagnostics.AddError("Unable to import an image", "The import id must be the name of the host and of the file, separated by a slash: for example hv01/debian-13.vhdx.")
		return
	}
	file := types.StringValue(name)
	summary := imageSummary("import", host, file)
	if !r.jobs.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	if host = r.host(types.StringValue(host), &resp.Diagnostics); host == "" {
		return
	}
	found, err := r.find(ctx, host, file.ValueString())
	switch {
	case err != nil:
		addError(&resp.Diagnostics, summary, err)
	case found == nil:
		resp.Diagnostics.AddError(summary, "The host has no such file. The data source hypervvm_images lists the files.")
	default:
		s := imageState{File: file}
		s.set(host, found)
		resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, s.identity())...)
	}
}
