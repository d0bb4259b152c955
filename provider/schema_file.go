// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"os"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// envSchemaFile names the file of a job schema that takes the place of the provider's own.
const envSchemaFile = "HYPERVVM_SCHEMA_FILE"

// loadOptions are what the provider asks of a job schema, whose fields become attributes of the resource.
var loadOptions = jobschema.LoadOptions{
	Reserved:       reservedNames(),
	SecretSuffixes: []string{writeOnlySuffix, writeOnlyVersionSuffix},
}

// reservedNames returns the ids that no field of a job schema can have, with the reason.
func reservedNames() map[string]string {
	names := map[string]string{}
	for _, name := range []string{"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"} {
		names[name] = "Terraform keeps it for itself"
	}
	for _, name := range []string{"id", "host", "job_id", "state", "ip_addresses", "timeouts", "allow_power_cycle"} {
		names[name] = "the provider has an attribute of that name"
	}
	return names
}

// LoadSchema gives the job schema that the provider's attributes are made of: the one in the file that the variable
// HYPERVVM_SCHEMA_FILE names, else the provider's own. Terraform asks for attributes before it tells a provider its
// settings, so that a variable is the only way to name one.
func LoadSchema() (*jobschema.Schema, error) {
	known, err := loadOptions.Load(schemas.JobInputsFile, schemas.JobInputs())
	if err != nil {
		return nil, err
	}
	name := os.Getenv(envSchemaFile)
	if name == "" {
		return known, nil
	}
	data, err := os.ReadFile(name) // #nosec G703 -- whose process this is says which file
	if err != nil {
		return nil, fmt.Errorf("the file that %s names cannot be read: %w", envSchemaFile, err)
	}
	schema, err := loadOptions.Load(name, data)
	if err != nil {
		return nil, err
	}
	if _, err = jobschema.Translate(schema, known); errors.As(err, new(*jobschema.VersionMismatchError)) {
		err = fmt.Errorf("%s: it is %s, and the provider knows %s: give a schema of your own another id", name, schema.Ref(), known.Ref())
	}
	if err != nil {
		return nil, err
	}
	return schema, nil
}
