// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	_ "embed"
	"encoding/json"
	"net/http"
)

// openAPI is the OpenAPI document. It is written by hand; a test holds all routes and answers to it.
//
//go:embed openapi.json
var openAPI json.RawMessage

// getOpenAPI returns the OpenAPI document.
func (h *Handler) getOpenAPI(w http.ResponseWriter, r *http.Request) error {
	return replyTagged(w, r, "application/json", openAPI)
}
