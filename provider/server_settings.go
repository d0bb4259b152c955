// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpclient"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// serverTimeout limits the first requests to a server, with their repetitions.
const serverTimeout = 30 * time.Second

// serverSettings holds the settings of an hvprovd.
type serverSettings struct {
	URL        types.String `tfsdk:"url"`
	Token      types.String `tfsdk:"token"`
	CACert     types.String `tfsdk:"ca_cert"`
	ClientCert types.String `tfsdk:"client_cert"`
	ClientKey  types.String `tfsdk:"client_key"`
}

func serverAttribute() schema.Attribute {
	text := func(env, description string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: description + " " + envText(env), Optional: true}
	}
	secret := func(env, description string) schema.StringAttribute {
		a := text(env, description)
		a.Sensitive = true
		return a
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The `hvprovd` server to send checks, reads and jobs to, instead of connecting to Hyper-V hosts. The hosts are those of the server, " +
			"under its names for them, and no credentials of hosts are needed. `job_log_dir` has no effect. Conflicts with `host`, `hosts` and `simulator`.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"url":         text(envServerURL, "Address of the server, for example `https://hvprovd.lab.example`. Must begin with `https://`, except for a server on the same computer. Required."),
			"token":       secret(envServerToken, "Bearer token of the server. It needs the role `writer` to apply, and `reader` to plan. May be an ephemeral value. Required, unless the server uses client certificates or is on the same computer."),
			"ca_cert":     text(envServerCACert, "PEM-encoded certificates of the certificate authorities to trust. Defaults to those of the system."),
			"client_cert": text(envServerClientCert, "PEM-encoded client certificate, for a server that requires one."),
			"client_key":  secret(envServerClientKey, "PEM-encoded private key of the client certificate, not encrypted."),
		},
	}
}

// server returns the settings of the server, or nil if the provider connects to hosts itself.
func (s *settings) server(diags *diag.Diagnostics) *serverSettings {
	switch {
	case s.Server != nil:
		return s.Server
	case s.Host != nil || s.Hosts != nil || s.Simulator != nil || os.Getenv(envServerURL) == "":
		return nil
	case os.Getenv(envHost) != "":
		diags.AddError("Conflicting settings", "The environment variables "+envServerURL+" and "+envHost+" are both set. Unset one of them, or set server or host in the configuration.")
	}
	return &serverSettings{}
}

// connectServer returns the service of a server, or nil after an error.
func (p *Provider) connectServer(ctx context.Context, set *serverSettings, diags *diag.Diagnostics) service {
	at := path.Root("server")
	text := func(name, env string, v types.String) string { return stringSetting(at.AtName(name), env, v, diags) }
	opts := httpclient.Options{
		URL: text("url", envServerURL, set.URL), Token: text("token", envServerToken, set.Token), CACert: []byte(text("ca_cert", envServerCACert, set.CACert)),
		ClientCert: []byte(text("client_cert", envServerClientCert, set.ClientCert)), ClientKey: []byte(text("client_key", envServerClientKey, set.ClientKey)),
		Schema: p.schema, UserAgent: "terraform-provider-hypervvm/" + p.version,
	}
	if opts.URL == "" {
		diags.AddAttributeError(at.AtName("url"), "Missing url", "Set url, or the "+envServerURL+" environment variable.")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	client, err := httpclient.New(ctx, opts)
	var mismatch *jobschema.VersionMismatchError
	switch {
	case errors.As(err, &mismatch):
		diags.AddAttributeError(at, "Server has another job schema", fmt.Sprintf("Server %s expects version %d of schema %s, and the provider has version %d of schema %s. "+
			"Use a version of the provider that has the schema of the server, or update the server.",
			opts.URL, mismatch.Expected.Version, mismatch.Expected.ID, mismatch.Given.Version, mismatch.Given.ID))
		return nil
	case err != nil:
		diags.AddAttributeError(at, "Unable to use the server", sentence(err))
		return nil
	}
	return serverService{client}
}
