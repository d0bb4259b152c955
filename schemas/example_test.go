// SPDX-License-Identifier: MPL-2.0

package schemas_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

func Example() {
	schema, err := schemas.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(schema.ID)
	// Output: vm-provisioning
}
