// SPDX-License-Identifier: MPL-2.0

package guestseed

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// answerSettings are the settings of an answer file, from the agent's own table: the path of elements, with the pass and the component
// first, and the names of the value. '*' marks the elements of a list.
var answerSettings = sync.OnceValue(func() (settings []struct{ path, names []string }) {
	rows := regexp.MustCompile(`(?m)^    , @\('(\w+)', '([\w-]+)', '([\w/*]+)', '([\w:]+)'\)`)
	for _, row := range rows.FindAllStringSubmatch(bundle(), -1) {
		settings = append(settings, struct{ path, names []string }{append(row[1:3:3], strings.Split(row[3], "/")...), strings.Split(row[4], ":")})
	}
	return settings
})

var bundle = sync.OnceValue(func() string { return string(agent.Bundle()) })

// guestScript returns the script that runs in a Windows guest: the functions of the agent that Get-WindowsScript lists.
var guestScript = sync.OnceValue(func() string {
	var b strings.Builder
	b.WriteString("param([string] $Step = 'install')\n\nSet-StrictMode -Version Latest\n$ErrorActionPreference = 'Stop'\n")
	_, list, _ := strings.Cut(bundle(), "$script:AgentGuestScriptFunctions = @(")
	list, _, _ = strings.Cut(list, ")")
	for _, name := range regexp.MustCompile(`[\w-]+`).FindAllString(list, -1) {
		head := "\nfunction " + name + " {"
		_, body, _ := strings.Cut(bundle(), head)
		body, _, _ = strings.Cut(body, "\n}\n")
		b.WriteString(head + body + "\n}\n")
	}
	b.WriteString("\nStart-GuestScript -Step $Step -Source $PSScriptRoot\n")
	return b.String()
})

// element is an element of an answer file.
type element struct {
	name     string
	key      int // number in a list, or 0
	text     string
	children []*element
}

// child returns the child with a name and a key, or nil.
func (e *element) child(name string, key int) *element {
	for _, c := range e.children {
		if c.name == name && c.key == key {
			return c
		}
	}
	return nil
}

// answerFile returns an answer file: ConvertTo-Unattend of the agent. encoding/xml writes no prefixes of namespaces.
func answerFile(values map[string]any) (string, error) {
	root := &element{}
	for _, s := range answerSettings() {
		root.add(s.path, values, s.names)
	}
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n" +
		`<unattend xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State" xmlns="urn:schemas-microsoft-com:unattend">` + "\n")
	for _, pass := range root.children {
		fmt.Fprintf(&b, "  <settings pass=%q>\n", pass.name)
		for _, component := range pass.children {
			fmt.Fprintf(&b, "    <component name=%q processorArchitecture=\"amd64\" publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\">\n",
				"Microsoft-Windows-"+component.name)
			for _, e := range component.children {
				if err := e.write(&b, "      "); err != nil {
					return "", err
				}
			}
			b.WriteString("    </component>\n")
		}
		b.WriteString("  </settings>\n")
	}
	b.WriteString("</unattend>")
	return b.String(), nil
}

// add adds a setting below an element, once for each item where its path enters a list. An element without content is not added.
func (e *element) add(path []string, values any, names []string) {
	name, isList := strings.CutSuffix(path[0], "*")
	rest, items := names, []any{values}
	if isList {
		rest, items = names[1:], list(value(values, names[0]))
	}
	for i, item := range items {
		key := 0
		if isList {
			key = i + 1
		}
		child := e.child(name, key)
		isNew := child == nil
		if isNew {
			child = &element{name: name, key: key}
		}
		switch {
		case len(path) > 1:
			child.add(path[1:], item, rest)
		case isList:
			child.text, _ = item.(string)
		default:
			child.text, _ = value(item, names[0]).(string)
		}
		if isNew && (child.text != "" || len(child.children) > 0) {
			e.children = append(e.children, child)
		}
	}
}

func value(values any, name string) any {
	table, _ := values.(map[string]any)
	return table[name]
}

func list(v any) (items []any) {
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		for _, s := range v {
			items = append(items, s)
		}
	}
	return items
}

// notXML has the characters that XML 1.0 does not allow.
var notXML = regexp.MustCompile(`[^\t\n\r -\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]`)

// write writes an element. Those of a list have attributes: the action, and a key where they have no children.
func (e *element) write(b *strings.Builder, indent string) error {
	if notXML.MatchString(e.text) {
		return refusal(e.name, "answer_text", map[string]any{"setting": e.name})
	}
	b.WriteString(indent + "<" + e.name)
	if e.key > 0 {
		b.WriteString(` wcm:action="add"`)
		if e.text != "" {
			fmt.Fprintf(b, ` wcm:keyValue="%d"`, e.key)
		}
	}
	b.WriteString(">" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;").Replace(e.text))
	if len(e.children) > 0 {
		b.WriteByte('\n')
		for _, c := range e.children {
			if err := c.write(b, indent+"  "); err != nil {
				return err
			}
		}
		b.WriteString(indent)
	}
	b.WriteString("</" + e.name + ">\n")
	return nil
}
