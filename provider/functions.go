// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// textFunction is a function of one string. It is pure, so that it also works in `terraform validate` and `terraform console`.
type textFunction struct {
	name        string
	summary     string
	description string // Markdown; follows the summary
	parameter   function.StringParameter
	returns     function.Return
	run         func(argument string) (attr.Value, error) // an error is about the argument
}

var _ function.Function = (*textFunction)(nil)

// Metadata sets the name of the function.
func (f *textFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = f.name
}

// Definition returns the parameter and the result of the function.
func (f *textFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: f.summary, MarkdownDescription: f.summary + " " + f.description,
		Parameters: []function.Parameter{f.parameter}, Return: f.returns,
	}
}

// Run calls the function.
func (f *textFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var argument string
	if resp.Error = req.Arguments.Get(ctx, &argument); resp.Error != nil {
		return
	}
	result, err := f.run(argument)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, sentence(err))
		return
	}
	resp.Error = resp.Result.Set(ctx, result)
}

// Functions returns the functions of the provider.
func (p *Provider) Functions(context.Context) []func() function.Function {
	idType := map[string]attr.Type{"host": types.StringType, "vm": types.StringType, "is_guid": types.BoolType}
	all := []func() function.Function{func() function.Function { return guestSeed{p} }}
	for _, f := range []textFunction{
		{
			name:    "parse_id",
			summary: "Splits an import ID into the host and the virtual machine.",
			description: "Returns an object: `host` is the name of the host, `vm` is the name or the GUID of the virtual machine, and `is_guid` reports whether `vm` is a GUID. " +
				"The name of a virtual machine may contain slashes, that of a host may not.",
			parameter: function.StringParameter{Name: "id", MarkdownDescription: "An import ID: the name of the host, a slash, and the name or GUID of the virtual machine."},
			returns:   function.ObjectReturn{AttributeTypes: idType},
			run: func(id string) (attr.Value, error) {
				host, vm, ok := splitID(id)
				if !ok {
					return nil, fmt.Errorf("%q is not an import ID: it must be %s", id, idForm)
				}
				return types.ObjectValueMust(idType, map[string]attr.Value{
					"host": types.StringValue(host), "vm": types.StringValue(vm), "is_guid": types.BoolValue(uuid.Validate(vm) == nil),
				}), nil
			},
		},
		{
			name:    "os_family",
			summary: "Returns the operating system family that the provider infers from the name of an image.",
			description: "The result is that of the attribute `os_family` when it is left out: `linux` or `windows`, or null if the family cannot be inferred from the name. " +
				"It follows the rules of the job schema.",
			parameter: function.StringParameter{Name: "image_name", MarkdownDescription: "Name of an image, as in the attribute `image_name`."},
			returns:   function.StringReturn{},
			run:       p.inferFamily,
		},
		{
			name:        "mac_address",
			summary:     "Returns a MAC address in the notation of the provider.",
			description: "The result has six pairs in capital letters, joined by hyphens: `00-15-5D-00-10-20`. A multicast address is an error, since no network adapter can have it.",
			parameter: function.StringParameter{
				Name:                "address",
				MarkdownDescription: "A MAC address in any notation: pairs joined by hyphens or colons, groups of four digits joined by dots, or twelve digits.",
			},
			returns: function.StringReturn{},
			run:     macAddress,
		},
		{
			name:    "stable_mac_address",
			summary: "Derives a MAC address from a text.",
			description: "The same text always results in the same address, for example for reservations of a DHCP server that must exist before the virtual machine. " +
				"The address is locally administered (its first pair is `02`), so that it is not in the range that Hyper-V assigns dynamically. " +
				"The other 40 bits come from the SHA-256 of the text in lower case: among 1,000 texts, the probability that two have the same address is about one in two million.",
			parameter: function.StringParameter{Name: "text", MarkdownDescription: "A text that is unique in the network, for example the name of the virtual machine and of its network adapter. Letter case does not matter."},
			returns:   function.StringReturn{},
			run: func(text string) (attr.Value, error) {
				if strings.TrimSpace(text) == "" {
					return nil, errors.New("the text is empty: use one that is unique in the network, for example the name of the virtual machine")
				}
				sum := sha256.Sum256([]byte(strings.ToLower(text)))
				return macAddress(fmt.Sprintf("02%x", sum[:5]))
			},
		},
	} {
		all = append(all, func() function.Function { return &f })
	}
	return all
}

// inferFamily returns the operating system family of an image, or null.
func (p *Provider) inferFamily(image string) (attr.Value, error) {
	if p.schemaErr != nil {
		return nil, p.schemaErr
	}
	f, ok := p.schema.Field("os_family")
	if !ok || f.Infer == nil {
		return nil, errors.New("the job schema does not infer os_family")
	}
	family, ok := f.Infer.Value(image)
	if !ok {
		return types.StringNull(), nil
	}
	return types.StringValue(family), nil
}

func macAddress(text string) (attr.Value, error) {
	f := jobschema.Field{ID: "address", Type: jobschema.TypeMAC}
	checked, fault := f.Check(text)
	if fault != nil {
		return nil, errors.New(fault.Message + ": " + fault.Remedy)
	}
	return types.StringValue(fmt.Sprint(checked)), nil
}
