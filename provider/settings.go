// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Environment variables. Each one supplies the setting of its name if the configuration does not set it.
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

	envServerURL        = "HYPERVVM_SERVER_URL"
	envServerToken      = "HYPERVVM_SERVER_TOKEN" // #nosec G101 -- a variable's name
	envServerCACert     = "HYPERVVM_SERVER_CA_CERT"
	envServerClientCert = "HYPERVVM_SERVER_CLIENT_CERT"
	envServerClientKey  = "HYPERVVM_SERVER_CLIENT_KEY"
)

// settings holds the provider block.
type settings struct {
	Host      *hostSettings           `tfsdk:"host"`
	Hosts     map[string]hostSettings `tfsdk:"hosts"`
	JobLogDir types.String            `tfsdk:"job_log_dir"`
	Server    *serverSettings         `tfsdk:"server"`
	Simulator *simulatorSettings      `tfsdk:"simulator"`
}

type simulatorSettings struct {
	StateFile types.String `tfsdk:"state_file"`
}

// Schema returns the schema of the provider block.
func (p *Provider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	host, entry := hostAttributes(), hostAttributes()
	entry["address"] = schema.StringAttribute{MarkdownDescription: "DNS name or IP address. Required.", Optional: true} // Configure reports it with the name of the host
	resp.Schema = schema.Schema{
		MarkdownDescription: "Provisions virtual machines on Hyper-V hosts over WinRM.",
		Attributes: map[string]schema.Attribute{
			"host": schema.SingleNestedAttribute{
				MarkdownDescription: "The Hyper-V host, if there is only one. Resources do not need to name it. Conflicts with `hosts`, `simulator` and `server`.",
				Optional:            true,
				Attributes:          host,
			},
			"hosts": schema.MapNestedAttribute{
				MarkdownDescription: "The Hyper-V hosts by name. The `host` attribute of a resource is one of the names. Each node of a failover cluster is a host. " +
					"Environment variables supply the settings that an entry omits, except `address`. Conflicts with `host`, `simulator` and `server`.",
				Optional:     true,
				NestedObject: schema.NestedAttributeObject{Attributes: entry},
			},
			"job_log_dir": schema.StringAttribute{
				MarkdownDescription: "Folder for job logs. Each job writes a file named after its ID while it runs. The folder is created if it does not exist. " + envText(envJobLogDir) + " If omitted, no files are written.",
				Optional:            true,
			},
			"server": serverAttribute(),
			"simulator": schema.SingleNestedAttribute{
				MarkdownDescription: "A simulated Hyper-V host for trying out a configuration. It serves WinRM on the loopback interface and creates no virtual " +
					"machines. The name of the host is `simulator`. If the `" + envPowerShell + "` environment variable names a PowerShell 7 executable, that runs the agent. Otherwise, only the basic attributes of a virtual machine are supported, and a plan reports the others. Conflicts with `host`, `hosts` and `server`.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"state_file": schema.StringAttribute{
						MarkdownDescription: "File that keeps the state of the simulated host between runs. The file is created if it does not exist. To simulate a host without this block, set the `" + envSimulator + "` environment variable.",
						Required:            true,
					},
				},
			},
		},
	}
}

// envText describes the environment variable of an attribute.
func envText(env string) string {
	return "Can also be set with the `" + env + "` environment variable."
}

// ValidateConfig reports settings that conflict. It does not consult the environment.
func (p *Provider) ValidateConfig(_ context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	set := func(name string) bool {
		return isSet(attribute(req.Config.Raw, name))
	}
	host, hosts, simulator := set("host"), set("hosts"), set("simulator")
	if set("server") && (host || hosts || simulator) {
		resp.Diagnostics.AddAttributeError(path.Root("server"), "Conflicting settings",
			"server conflicts with host, hosts and simulator. Set server to use the hosts of an hvprovd, or remove it to connect to hosts directly.")
	}
	if host && hosts {
		resp.Diagnostics.AddAttributeError(path.Root("hosts"), "Conflicting settings",
			"hosts conflicts with host. Set host for one Hyper-V host, or hosts for several.")
	}
	if simulator && (host || hosts) {
		resp.Diagnostics.AddAttributeError(path.Root("simulator"), "Conflicting settings",
			"simulator conflicts with host and hosts. Remove simulator to use real hosts.")
	}
}

// fromEnv returns a setting: the configured value, or else that of the environment variable. It reports false if neither is
// set. A value that cannot be parsed is an error on the attribute.
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
		diags.AddAttributeError(at, "Invalid value of "+env, fmt.Sprintf("The environment variable supplies this attribute, which the configuration does not set: %v.", err))
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
			return false, fmt.Errorf("%q is not a boolean: use true or false", s)
		}
		return b, nil
	}, diags)
	if !ok {
		return fallback
	}
	return b
}

// folderSetting returns the path of a folder on a host. It must be absolute: the working folder of the agent is none that users know.
func folderSetting(at path.Path, env string, v types.String, diags *diag.Diagnostics) string {
	folder := stringSetting(at, env, v, diags)
	if folder != "" && !absolutePath.MatchString(folder) {
		diags.AddAttributeError(at, "Invalid "+at.String(), fmt.Sprintf("%q is not an absolute path. Use a drive letter with a folder, such as D:\\VMs, or a share, such as \\\\files\\vms.", folder))
	}
	return folder
}

// absolutePath matches an absolute path on a host: of Windows, or of the system of a simulated host.
var absolutePath = regexp.MustCompile(`^([A-Za-z]:[\\/]|[\\/]{2}[^\\/]|/)`)

func portSetting(at path.Path, env string, v types.Number, diags *diag.Diagnostics) int {
	var configured *int64
	if x := v.ValueBigFloat(); !v.IsNull() && !v.IsUnknown() {
		whole, accuracy := x.Int64()
		if accuracy != big.Exact {
			diags.AddAttributeError(at, "Invalid port", fmt.Sprintf("%s is not a whole number. Use a number between 1 and 65535.", x.Text('f', -1)))
			return 0
		}
		configured = &whole
	}
	n, ok := fromEnv(at, env, configured, func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number", s)
		}
		return n, nil
	}, diags)
	if ok && (n < 1 || n > 65535) {
		diags.AddAttributeError(at, "Invalid port", fmt.Sprintf("%d is not between 1 and 65535. WinRM uses 5986 with TLS and 5985 without by default.", n))
		return 0
	}
	return int(n)
}
