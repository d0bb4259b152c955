// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// addPartial warns that a host could not read everything. The same texts apply to all virtual machines that were read together, so
// they are reported once for each host.
func (c *connection) addPartial(diags *diag.Diagnostics, host string, partial []string) {
	var missing []string
	for _, text := range partial {
		if c.partial.first(strings.ToLower(host) + " " + text) {
			missing = append(missing, sentence(errors.New(text)))
		}
	}
	if len(missing) > 0 {
		diags.AddWarning("Host "+host+" was not read completely", strings.Join(missing, " ")+
			" Attributes that could not be read keep their values in the state, and changes of them are not detected. Refresh again when the host is less busy.")
	}
}
