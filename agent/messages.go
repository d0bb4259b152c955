// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"bytes"
	_ "embed" // messages.json
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
)

//go:embed messages.json
var messages []byte

// Message is a text of the agent: an error, a finding, a warning or the text of an event. Message and Remedy may have
// named placeholders in braces, such as {host}.
type Message struct {
	// Code is the stable code of an error or a finding. It is empty for all other texts.
	Code string `json:"code"`
	// Message is the text itself.
	Message string `json:"message"`
	// Remedy says what the user can do about it. It may be empty.
	Remedy string `json:"remedy"`
}

// Messages returns the agent's message catalogue by message id. Callers must not change it.
func Messages() map[string]Message { return catalogue() }

var catalogue = sync.OnceValue(func() map[string]Message {
	var all map[string]Message
	decoder := json.NewDecoder(bytes.NewReader(messages))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		panic(fmt.Sprintf("agent: messages.json: %v", err)) // embedded: a test parses it
	}
	return all
})

var placeholder = regexp.MustCompile(`\{([a-z_]+)\}`)

// Format returns the message with values in place of its placeholders. A placeholder that has no value is an error.
func (m Message) Format(values map[string]any) (Message, error) {
	var missing string
	fill := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(name string) string {
			value, ok := values[name[1:len(name)-1]]
			if !ok {
				missing = name
				return name
			}
			return fmt.Sprint(value)
		})
	}
	m.Message, m.Remedy = fill(m.Message), fill(m.Remedy)
	if missing != "" {
		return m, fmt.Errorf("message %q has no value for placeholder %s", m.Message, missing)
	}
	return m, nil
}
