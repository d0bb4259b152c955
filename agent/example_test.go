// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

func ExampleMessage_Format() {
	message, err := agent.Messages()["cpu_exceeds_host"].Format(map[string]any{"host": "hv01", "count": 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.Code)
	fmt.Println(message.Message)
	fmt.Println(message.Remedy)
	// Output:
	// cpu
	// host hv01 has 8 logical processors
	// request 8 or fewer
}
