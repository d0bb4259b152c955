// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/guestseed"
)

// guestSeed is the function that returns the documents of a guest. It is pure: what the host chooses has fixed values.
type guestSeed struct{ provider *Provider }

var _ function.Function = guestSeed{}

// Metadata sets the name of the function.
func (guestSeed) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "guest_seed"
}

// Definition returns the parameter and the result of the function.
func (guestSeed) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	const summary = "Returns the documents that set up the guest of a virtual machine."
	resp.Definition = function.Definition{
		Summary: summary,
		MarkdownDescription: summary + " They are those that the agent writes to the ISO image of the guest, by name: for cloud-init `meta-data`, `user-data`, `vendor-data` and " +
			"`network-config`, and for Windows also the answer file `Autounattend.xml`, its copy `Unattend.xml`, and the script `hypervvm.ps1` with its settings " +
			"`hypervvm.json`. The map is empty if the guest is not set up.\n\n" +
			"Each secret is `" + guestseed.Mark + "`, also where a document has a hash or another form of it. What the host chooses has fixed values: the GUID of the virtual machine, which is the " +
			"instance ID, is `" + guestseed.InstanceID + "`, and MAC addresses that the host assigns are `00-00-00-00-00-01` for the first network adapter, " +
			"`00-00-00-00-00-02` for the second, and so on. The rules of the attributes apply, and a value that breaks one is an error. No host is contacted.\n\n" +
			"Terraform marks the result as sensitive if a value of the argument is. It has no secret: `nonsensitive` shows it, unless a command or another value contains one. A part of multipart " +
			"`user-data` is encoded with base64, which `base64decode` decodes.",
		Parameters: []function.Parameter{function.DynamicParameter{
			Name: "vm",
			MarkdownDescription: "An object with attributes of the resource `hypervvm`: all that it requires, and those of the guest and of the network adapters. The resource itself can be passed " +
				"as well, without its write-only attributes.",
		}},
		Return: function.MapReturn{ElementType: types.StringType},
	}
}

// Run calls the function.
func (f guestSeed) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var vm types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &vm); resp.Error != nil {
		return
	}
	raw, err := vm.UnderlyingValue().ToTerraformValue(ctx)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, sentence(err))
		return
	}
	documents, err := f.documents(ctx, raw)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, sentence(err))
		return
	}
	resp.Error = resp.Result.Set(ctx, documents)
}

func (f guestSeed) documents(ctx context.Context, raw tftypes.Value) (map[string]string, error) {
	p := f.provider
	switch {
	case p.schemaErr != nil:
		return nil, p.schemaErr
	case p.agents == nil:
		return nil, errors.New("agents cannot serve the job schema")
	}
	given, err := fromTerraform(raw)
	if err != nil {
		return nil, err
	}
	values, ok := given.(map[string]any)
	if !ok {
		return nil, errors.New("the argument is not an object: pass one with the attributes of the virtual machine")
	}
	for name := range builtinAttributes(ctx) {
		delete(values, name) // they are not inputs of a job
	}
	useWriteOnly(p.schema.Fields, values)
	valid, err := p.schema.Validate(values)
	if err != nil {
		return nil, err
	}
	fields, err := p.agents.translation.Fields(valid)
	if err != nil {
		return nil, err
	}
	return guestseed.Render(fields.Map())
}

// useWriteOnly replaces the write-only forms of secrets by the secrets, in objects and lists as well.
func useWriteOnly(fields []jobschema.Field, values map[string]any) {
	for i := range fields {
		f := &fields[i]
		switch v := values[f.ID].(type) {
		case map[string]any:
			useWriteOnly(f.Fields, v)
		case []any:
			for _, item := range v {
				if object, ok := item.(map[string]any); ok && f.Items != nil {
					useWriteOnly(f.Items.Fields, object)
				}
			}
		}
		if !f.Secret() {
			continue
		}
		if v := values[f.ID+writeOnlySuffix]; v != nil {
			values[f.ID] = v
		}
		delete(values, f.ID+writeOnlySuffix)
		delete(values, f.ID+writeOnlyVersionSuffix)
	}
}
