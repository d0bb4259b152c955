// SPDX-License-Identifier: MPL-2.0

package winrm_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

func ExampleConfig_Validate() {
	config := winrm.Config{
		Address: "hv01.lab.example", Auth: winrm.AuthKerberos, Username: "svc@lab.example", Password: "secret",
	}
	fmt.Println(config.Validate())
	config.TLS = true
	fmt.Println(config.Validate())
	fmt.Println(config) // without the password
	// Output:
	// winrm: invalid configuration: Auth: Kerberos authentication requires TLS: message encryption over HTTP is implemented for NTLM only; use TLS or NTLM
	// <nil>
	// https://hv01.lab.example:5986/wsman (auth kerberos, user svc@lab.example)
}

func ExampleConfig_Problems() {
	config := winrm.Config{Address: "hv01.lab.example", Port: 70000, Username: "svc"}
	for _, problem := range config.Problems() {
		fmt.Println(problem.Field, problem.Missing, problem.Reason)
	}
	// Output:
	// Port false 70000 is not between 1 and 65535
	// Password true is required
}
