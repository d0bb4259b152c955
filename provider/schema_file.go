// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// envSchemaFile names the file of a job schema that replaces the default schema.
const envSchemaFile = "HYPERVVM_SCHEMA_FILE"

// invalidSchema is the summary of the error that reports an invalid job schema.
const invalidSchema = "Invalid job schema"

// loadOptions reserves the names that fields cannot have because they become attributes of the resource.
var loadOptions = jobschema.LoadOptions{
	Reserved:       reservedNames(),
	SecretSuffixes: []string{writeOnlySuffix, writeOnlyVersionSuffix},
}

// reservedNames returns the names that no field of a job schema can have, with the reason.
func reservedNames() map[string]string {
	names := map[string]string{}
	for _, name := range []string{"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"} {
		names[name] = "it is a meta-argument of Terraform"
	}
	for name := range builtinAttributes(context.Background()) {
		names[name] = "the provider defines an attribute of that name"
	}
	return names
}

// LoadSchema loads the job schema that defines the attributes of the resource: the file that HYPERVVM_SCHEMA_FILE names, or
// else the default schema. It is an environment variable because Terraform requests the schema of a provider before it
// configures the provider.
func LoadSchema() (*jobschema.Schema, error) {
	standard, err := jobschema.Load(schemas.JobInputsFile, schemas.JobInputs(), loadOptions)
	if err != nil {
		return nil, err
	}
	name := os.Getenv(envSchemaFile)
	if name == "" {
		return standard, nil
	}
	data, err := os.ReadFile(name) // #nosec G703 -- the user of this process chooses the file
	if err != nil {
		return nil, fmt.Errorf("read the job schema that %s names: %w", envSchemaFile, err)
	}
	schema, err := jobschema.Load(name, data, loadOptions)
	if err != nil {
		return nil, err
	}
	if _, err = jobschema.Translate(schema, standard); errors.As(err, new(*jobschema.VersionMismatchError)) {
		err = fmt.Errorf("%s: the file defines %s, and the provider's default schema is %s: choose another id for a custom schema", name, schema.Ref(), standard.Ref())
	}
	if err != nil {
		return nil, err
	}
	return schema, nil
}
