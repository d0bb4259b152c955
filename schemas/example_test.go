// SPDX-License-Identifier: MPL-2.0

package schemas_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

func Example() {
	schema, err := jobschema.Load(schemas.JobInputsFile, schemas.JobInputs())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(schema.ID)
	// Output: vm-provisioning
}
