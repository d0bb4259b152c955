// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The environment variables, each of which stands in for the setting of its name where the configuration has none.
const (
	envHost          = "HYPERVVM_HOST"
	envPort          = "HYPERVVM_PORT"
	envUseTLS        = "HYPERVVM_USE_TLS"
	envInsecure      = "HYPERVVM_INSECURE"
	envCACert        = "HYPERVVM_CA_CERT"
	envTLSServerName = "HYPERVVM_TLS_SERVER_NAME"
	envAuth          = "HYPERVVM_AUTH"
	envUsername      = "HYPERVVM_USERNAME"
	envPassword      = "HYPERVVM_PASSWORD" // #nosec G101 -- a variable's name
	envKrb5Realm     = "HYPERVVM_KRB5_REALM"
	envKrb5Conf      = "HYPERVVM_KRB5_CONF"
	envKrb5CCache    = "HYPERVVM_KRB5_CCACHE"
	envKrb5SPN       = "HYPERVVM_KRB5_SPN"
	envClientCert    = "HYPERVVM_CLIENT_CERT"
	envClientKey     = "HYPERVVM_CLIENT_KEY"
	envProxyURL      = "HYPERVVM_PROXY_URL"
	envImagePath     = "HYPERVVM_IMAGE_PATH"
	envVMPath        = "HYPERVVM_VM_PATH"
	envJobLogDir     = "HYPERVVM_JOB_LOG_DIR"
	envSimulator     = "HYPERVVM_SIMULATOR_STATE_FILE"
	envPowerShell    = "HYPERVVM_PWSH"
)

// settings is the provider block.
type settings struct {
	Host      *hostSettings           `tfsdk:"host"`
	Hosts     map[string]hostSettings `tfsdk:"hosts"`
	JobLogDir types.String            `tfsdk:"job_log_dir"`
	Simulator *simulatorSettings      `tfsdk:"simulator"`
}

type simulatorSettings struct {
	StateFile types.String `tfsdk:"state_file"`
}

// Schema gives the provider's settings.
func (p *Provider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	host := hostAttributes()
	resp.Schema = schema.Schema{
		MarkdownDescription: "Provisions virtual machines on Hyper-V hosts over WinRM.",
		Attributes: map[string]schema.Attribute{
			"host": schema.SingleNestedAttribute{
				MarkdownDescription: "The Hyper-V host, where there is but one. Resources need not name it.",
				Optional:            true,
				Attributes:          host,
			},
			"hosts": schema.MapNestedAttribute{
				MarkdownDescription: "The Hyper-V hosts by name, where there are several. A resource's `host` is one of the names. " +
					"Environment variables stand in for whatever an entry leaves out, but for its `address`.",
				Optional:     true,
				NestedObject: schema.NestedAttributeObject{Attributes: host},
			},
			"job_log_dir": schema.StringAttribute{
				MarkdownDescription: "Folder for one log file per job, named for the job's id, written as the job goes. It is made where it is missing. " + envText(envJobLogDir, "no files"),
				Optional:            true,
			},
			"simulator": schema.SingleNestedAttribute{
				MarkdownDescription: "A simulated Hyper-V host in place of real ones, for trying a configuration out. It speaks real WinRM on the loopback interface " +
					"and makes no virtual machine. The host is called `simulator`. Where the variable `" + envPowerShell + "` names a PowerShell 7, that runs the real agent.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"state_file": schema.StringAttribute{
						MarkdownDescription: "File that keeps what the simulated host holds from one run to the next. It is made where it is missing. " + envText(envSimulator, "none"),
						Required:            true,
					},
				},
			},
		},
	}
}

func envText(env, fallback string) string {
	return "Variable: `" + env + "`. Default: " + fallback + "."
}

// ValidateConfig looks at what can be judged without a host and without the environment.
func (p *Provider) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	set := func(name string) bool {
		var v attr.Value
		var d diag.Diagnostics
		switch name {
		case "hosts":
			var m types.Map
			d = req.Config.GetAttribute(ctx, path.Root(name), &m)
			v = m
		default:
			var o types.Object
			d = req.Config.GetAttribute(ctx, path.Root(name), &o)
			v = o
		}
		resp.Diagnostics.Append(d...)
		return !v.IsNull()
	}
	host, hosts, simulator := set("host"), set("hosts"), set("simulator")
	if host && hosts {
		resp.Diagnostics.AddAttributeError(path.Root("hosts"), "Both host and hosts are set",
			"Set host for one Hyper-V host, or hosts for several by name.")
	}
	if simulator && (host || hosts) {
		resp.Diagnostics.AddAttributeError(path.Root("simulator"), "Both simulator and a host are set",
			"The simulator takes the place of host and hosts. Remove it to work with real hosts.")
	}
}

// fromEnv gives a setting: the configured value, else the variable's, else none. The text of a variable that cannot be
// read is an error on the setting.
func fromEnv[T any](at path.Path, env string, configured *T, parse func(string) (T, error), diags *diag.Diagnostics) (value T, ok bool) {
	if configured != nil {
		return *configured, true
	}
	text := os.Getenv(env)
	if text == "" {
		return value, false
	}
	value, err := parse(text)
	if err != nil {
		diags.AddAttributeError(at, "Unable to read variable "+env, fmt.Sprintf("It stands in for this setting, which is not configured. %v.", err))
		return value, false
	}
	return value, true
}

func stringSetting(at path.Path, env string, v types.String, diags *diag.Diagnostics) string {
	s, _ := fromEnv(at, env, v.ValueStringPointer(), func(s string) (string, error) { return s, nil }, diags)
	return s
}

func boolSetting(at path.Path, env string, v types.Bool, fallback bool, diags *diag.Diagnostics) bool {
	b, ok := fromEnv(at, env, v.ValueBoolPointer(), func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return false, fmt.Errorf("%q is neither true nor false", s)
		}
		return b, nil
	}, diags)
	if !ok {
		return fallback
	}
	return b
}

func portSetting(at path.Path, env string, v types.Int64, diags *diag.Diagnostics) int {
	n, ok := fromEnv(at, env, v.ValueInt64Pointer(), func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no number", s)
		}
		return n, nil
	}, diags)
	if ok && (n < 1 || n > 65535) {
		diags.AddAttributeError(at, "Invalid port", fmt.Sprintf("%d is no port: use 1 to 65535, for WinRM usually 5986 or 5985.", n))
	}
	return int(n)
}
